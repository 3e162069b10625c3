"""A network and the empty scene together: on a tripod each mends what the other gets wrong.

The network says who is a person; from where it sees nobody the empty scene is learned, spot by spot, while the person
moves. Where the scene is known it corrects the network's mask: a region that looks exactly like the empty scene is no
person (a leak), one that differs clearly and is enclosed by or attached to the person belongs to it (a hole).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pocketmatte.background.plate import LEAST_NOISE, NOISE, Plate
from pocketmatte.core import Alpha, Size, UInt8Image

Array = npt.NDArray[Any]

_NOBODY, _SOMEBODY = 0.05, 0.5
_TRUST = 8  # free frames after which a spot is known
_MEMORY = 0.06  # weight of a new frame in the learned scene, once known
_SAME, _OTHER = 2.0, 7.0  # differences in units of noise: below it is the scene, above it is not
_WINDOW = 0.012  # of the shorter side: a spot is judged with its surroundings
_NEAR = 0.1  # of the shorter side: how far beyond its outline a person may be mended
_LEAST = 0.003  # of the person's area; smaller faults are the outline's own softness
_OPEN = 0.35  # share of a leak's outline that must lie open to the scene
_ATTACHED = 0.3  # share of a hole's outline that must lie at the person
_SQUARE = np.ones((3, 3), np.uint8)


class Hybrid:
    """Corrects the masks of one stream from a camera that stands still; works at the mask's own size."""

    def __init__(self, plate: Plate | None = None) -> None:
        self._given = plate
        self._settled: tuple[Array | None, Array | None, Array | None] = (None, None, None)
        self.reset()

    def reset(self) -> None:
        """Forget the scene, but for a plate that was given and what was there at :meth:`settle`."""
        self._color, self._noise, self._known = self._settled

    def settle(self) -> None:
        """What is known of the scene by now is sure: a cut does not take it away."""
        self._settled = self._color, self._noise, self._known  # replaced by every step, never changed in place

    @property
    def known(self) -> float:
        """Share of the picture whose empty scene is known, 0..1."""
        return 0.0 if self._known is None else float((self._known >= _TRUST).mean())

    def plate(self) -> UInt8Image | None:
        """The learned scene, uint8 RGB ``[h,w,3]``, black where unknown."""
        if self._color is None or self._known is None:
            return None
        shown = np.where((self._known >= _TRUST)[..., None], self._color, 0)
        return np.clip(shown + 0.5, 0, 255).astype(np.uint8)

    def step(self, alpha: Alpha, guide: UInt8Image) -> Alpha:
        """The network's alpha float32 ``[h,w]`` in 0..1 and the picture in the same cells, uint8 ``[h,w,3]`` -> the
        corrected alpha. A change of size starts anew."""
        if self._color is None or self._color.shape != guide.shape:
            self._begin(Size(*guide.shape[:2]))
        assert self._color is not None
        assert self._noise is not None
        assert self._known is not None
        values = guide.astype(np.float32)
        side = max(3, 2 * round(_WINDOW * min(guide.shape[:2]) / 2) + 1)
        difference = np.abs(values - self._color).mean(axis=2) / self._noise
        score = cv2.blur(difference, (side, side), borderType=cv2.BORDER_REPLICATE)
        known = self._known >= _TRUST
        result = self._without_leaks(alpha, score, known)
        result = self._without_holes(result, score, known)
        self._learn(values, alpha, side)
        return result

    def _begin(self, size: Size) -> None:
        if self._given is not None:
            plate = self._given.resized(size)
            self._color, self._noise = plate.color, plate.noise
            self._known = np.full(size, float(_TRUST), np.float32)
        else:
            self._color = np.zeros((*size, 3), np.float32)
            self._noise = np.full(size, NOISE, np.float32)
            self._known = np.zeros(size, np.float32)

    def _without_leaks(self, alpha: Alpha, score: Array, known: Array) -> Alpha:
        """Fade the mask where the picture looks like the scene.

        Clothes may have the wall's colour by chance: what lies within a person stays, what lies at the edge goes.
        """
        like = np.where(known, np.clip(2 - 2 * score / _SAME, 0, 1), 0)
        outside = cv2.dilate((alpha < _NOBODY).astype(np.uint8), _SQUARE) > 0
        least = _LEAST * (alpha > _SOMEBODY).sum()
        fade = np.zeros_like(alpha)
        for rows, columns, spot in _regions((like > 0) & (alpha >= _NOBODY), least):
            rim = _rim(spot)
            if (rim & outside[rows, columns]).sum() > _OPEN * rim.sum():
                fade[rows, columns][spot] = like[rows, columns][spot]
        return np.asarray(alpha * (1 - fade), np.float32)

    def _without_holes(self, alpha: Alpha, score: Array, known: Array) -> Alpha:
        """Add what differs from the scene and is attached to the person."""
        person = (alpha > _SOMEBODY).astype(np.uint8)
        reach = 2 * round(_NEAR * min(alpha.shape)) + 1
        near = cv2.dilate(person, np.ones((reach, reach), np.uint8)) > 0
        other = np.where(known & near, np.clip((score - _SAME) / (_OTHER - _SAME), 0, 1), 0)
        # Opened: at the person's own edge a thin rim always differs.
        apart = ((other > 0.5) & (person == 0)).astype(np.uint8)
        missing = cv2.morphologyEx(apart, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)) > 0
        beside = cv2.dilate(person, np.ones((5, 5), np.uint8)) > 0
        result = alpha.copy()
        for rows, columns, spot in _regions(missing, _LEAST * person.sum()):
            rim = _rim(spot)
            if (rim & beside[rows, columns]).sum() > _ATTACHED * rim.sum():
                result[rows, columns][spot] = np.maximum(alpha[rows, columns], other[rows, columns])[spot]
        return result

    def _learn(self, values: Array, alpha: Alpha, side: int) -> None:
        assert self._color is not None
        assert self._noise is not None
        assert self._known is not None
        around = cv2.dilate(alpha, np.ones((2 * side + 1, 2 * side + 1), np.uint8))
        free = around < _NOBODY
        rate = np.where(free, np.maximum(1 / (self._known + 1), _MEMORY), 0).astype(np.float32)
        change = values - self._color
        settled = free & (self._known >= 2)
        spread = np.abs(change).mean(axis=2) * np.float32(
            1.25
        )  # deviation of a normal distribution per mean absolute one
        self._noise = np.where(
            settled,
            np.maximum(self._noise + rate * (np.minimum(spread, 4 * NOISE) - self._noise), LEAST_NOISE),
            self._noise,
        ).astype(np.float32)
        self._color = self._color + rate[..., None] * change
        self._known = self._known + free


def _regions(mask: Array, least: float) -> Iterator[tuple[slice, slice, Array]]:
    """The connected regions of a bool ``[h,w]`` with at least so many pixels: a box one wider, and the region in it."""
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    for label in range(1, count):
        x, y, width, height, area = (int(v) for v in statistics[label])
        if area >= least:
            rows, columns = slice(max(0, y - 1), y + height + 1), slice(max(0, x - 1), x + width + 1)
            yield rows, columns, labels[rows, columns] == label


def _rim(spot: Array) -> Array:
    """The pixels of a region at its outline; the picture's border is none."""
    return np.asarray(spot & (cv2.erode(spot.astype(np.uint8), _SQUARE) == 0))
