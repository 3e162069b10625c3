"""Learned harmonisation: recolour the person as if it had been photographed in the new scene.

A small network looks at the composite and answers with one colour transform for the whole person, so a frame of any
size costs a table look-up and a matrix. It is given as a callable: opening weight files is the pipeline's business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pocketmatte.core import Alpha, UInt8Image
from pocketmatte.effects.color_transform import ColorTransform, Numbers
from pocketmatte.ops.resize import halve, resize

Array = npt.NDArray[Any]
Infer = Callable[[dict[str, Array]], Mapping[str, Array]]

_VISIBLE = 0.002  # share of the picture below which there is nobody to recolour
_CUT = 0.12  # mean change of the small composite (0..1) from one frame to the next that means another scene


class Harmonizer:
    """Recolours one picture after the other.

    ``infer`` takes ``{"composite": float32 [1,h,w,4]}``, RGB and alpha in 0..1, and gives ``{"transform": [1,66]}``
    (see :mod:`pocketmatte.effects.color_transform`); ``size`` is (h, w). ``strength`` scales the change: 0 = none,
    1 = as learned, above 1 exaggerates. ``smooth`` in 0..1 is the weight of the past in a video's moving average of
    the transform, 0 for photos; a scene cut or :meth:`reset` starts it anew. Not for several threads at once.
    """

    def __init__(
        self, infer: Infer, size: tuple[int, int] = (96, 96), *, strength: float = 1.0, smooth: float = 0.0
    ) -> None:
        if not 0 <= smooth < 1:
            raise ValueError(f"smooth must be at least 0 and below 1, found {smooth}")
        self._infer, self._size, self._strength, self._smooth = infer, size, strength, smooth
        self.reset()

    def reset(self) -> None:
        """Forget the past frames: the next one starts a sequence."""
        self._mean: Numbers | None = None
        self._last: Array | None = None

    def __call__(self, foreground: UInt8Image, alpha: Alpha, background: UInt8Image) -> UInt8Image:
        """The person's new colours, uint8 ``[H,W,3]``; ``foreground`` itself when alpha shows nobody.

        ``foreground`` and ``background`` uint8 RGB ``[H,W,3]``, ``alpha`` float32 ``[H,W]`` in 0..1, all of one size
        (else ``ValueError``). Colours further than two pixels from the person's box stay as they are.
        """
        transform = self.transform(foreground, alpha, background)
        return foreground if transform is None else transform.apply_inside(foreground, alpha)

    def transform(self, foreground: UInt8Image, alpha: Alpha, background: UInt8Image) -> ColorTransform | None:
        """What :meth:`__call__` does to the person's colours, or ``None`` when there is nobody; counts as a frame."""
        if not foreground.shape == background.shape == (*alpha.shape, 3):
            raise ValueError(
                f"expected one size, found foreground {foreground.shape}, alpha {alpha.shape} and "
                f"background {background.shape}"
            )
        small = self._look(foreground, alpha, background)
        if small[..., 3].mean() < _VISIBLE:
            return None
        numbers = np.asarray(self._infer({"composite": small[None]})["transform"], np.float32).reshape(-1)
        if self._mean is None or self._is_cut(small):
            self._mean = numbers
        else:
            self._mean = np.float32(self._smooth) * self._mean + np.float32(1 - self._smooth) * numbers
        self._last = small
        transform = ColorTransform(self._mean)
        return transform if self._strength == 1 else transform.scaled(self._strength)

    def _look(self, foreground: UInt8Image, alpha: Alpha, background: UInt8Image) -> Array:
        """The composite and its matte at the network's size, float32 ``[h,w,4]`` in 0..1."""
        front, a, back = (self._shrink(x) for x in (foreground, alpha, background))
        weight = cv2.merge([np.asarray(a, np.float32)] * 3)
        mixed = (back + (front.astype(np.float32) - back) * weight) * np.float32(1 / 255)
        return np.ascontiguousarray(np.dstack([mixed, a]), np.float32)

    def _shrink(self, image: Array) -> Array:
        times = 0
        while min(image.shape[0] / self._size[0], image.shape[1] / self._size[1]) >= 2 << times:
            times += 1
        return resize(halve(image, times), self._size, "area")

    def _is_cut(self, small: Array) -> bool:
        assert self._last is not None
        return bool(np.abs(small[..., :3] - self._last[..., :3]).mean() > _CUT)
