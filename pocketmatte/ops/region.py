"""The part of a picture that an effect has to touch."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Region = tuple[slice, slice]


def visible_region(levels: npt.NDArray[Any], margin: int = 0) -> Region | None:
    """Rows and columns of the smallest box round all non-zero pixels of a uint8 ``[H,W]``, ``margin`` pixels wider.

    ``None`` when every pixel is 0. The box never leaves the picture.
    """
    left, top, width, height = cv2.boundingRect(levels)
    if not width:
        return None
    rows = slice(max(0, top - margin), min(levels.shape[0], top + height + margin))
    return rows, slice(max(0, left - margin), min(levels.shape[1], left + width + margin))


def at_least(levels: npt.NDArray[np.uint8], least: int) -> npt.NDArray[np.uint8]:
    """255 where a uint8 ``[H,W]`` is ``least`` (1..255) or more, else 0."""
    return np.asarray(cv2.threshold(levels, least - 1, 255, cv2.THRESH_BINARY)[1], np.uint8)
