"""A colour transform that fits in 66 numbers and runs on any picture: a curve per channel, a matrix, a curve again.

In this order: the knots of the curves of red, green and blue (9 each, at 0, 1/8 ... 1), a 3x4 matrix row by row (the
last column is added), the knots of the second curves. Colours and knots count 0..1; between knots lines are straight,
before the second curves values are clipped to 0..1, and so is the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pocketmatte.core import Alpha, UInt8Image

KNOTS = 9
_CURVE = 3 * KNOTS
_ROWS = 48  # rows worked on at once: what one stripe needs stays in the cache
_MARGIN = 2  # pixels round the person that change with it, for viewers that interpolate straight colours
_ZERO = np.array(0.0)

Numbers = npt.NDArray[np.float32]


def identity() -> Numbers:
    """The 66 numbers that change nothing."""
    curve = np.tile(np.linspace(0, 1, KNOTS), 3)
    return np.concatenate([curve, np.eye(3, 4).ravel(), curve]).astype(np.float32)


@dataclass(frozen=True)
class ColorTransform:
    """``numbers`` float32 ``[66]`` as the module says."""

    numbers: Numbers

    def scaled(self, strength: float) -> ColorTransform:
        """0 = identity, 1 = this transform, 0.5 = half the way, above 1 = further than that."""
        start = identity()
        return ColorTransform(start + np.float32(strength) * (self.numbers - start))

    def apply(self, image: UInt8Image) -> UInt8Image:
        """Every pixel of a uint8 RGB picture ``[H,W,3]``; a new array.

        Rounds twice, before and after the second curves.
        """
        first, matrix, second = self._tables()
        result = np.empty(image.shape, np.uint8)
        for top in range(0, image.shape[0], _ROWS):
            light = cv2.transform(cv2.LUT(image[top : top + _ROWS], first), matrix)
            result[top : top + _ROWS] = cv2.LUT(cv2.add(light, _ZERO, dtype=cv2.CV_8U), second)
        return result

    def apply_inside(self, image: UInt8Image, alpha: Alpha) -> UInt8Image:
        """Like :meth:`apply`, but only in the box in which alpha (float32 ``[H,W]``) is not 0; a new array."""
        seen = cv2.compare(alpha, _ZERO, cv2.CMP_GT)
        left, top, width, height = cv2.boundingRect(seen)
        result = image.copy()
        if width and height:
            window = np.s_[
                max(0, top - _MARGIN) : top + height + _MARGIN, max(0, left - _MARGIN) : left + width + _MARGIN
            ]
            result[window] = self.apply(np.ascontiguousarray(image[window]))
        return result

    def _tables(self) -> tuple[Any, Any, Any]:
        """First curves float32 ``[1,256,3]`` to 0..255, matrix for such numbers, second curves uint8 ``[1,256,3]``."""
        matrix = self.numbers[_CURVE : _CURVE + 12].reshape(3, 4) * np.array([1, 1, 1, 255], np.float32)
        second = np.clip(_table(self.numbers[_CURVE + 12 :]), 0, 255)
        return _table(self.numbers[:_CURVE]), matrix, np.rint(second).astype(np.uint8)


def _table(knots: Numbers) -> Numbers:
    # the network's curves never fall; one stretched beyond its strength might
    rising = np.maximum.accumulate(knots.reshape(3, KNOTS), axis=1) * 255
    levels, places = np.arange(256), np.linspace(0, 255, KNOTS)
    return np.stack([np.interp(levels, places, channel) for channel in rising], -1)[None].astype(np.float32)
