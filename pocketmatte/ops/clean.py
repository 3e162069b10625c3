"""Matte clean-up: fade what the network is nowhere sure of, fill small holes in people, remove small islands."""

from __future__ import annotations

from typing import Any, Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

from pocketmatte.core import Alpha
from pocketmatte.ops.band import to_levels
from pocketmatte.ops.region import at_least, visible_region

Clean = Literal["off", "unsure", "holes", "islands", "both"]
CLEAN_MODES: tuple[Clean, ...] = get_args(Clean)
DEFAULT_CLEAN: Clean = "unsure"

# Chosen on held-out training pictures: see benchmarks/clean.py.
HOLE = 0.01  # a gap of less than this share of the largest piece is a hole...
DOUBT = 80  # ...if its mean alpha level says that the network was not sure; a clear gap below an arm is none
ISLAND = 0.1  # a piece of less than this share of the largest piece belongs to nobody
SURE = (0.02, 0.1)  # a piece fades out as the share of it that the network is sure of falls through this range
_CERTAIN = 242  # alpha level of being sure
_HALF, _FAINT = 128, 13  # alpha levels: what counts as inside, and what an island drags along when it goes


def clean_matte(
    alpha: Alpha,
    mode: Clean,
    *,
    hole: float = HOLE,
    island: float = ISLAND,
    sure: tuple[float, float] = SURE,
) -> Alpha:
    """Alpha float32 ``[H,W]`` in 0..1 -> a new one without pieces that are nowhere sure (``unsure``), and, beside that,
    without small holes (``holes``), islands or ``both``; ``off``: as it is.

    ``unsure`` takes connected regions with alpha of at least 0.05. One in which the share of alpha over 0.95 is below
    ``sure`` is multiplied by 0 to 1, so that nothing jumps from frame to frame. A person has a certain middle; an
    animal or a thing that looks like half a person seldom has.

    For the other modes pieces are connected regions with alpha of at least one half (8-neighbours; 4-neighbours for
    gaps). ``hole`` and ``island`` are areas as shares of the largest piece; a hole is also doubtful, with a mean alpha
    of at least 0.31, and does not touch the edge of the picture. A hole is raised to the alpha just outside, a removed
    island is 0, both with their soft rims; all other pixels keep their alpha. Works on the box round the person only.
    Raises :class:`ValueError` on an unknown mode.
    """
    if mode not in CLEAN_MODES:
        raise ValueError(f"unknown clean-up {mode!r}; known: {', '.join(CLEAN_MODES)}")
    result = alpha.copy()
    levels = to_levels(alpha)
    box = visible_region(levels, margin=1)
    if mode == "off" or box is None:
        return result
    part, levels = result[box], np.ascontiguousarray(levels[box])
    if _fade_unsure(part, levels, *sure):
        levels = to_levels(part)
    if mode == "unsure":
        return result
    inside = at_least(levels, _HALF)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=8)
    if count < 2:
        return result
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    if mode in ("islands", "both") and (small := (areas < island * areas.max())).sum() > 1:
        _remove_islands(part, levels, labels, small)
        levels = np.minimum(levels, to_levels(part))  # what is gone has no holes
    if mode in ("holes", "both"):
        _fill_holes(part, levels, _rim(alpha.shape), hole * float(areas.max()))
    return result


def _fade_unsure(part: Alpha, levels: npt.NDArray[Any], low: float, high: float) -> bool:
    """Fade regions without a certain middle, what is fainter still with the best of them. Was there any?"""
    # Counting afterwards is several times faster than OpenCV's statistics.
    count, labels = cv2.connectedComponents(at_least(levels, _FAINT), connectivity=8)
    certain = np.bincount(labels[levels >= _CERTAIN], minlength=count)
    areas = np.maximum(np.bincount(labels.reshape(-1), minlength=count), 1)  # a region may leave no background
    keep = np.clip((certain / areas - low) / (high - low), 0, 1).astype(np.float32)
    keep[0] = keep[1:].max(initial=0)
    if (keep == 1).all():
        return False
    part *= np.take(keep, np.asarray(labels, np.int32))
    return True


def _remove_islands(part: Alpha, levels: npt.NDArray[Any], labels: npt.NDArray[Any], small: npt.NDArray[Any]) -> None:
    """Remove whole faint regions that hold small pieces and no large one: soft rims go with their island."""
    _, faint = cv2.connectedComponents(at_least(levels, _FAINT), connectivity=8)
    keep = np.zeros(int(faint.max()) + 1, bool)
    keep[faint[~small[labels]]] = True
    drop = np.zeros_like(keep)
    drop[faint[small[labels] & (labels > 0)]] = True
    drop &= ~keep
    part[drop[faint]] = 0
    # An island joined to a person by a faint bridge loses its own pixels alone.
    part[small[labels] & (labels > 0) & keep[faint]] = 0


def _fill_holes(part: Alpha, levels: npt.NDArray[Any], rim: int, most: float) -> None:
    """Raise each small doubtful hole, and its soft rim, to the mean alpha just outside."""
    outside = cv2.bitwise_not(at_least(levels, _HALF))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(outside, connectivity=4)
    means = np.bincount(labels.reshape(-1), levels.reshape(-1), count) / np.maximum(stats[:, cv2.CC_STAT_AREA], 1)
    height, width = levels.shape
    for hole in range(1, count):
        left, top, w, h, area = stats[hole]
        at_edge = left == 0 or top == 0 or left + w == width or top + h == height
        if at_edge or area > most or means[hole] < DOUBT:
            continue
        reach = 2 * rim
        box = np.s_[max(0, top - reach) : top + h + reach, max(0, left - reach) : left + w + reach]
        core = (labels[box] == hole).astype(np.uint8)
        near, far = (cv2.dilate(core, np.ones((2 * n + 1, 2 * n + 1), np.uint8)) > 0 for n in (rim, reach))
        window, inside = part[box], levels[box] >= _HALF
        ring = far & ~near & inside if (far & ~near & inside).any() else far & inside
        filled = (core > 0) | (near & inside)  # not what lies beyond the person's own outline
        window[filled] = np.maximum(window[filled], window[ring].mean())


def _rim(shape: tuple[int, ...]) -> int:
    """Pixels of soft rim round a hole: about two cells of a network's grid of 256."""
    return max(2, round(max(shape) / 128))
