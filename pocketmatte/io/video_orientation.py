"""How a video must be turned to stand upright: the display matrix that phones write."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import cv2
import numpy as np

from pocketmatte.core import Size, UInt8Image

MATRIX_BYTES = 36


@dataclass(frozen=True)
class Orientation:
    """Swap the axes first (``transpose``), then mirror left-right (``flip_x``) and top-bottom (``flip_y``).

    These three cover all eight ways a picture can lie on the pixel grid.
    """

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @classmethod
    def from_matrix(cls, data: bytes) -> Orientation:
        """From a display matrix: nine native 32-bit integers ``a b u c d v x y w``, as FFmpeg hands it out.

        A stored pixel (p, q) is shown at ``(a p + c q, b p + d q)`` up to an offset (ISO/IEC 14496-12, 6.2.2).
        Angles between the quarter turns go to the nearest one, so that no pixel is ever interpolated.
        """
        a, b, _, c, d, *_ = struct.unpack("=9i", data[:MATRIX_BYTES])
        if abs(a) + abs(d) >= abs(b) + abs(c):
            return cls(False, a < 0, d < 0)
        return cls(True, c < 0, b < 0)

    @property
    def rotation(self) -> int:
        """Clockwise turn in degrees: 0, 90, 180 or 270. A mirrored picture is turned after mirroring left-right."""
        if self.transpose:
            return 90 if self.flip_x else 270
        return 180 if self.flip_y else 0

    def size(self, stored: Size) -> Size:
        """Size of the upright picture."""
        return Size(stored.width, stored.height) if self.transpose else stored

    def apply(self, image: UInt8Image) -> UInt8Image:
        """The upright picture, contiguous; ``image`` itself when nothing has to be done. Exact: pixels only move."""
        if self == Orientation():
            return image
        turned = cv2.transpose(image) if self.transpose else image
        if self.flip_x and self.flip_y:
            turned = cv2.flip(turned, -1)
        elif self.flip_x or self.flip_y:
            turned = cv2.flip(turned, 1 if self.flip_x else 0)
        return np.asarray(turned, np.uint8)
