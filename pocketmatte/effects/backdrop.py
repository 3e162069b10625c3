"""Pictures and clips as backgrounds: fitted to the frame, clips at their own exact times, over and over."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Literal, Protocol, get_args

import cv2
import numpy as np

from pocketmatte.core import Frame, PocketmatteError, Size, UInt8Image
from pocketmatte.ops.filters import gaussian
from pocketmatte.ops.resize import resize

Fit = Literal["cover", "contain", "stretch", "tile"]
FITS: tuple[Fit, ...] = get_args(Fit)


def fit_picture(picture: UInt8Image, size: Size, fit: Fit = "cover") -> UInt8Image:
    """Bring a picture uint8 ``[h,w,3]`` to ``size``: uint8 ``[H,W,3]``.

    ``cover`` fills it undistorted, what sticks out is cut off evenly; ``contain`` shows all of it, undistorted, over
    a blurred ``cover`` of itself; ``stretch`` distorts; ``tile`` repeats it at its own size from the top left corner.
    """
    height, width = size
    if fit == "stretch":
        return resize(picture, size)
    if fit == "tile":
        down, across = (-(-n // m) for n, m in zip(size, picture.shape[:2], strict=True))
        return np.ascontiguousarray(np.tile(picture[:height, :width], (down, across, 1))[:height, :width])
    ratios = (height / picture.shape[0], width / picture.shape[1])
    scaled = [max(1, round(side * (max if fit == "cover" else min)(ratios))) for side in picture.shape[:2]]
    if fit == "cover":
        grown = resize(picture, Size(max(height, scaled[0]), max(width, scaled[1])))
        top, left = (grown.shape[0] - height) // 2, (grown.shape[1] - width) // 2
        return np.ascontiguousarray(grown[top : top + height, left : left + width])
    inner = Size(min(height, scaled[0]), min(width, scaled[1]))
    result = np.asarray(gaussian(fit_picture(picture, size), 0.04 * max(size)), np.uint8)
    top, left = (height - inner.height) // 2, (width - inner.width) // 2
    result[top : top + inner.height, left : left + inner.width] = resize(picture, inner)
    return result


class Backdrop(Protocol):
    """Something that stands behind the person."""

    def at(self, size: Size, pts: Fraction | None) -> UInt8Image:
        """The background uint8 ``[H,W,3]`` of ``size`` at the time ``pts`` of the frame (``None``: a photo)."""
        ...

    def reset(self) -> None:
        """A new photo or video begins."""
        ...


class PictureBackdrop:
    """A still picture, fitted once per size."""

    def __init__(self, picture: UInt8Image, fit: Fit = "cover") -> None:
        self._picture, self._fit = picture, fit
        self._fitted: UInt8Image | None = None

    def at(self, size: Size, pts: Fraction | None) -> UInt8Image:
        """The fitted picture; not to be written into."""
        fitted = self._fitted
        if fitted is None or fitted.shape[:2] != size:
            fitted = self._fitted = fit_picture(self._picture, size, self._fit)
        return fitted

    def reset(self) -> None:
        """Nothing to forget."""


class Clip(Protocol):
    """A video that can be gone through again and again; ``last_duration`` is known after a pass."""

    @property
    def last_duration(self) -> Fraction | None:
        """Seconds the last frame is shown."""
        ...

    def __iter__(self) -> Iterator[Frame]: ...


class ClipBackdrop:
    """A clip from its start, repeated without end: at each time the latest of its frames that is not in the future.

    Times are exact fractions; the clip starts with the first frame of the video it stands behind, and a repetition
    begins when its last frame has been shown as long as the file says (as long as the one before, if it does not).
    """

    def __init__(self, clip: Clip, fit: Fit = "cover") -> None:
        self._clip, self._fit = clip, fit
        self._length: Fraction | None = None
        self._begin: Fraction | None = None
        self._restart()

    def reset(self) -> None:
        """The next frame sees the clip from its start."""
        self._begin = None

    def _restart(self) -> None:
        self._frames = iter(self._clip)
        first = next(self._frames, None)
        if first is None:
            raise PocketmatteError("the backdrop video has no frame")
        self._start = first.pts or Fraction(0)
        self._shown, self._next = first, next(self._frames, None)
        self._step = Fraction(1, 25)
        self._cached: UInt8Image | None = None

    def _time(self, frame: Frame) -> Fraction:
        return (frame.pts or Fraction(0)) - self._start

    def _advance(self, time: Fraction) -> None:
        while self._next is not None and self._time(self._next) <= time:
            self._step = self._time(self._next) - self._time(self._shown)
            self._shown, self._next, self._cached = self._next, next(self._frames, None), None
        if self._next is None and self._length is None:
            self._length = self._time(self._shown) + (self._clip.last_duration or self._step)

    def at(self, size: Size, pts: Fraction | None) -> UInt8Image:
        """The frame of the clip that is on at ``pts``; a photo gets the first one."""
        now = pts or Fraction(0)
        if self._begin is None or now < self._begin:
            self._begin = now
        time = now - self._begin
        if self._length is None:
            self._advance(time)
        if self._length is not None:
            time %= self._length
        if time < self._time(self._shown):
            self._restart()
        self._advance(time)
        if self._cached is None or self._cached.shape[:2] != size:
            self._cached = fit_picture(self._shown.image, size, self._fit)
        return self._cached


def read_depth(picture: UInt8Image) -> np.ndarray:
    """A depth picture uint8 ``[H,W,3]``, near is bright, as float32 ``[H,W]`` in 0..1 (1 = nearest)."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32) * np.float32(1 / 255)
