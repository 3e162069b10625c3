"""Alternatives: a mixture of Gaussians or nearest neighbours per pixel (OpenCV), and GrabCut on top of a difference.

MOG2: Zivkovic 2004, "Improved adaptive Gaussian mixture model for background subtraction". KNN: Zivkovic and van der
Heijden 2006. GrabCut: Rother, Kolmogorov and Blake 2004.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import cv2
import numpy as np

from pocketmatte.background.difference import DifferenceSubtractor, Tuning
from pocketmatte.background.plate import Plate
from pocketmatte.background.regions import Face, close_gaps, grown, keep_people
from pocketmatte.core import Alpha, PocketmatteError, UInt8Image
from pocketmatte.ops.refine import refine_guided

_SIDE = 360
_CUT_SIDE = 240  # GrabCut's cost grows faster than the number of pixels
_ROUNDS = 2
_PERSON = 255  # what OpenCV writes for foreground; 127 is a shadow


class MixtureSubtractor:
    """``mog2`` or ``knn`` of OpenCV at a reduced size, cleaned like the difference, edge refined at full size."""

    def __init__(
        self, frames: Iterable[UInt8Image], count: int, kind: Literal["mog2", "knn"], tuning: Tuning | None = None
    ) -> None:
        self.tuning = tuning or Tuning()
        variance = self.tuning.threshold**2
        if kind == "mog2":
            self._model: Any = cv2.createBackgroundSubtractorMOG2(count, variance, self.tuning.shadows)
        else:
            self._model = cv2.createBackgroundSubtractorKNN(count, 10 * variance, self.tuning.shadows)
        self._shape: tuple[int, ...] | None = None
        for number, image in zip(range(count), frames, strict=False):
            self._model.apply(self._shrunk(image), learningRate=1 / (number + 1))
        if self._shape is None:
            raise PocketmatteError("no frames to learn the empty scene from")

    def step(self, image: UInt8Image, faces: Sequence[Face] = ()) -> Alpha:
        """Picture uint8 RGB ``[H,W,3]`` -> alpha float32 ``[H,W]`` in 0..1. These models adapt by themselves."""
        small = self._shrunk(image)
        found = np.where(self._model.apply(small, learningRate=self.tuning.adapt / 10) == _PERSON, 255, 0)
        calm = cv2.medianBlur(found.astype(np.uint8), 5)
        scale = small.shape[0] / image.shape[0]
        near = [Face(f.x * scale, f.y * scale, f.width * scale, f.height * scale) for f in faces]
        closed = close_gaps(np.asarray(calm, np.uint8), round(self.tuning.gap * min(small.shape[:2]) / 2))
        mask = keep_people(closed, near, self.tuning.only_largest)
        soft = cv2.GaussianBlur(mask, (0, 0), 0.8).astype(np.float32) * np.float32(1 / 255)
        return refine_guided(soft, image, guide=small)

    def _shrunk(self, image: UInt8Image) -> UInt8Image:
        if self._shape not in (None, image.shape):
            raise PocketmatteError("frames of several sizes: the camera must stand still and stay as it is")
        self._shape = image.shape
        return _shrink(image, _SIDE)


class GrabCutSubtractor:
    """The difference says where people surely are and are not; GrabCut decides between by colour."""

    def __init__(self, plate: Plate, tuning: Tuning | None = None) -> None:
        self._difference = DifferenceSubtractor(plate, tuning)

    def step(self, image: UInt8Image, faces: Sequence[Face] = ()) -> Alpha:
        """Picture uint8 RGB ``[H,W,3]`` -> alpha float32 ``[H,W]`` in 0..1."""
        alpha = self._difference.step(image, faces)
        small = _shrink(image, _CUT_SIDE)
        size = (small.shape[1], small.shape[0])
        levels = (cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) * 255).astype(np.uint8)
        rim = max(2, min(small.shape[:2]) // 40)
        mask = np.asarray(levels > 127, np.uint8) * np.uint8(255)
        sure, out = grown(255 - mask, rim) == 0, grown(mask, rim) == 0
        if not sure.any() or not out.any():
            return alpha
        labels = np.where(mask > 0, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
        labels[sure], labels[out] = cv2.GC_FGD, cv2.GC_BGD
        cv2.setRNGSeed(1)  # its first clusters are drawn at random
        cv2.grabCut(small, labels, None, np.zeros((1, 65)), np.zeros((1, 65)), _ROUNDS, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
        person = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
        return refine_guided(np.asarray(cv2.GaussianBlur(person, (0, 0), 0.8), np.float32), image, guide=small)


def _shrink(image: UInt8Image, side: int) -> UInt8Image:
    scale = min(1.0, side / min(image.shape[:2]))
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
