"""The types everybody shares, and the conventions that hold everywhere.

* Images are RGB, ``uint8 [H,W,3]``. OpenCV's BGR never leaves the function that needs it.
* Alpha is ``float32 [H,W]`` in 0..1, 1 = person, and **straight**: colours are never multiplied by it unless a name
  says ``premultiplied``.
* Resizing is bilinear with half-pixel centres (pixel (0, 0) covers [0, 1) x [0, 1)), never align-corners; shrinking
  averages areas on the same grid.
* Nothing is ever stretched by the minimum and maximum of one picture.
* Video time is an exact fraction of a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

UInt8Image = npt.NDArray[np.uint8]
Alpha = npt.NDArray[np.float32]


class PocketmatteError(Exception):
    """Something the user can mend. The message is one or two lines: what was found, what was expected, what to do."""


class Size(NamedTuple):
    """Picture size in pixels."""

    height: int
    width: int


@dataclass(frozen=True)
class Frame:
    """One picture of a sequence: ``image`` uint8 RGB ``[H,W,3]``, ``pts`` in seconds (``None`` for a photo)."""

    image: UInt8Image
    pts: Fraction | None = None
    index: int = 0

    @property
    def size(self) -> Size:
        """Height and width of the picture."""
        return Size(*self.image.shape[:2])


@dataclass(frozen=True)
class Matte:
    """Who is foreground: ``alpha`` float32 ``[h,w]`` in 0..1, optional ``foreground`` colours uint8 ``[h,w,3]``.

    May be smaller than the frame it belongs to; ``pts`` is the time of that frame.
    """

    alpha: Alpha
    foreground: UInt8Image | None = None
    pts: Fraction | None = None

    @property
    def size(self) -> Size:
        """Height and width of the matte."""
        return Size(*self.alpha.shape[:2])
