"""From spots that differ to people: hysteresis, closing, holes, size, faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.uint8]  # 0 or 255

LEAST_AREA = 0.004  # of the picture; smaller spots are no people
_BESIDE = 0.2  # share of the largest region's area that another one needs to be a person as well
_ABOVE, _ASIDE = 3.0, 5.0  # how far a person reaches from the face, in face heights and widths: arms up, arms spread


@dataclass(frozen=True)
class Face:
    """A face in pixels: left, top, width, height."""

    x: float
    y: float
    width: float
    height: float


def connected_to(weak: npt.NDArray[np.bool_], strong: npt.NDArray[np.bool_]) -> Mask:
    """The regions of ``weak`` ``[H,W]`` that contain a spot of ``strong`` (hysteresis; Canny 1986)."""
    count, labels = cv2.connectedComponents(weak.astype(np.uint8), connectivity=8)
    keep = np.zeros(count, bool)
    keep[np.unique(labels[strong & weak])] = True
    keep[0] = False
    return np.where(keep[labels], np.uint8(255), np.uint8(0))


def close_gaps(mask: Mask, radius: int) -> Mask:
    """Close gaps up to ``2 radius`` pixels wide, also at the picture's border, and fill what is enclosed."""
    if radius > 0:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
        wide = cv2.copyMakeBorder(mask, radius, radius, radius, radius, cv2.BORDER_REPLICATE)
        closed = np.asarray(cv2.morphologyEx(wide, cv2.MORPH_CLOSE, kernel), np.uint8)
        mask = closed[radius:-radius, radius:-radius].copy()
    return fill_holes(mask)


def fill_holes(mask: Mask) -> Mask:
    """Everything inside an outline becomes part of it."""
    outlines = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[-2]
    return np.asarray(cv2.drawContours(np.zeros_like(mask), outlines, -1, 255, cv2.FILLED), np.uint8)


def keep_people(mask: Mask, faces: Sequence[Face] = (), only_largest: bool = False) -> Mask:
    """Drop regions that are too small to be people; with ``faces`` also those without one.

    ``only_largest``: one region, else also others of a fifth of its size.
    """
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    area = statistics[:, cv2.CC_STAT_AREA].astype(float)
    area[0] = 0
    if count < 2:
        return mask
    if faces:
        faced = np.zeros(count, bool)
        for face in faces:
            rows, columns = _box(mask.shape, face.x, face.y, face.width, face.height)
            faced[np.unique(labels[rows, columns])] = True
        area[~faced] = 0
    largest = area.max()
    keep = area >= max(LEAST_AREA * mask.size, 1.0 if only_largest else _BESIDE * largest)
    if only_largest:
        keep = keep & (np.arange(count) == int(area.argmax()))
    result = np.where(keep[labels], np.uint8(255), np.uint8(0))
    return result & possible(mask.shape, faces) if faces else result


def possible(shape: tuple[int, ...], faces: Sequence[Face]) -> Mask:
    """255 where a person with one of these faces can be: not higher than arms reach, not wider than arms spread."""
    allowed = np.zeros(shape[:2], np.uint8)
    for face in faces:
        left, right = face.x - _ASIDE * face.width, face.x + (1 + _ASIDE) * face.width
        top = face.y - _ABOVE * face.height
        rows, columns = _box(shape, left, top, right - left, shape[0] - top)
        allowed[rows, columns] = 255
    return allowed


def _box(shape: tuple[int, ...], x: float, y: float, width: float, height: float) -> tuple[slice, slice]:
    """The part of a box that lies in the picture."""

    def between(low: float, high: float, most: int) -> slice:
        return slice(int(np.clip(round(low), 0, most)), int(np.clip(round(high), 0, most)))

    return between(y, y + height, shape[0]), between(x, x + width, shape[1])


def odd(value: float) -> int:
    """The nearest odd number from 1 up, as OpenCV's kernels want it."""
    return max(1, 2 * round((value - 1) / 2) + 1)


def grown(mask: Mask, radius: int) -> Mask:
    """The mask with a rim of ``radius`` pixels more."""
    kernel: Any = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return np.asarray(cv2.dilate(mask, kernel), np.uint8)
