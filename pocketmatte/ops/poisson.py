"""Seamless cloning: the smooth change of colour that makes a patch meet its new surroundings without a step."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pocketmatte.core import UInt8Image
from pocketmatte.ops.region import at_least, visible_region
from pocketmatte.ops.resize import halve, unhalve

Array = npt.NDArray[Any]

_SIDE = 80  # the change is smooth, so it is solved on pictures halved until their longer side is below twice this
_ROUNDS = 80  # relaxations on each level of the pyramid
_MEAN_OF_FOUR = np.array([[0, 0.25, 0], [0.25, 0, 0.25], [0, 0.25, 0]], np.float32)


def membrane(source: UInt8Image, mask: npt.NDArray[np.uint8], target: UInt8Image) -> Array | None:
    """What to add to ``source`` inside ``mask`` so that it continues ``target``: float32 ``[H,W,3]``.

    ``source`` and ``target`` uint8 ``[H,W,3]``, ``mask`` uint8 ``[H,W]``, non-zero inside. Poisson image editing
    (Pérez et al. 2003) with the gradients of the source is the source plus the solution of Laplace's equation with
    ``target - source`` on the rim, which is what is solved here, on reduced pictures. Where the mask reaches the edge
    of the picture nothing is demanded of it (no flow through the edge): a person cut off by the frame does not take
    the colour of the backdrop there, as solvers with a fixed rim all round have it. ``None`` when the mask is empty or
    leaves no rim. Outside the mask the values are of no meaning.
    """
    times = max(0, (max(mask.shape) // _SIDE).bit_length() - 1)
    small = at_least(halve(mask, times), 1)
    box = visible_region(small, margin=2)
    if box is None or small.all():
        return None
    inside = np.ascontiguousarray(small[box]) > 0
    front, back = (halve(p, times)[box].astype(np.float32) for p in (source, target))
    change = back - front
    solved = np.zeros((*small.shape, 3), np.float32)
    solved[box] = _laplace(change, inside)
    return np.asarray(unhalve(solved, times, mask.shape), np.float32)


def _laplace(values: Array, inside: npt.NDArray[np.bool_]) -> Array:
    """Fill ``inside`` of a float32 ``[h,w,3]`` harmonically from the known values round it, coarse to fine."""
    pyramid = [(values, inside)]
    while max(pyramid[-1][1].shape) > 2 and not pyramid[-1][1].all():
        pyramid.append(_coarser(*pyramid[-1]))
    known = ~pyramid[-1][1]
    start = pyramid[-1][0][known].mean(axis=0) if known.any() else pyramid[-2][0][~pyramid[-2][1]].mean(axis=0)
    filled = np.broadcast_to(start, pyramid[-1][0].shape).astype(np.float32)
    for level, unknown in reversed(pyramid):
        if filled.shape != level.shape:
            filled = unhalve(filled, 1, level.shape)
        free = unknown[..., None]
        filled = before = np.where(free, filled, level)
        # Chebyshev's acceleration of plain averaging (Golub and Varga 1961) for the slowest wave of this size.
        slowest, omega = np.cos(np.pi / (2 * max(unknown.shape))) ** 2, 1.0
        for turn in range(_ROUNDS):
            # A repeated border is the mirror condition: no flow through the edge of the picture.
            near = cv2.filter2D(filled, -1, _MEAN_OF_FOUR, borderType=cv2.BORDER_REPLICATE).reshape(level.shape)
            filled, before = np.where(free, before + np.float32(omega) * (near - before), level), filled
            omega = 1 / (1 - slowest * (0.5 if turn == 0 else omega / 4))
    return filled


def _coarser(values: Array, inside: npt.NDArray[np.bool_]) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Halve; a cell is known if most of it is, and holds the mean of what is known in it."""
    weight = np.where(inside, np.float32(0), np.float32(1))
    share = halve(weight, 1)
    mean = halve(values * weight[..., None], 1) / np.maximum(share, np.float32(1e-6))[..., None]
    return mean, share < 0.5
