"""Who counts: everybody in front, or only the main person of the picture."""

from __future__ import annotations

from typing import Any, Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

from pocketmatte.core import Alpha
from pocketmatte.ops.band import to_levels
from pocketmatte.ops.region import at_least

Subject = Literal["all", "main"]
SUBJECTS: tuple[Subject, ...] = get_args(Subject)

_HALF, _FAINT = 128, 3  # alpha levels: what counts as a person, and what may be the soft edge of one
_EDGE = 0.5  # weight of a pixel at the left or right edge of the picture; in the middle it is 1
_CHANGE = 2.0  # in a video another person must weigh so many times the main one to take over


class MainSubject:
    """Keeps the main person of a stream of mattes and takes everything else out.

    The main person is the connected region with alpha of at least one half (8-neighbours) that weighs most: its area,
    where a pixel in the middle of the picture counts 1 and one at the left or right edge one half. With it stays its
    soft edge: the faint pixels connected to it that are nearer to it than to any other region. People who touch are
    one region.

    In a video the person once chosen stays: the region that overlaps the last main person most is the main one
    again, until another weighs twice as much. Where nothing reaches one half there is no person to choose, and the
    matte comes back as it is.
    """

    def __init__(self) -> None:
        self._last: npt.NDArray[np.bool_] | None = None

    def reset(self) -> None:
        """Forget the person: the next matte is treated as the first."""
        self._last = None

    def step(self, alpha: Alpha) -> Alpha:
        """Alpha float32 ``[h,w]`` in 0..1 -> a new one that holds the main person only. All frames have one size.

        Kept pixels keep their value; the input is not changed.
        """
        levels = to_levels(alpha)
        core = at_least(levels, _HALF)
        count, labels = cv2.connectedComponents(core, connectivity=8)
        if count < 2:
            return alpha.copy()
        weights = np.bincount(labels.ravel(), np.broadcast_to(_columns(alpha.shape[1]), alpha.shape).ravel(), count)
        weights[0] = 0
        chosen = int(np.argmax(weights))
        if self._last is not None and self._last.shape == alpha.shape:
            overlap = np.bincount(labels[self._last], minlength=count)
            overlap[0] = 0
            before = int(np.argmax(overlap))
            if overlap[before] and weights[chosen] < _CHANGE * weights[before]:
                chosen = before
        self._last = labels == chosen
        # Soft edges: faint pixels connected to the person and nearer to it than to another region.
        _, faint = cv2.connectedComponents(at_least(levels, _FAINT), connectivity=8)
        joined = np.zeros(int(faint.max()) + 1, np.bool_)
        joined[faint[self._last]] = True
        keep = joined[faint] & (_nearest(core, labels, count) == chosen)
        return np.where(keep, alpha, np.float32(0))


def main_subject(alpha: Alpha) -> Alpha:
    """The main person of one matte; see :class:`MainSubject`."""
    return MainSubject().step(alpha)


def _columns(width: int) -> npt.NDArray[np.float64]:
    """Weight of a pixel by its column."""
    from_middle = np.abs(2 * (np.arange(width) + 0.5) / width - 1)
    return np.asarray(1 - (1 - _EDGE) * from_middle)


def _nearest(core: npt.NDArray[np.uint8], labels: npt.NDArray[Any], count: int) -> npt.NDArray[Any]:
    """For each pixel the region (1..) that is nearest."""
    if count == 2:
        return np.ones_like(labels)
    _, zones = cv2.distanceTransformWithLabels(255 - core, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    # Every zone belongs to one pixel of a region; the zones are numbered in an order of their own.
    owner = np.zeros(int(zones.max()) + 1, labels.dtype)
    inside = core > 0
    owner[zones[inside]] = labels[inside]
    return np.asarray(owner[zones])
