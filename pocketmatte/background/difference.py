"""Background subtraction: what differs from the empty scene by more than noise, light and shadow explain.

Each pixel's colour is compared with the plate's as brightness and colour apart (Horprasert, Harwood and Davis 1999, "A
statistical approach for real-time robust background subtraction and shadow detection"): the brightness ratio ``a`` that
brings the plate's colour closest to the pixel's, and the distance that remains, both in units of the camera's noise. A
pixel that is only somewhat darker is a shadow and counts little. The whole picture's light is followed frame by frame,
the plate itself adapts where nobody is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pocketmatte.background.plate import Plate
from pocketmatte.background.regions import Face, close_gaps, connected_to, grown, keep_people
from pocketmatte.core import Alpha, PocketmatteError, Size, UInt8Image
from pocketmatte.ops.refine import refine_guided

Array = npt.NDArray[Any]

_SIDE = 360  # pixels of the shorter side at which pictures are compared; the edge is refined at full size
_SHADOW = (0.5, 0.97)  # brightness ratios of a shadow
_SHADOW_COLOR = 4.0  # most colour distance of a shadow, in units of noise
_SHADOW_WEIGHT = 0.1
_STRONG = 2.0  # multiples of the threshold that make a spot certain
_REACH, _EDGE = 7, 0.35
_QUIET = 0.6  # of the threshold; regions inside an outline that stay below it are background seen through
_LIGHT_MEMORY = 0.8


@dataclass(frozen=True)
class Tuning:
    """``threshold``: difference in units of noise from which a pixel may be a person. ``gap``: widest gap that is
    closed, as a share of the shorter side. ``adapt``: how fast the plate follows the scene, per frame, 0 for never.
    ``only_largest``: one person. ``shadows``: whether shadows count as background."""

    threshold: float = 6.0
    gap: float = 0.04
    adapt: float = 0.02
    only_largest: bool = False
    shadows: bool = True

    def __post_init__(self) -> None:
        if self.threshold <= 0:
            raise PocketmatteError(f"threshold must be above 0, found {self.threshold:g}")
        if not 0 <= self.adapt <= 1:
            raise PocketmatteError(f"adapt must be from 0 to 1, found {self.adapt:g}")
        if not 0 <= self.gap <= 0.5:
            raise PocketmatteError(f"gap must be from 0 to 0.5 of the shorter side, found {self.gap:g}")


class DifferenceSubtractor:
    """People before a known scene, frame after frame; remembers the light and follows the scene."""

    def __init__(self, plate: Plate, tuning: Tuning | None = None) -> None:
        self.tuning = tuning or Tuning()
        self._size = plate.size
        scale = min(1.0, _SIDE / min(plate.size))
        self._small = Size(max(1, round(plate.size.height * scale)), max(1, round(plate.size.width * scale)))
        self.plate = plate.resized(self._small)
        self._light = np.ones(3, np.float32)
        self._outside: npt.NDArray[np.bool_] = np.ones(self._small, bool)

    def step(self, image: UInt8Image, faces: Sequence[Face] = ()) -> Alpha:
        """Picture uint8 RGB ``[H,W,3]`` of the plate's size -> alpha float32 ``[H,W]`` in 0..1.

        ``faces`` in its pixels keep out what cannot belong to them. Raises :class:`PocketmatteError` for another size.
        """
        small = self.shrink(image)
        scale = self._small.height / image.shape[0]
        near = [Face(f.x * scale, f.y * scale, f.width * scale, f.height * scale) for f in faces]
        mask = self.mask(small, near)
        soft = cv2.GaussianBlur(mask, (0, 0), 0.8).astype(np.float32) * np.float32(1 / 255)
        return refine_guided(soft, image, guide=small)

    def shrink(self, image: UInt8Image) -> UInt8Image:
        """The picture at the size at which pictures are compared."""
        if image.shape[:2] != self._size:
            raise PocketmatteError(
                f"the picture has {image.shape[1]}x{image.shape[0]} pixels, the empty scene "
                f"{self._size.width}x{self._size.height}: expected the same camera setting; learn the scene again"
            )
        target = (self._small.width, self._small.height)
        return np.asarray(cv2.resize(image, target, interpolation=cv2.INTER_AREA), np.uint8)

    def mask(self, small: UInt8Image, faces: Sequence[Face] = ()) -> npt.NDArray[np.uint8]:
        """The hard mask (0 or 255) of a shrunk picture; follows light and scene."""
        score = self.score(small)
        limit = self.tuning.threshold
        # The score is blurred a little: the edge of something very different lies where it falls to a part of that.
        height = cv2.dilate(score, np.ones((_REACH, _REACH), np.uint8))
        found = connected_to((score > limit) & (score > _EDGE * height), score > _STRONG * limit)
        radius = round(self.tuning.gap * min(small.shape[:2]) / 2)
        closed = close_gaps(found, radius)
        # A hole that shows the empty scene all over was closed wrongly: between arm and body, say.
        calm = cv2.blur(score, (2 * radius + 1, 2 * radius + 1), borderType=cv2.BORDER_REPLICATE) < _QUIET * limit
        closed[calm & (found == 0)] = 0
        people = keep_people(closed, faces, self.tuning.only_largest)
        self._follow(small, people)
        return people

    def score(self, small: UInt8Image) -> Array:
        """Difference float32 ``[h,w]`` of a shrunk picture from the plate in this light, in units of noise."""
        lit = self._lit(small)
        mean, noise = self.plate.color, self.plate.noise
        length = np.maximum((mean * mean).sum(axis=2), 64.0)
        ratio = (lit * mean).sum(axis=2) / length
        color = np.sqrt(((lit - ratio[..., None] * mean) ** 2).sum(axis=2)) / noise
        light = np.abs(ratio - 1) * np.sqrt(length) / noise
        if self.tuning.shadows:
            shadow = (ratio > _SHADOW[0]) & (ratio < _SHADOW[1]) & (color < _SHADOW_COLOR)
            light = np.where(shadow, _SHADOW_WEIGHT * light, light)
        return np.asarray(cv2.GaussianBlur(np.hypot(color, light).astype(np.float32), (0, 0), 1.0), np.float32)

    def _lit(self, small: UInt8Image) -> Array:
        """The picture as it would be in the plate's light: one factor per channel, from where nobody was."""
        values = small.astype(np.float32)
        outside = self._outside if self._outside.mean() > 0.05 else np.ones(self._small, bool)
        usable = outside & (self.plate.color.min(axis=2) > 16) & (small.max(axis=2) < 250)
        if usable.sum() > 100:
            now = np.median(values[usable] / self.plate.color[usable], axis=0)
            self._light = _LIGHT_MEMORY * self._light + (1 - _LIGHT_MEMORY) * now.astype(np.float32)
        return values / np.clip(self._light, 0.25, 4.0)

    def _follow(self, small: UInt8Image, people: npt.NDArray[np.uint8]) -> None:
        self._outside = grown(people, max(2, min(self._small) // 40)) == 0
        if self.tuning.adapt:
            change = small.astype(np.float32) / np.clip(self._light, 0.25, 4.0) - self.plate.color
            self.plate.color += (self.tuning.adapt * self._outside)[..., None] * change
