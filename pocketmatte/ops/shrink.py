"""Averaging rows of bytes in whole numbers: the fast first half of an area resize.

New row k of h covers the old rows from k H / h to (k + 1) H / h. That repeats with the greatest common divisor of both:
all new rows of one phase are computed together, on 16-bit numbers, which processors add many at a time.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_TOGETHER = 4  # repetitions from which on this is faster than the plain way
_LARGEST = (1 << 16) - 1


def rows_can_be_summed(image: Array, height: int) -> bool:
    """Whether :func:`sum_rows` takes this picture to ``height`` and is worth it."""
    repeats = math.gcd(image.shape[0], height)
    return (
        image.dtype == np.uint8
        and image.flags.c_contiguous
        and repeats >= _TOGETHER
        and image.shape[0] >= 2 * height
        and image.shape[0] // repeats * 255 <= _LARGEST
    )


def sum_rows(image: Array, height: int) -> tuple[npt.NDArray[np.uint16], int]:
    """uint8 ``[H,...]`` -> weighted sums uint16 ``[h,...]`` and what to divide them by for the mean. Exact."""
    repeats = math.gcd(image.shape[0], height)
    period, phases = image.shape[0] // repeats, height // repeats
    rows = image.reshape(repeats, period, -1)
    sums = np.empty((repeats, phases, rows.shape[2]), np.uint16)
    total, piece = (np.empty((repeats, rows.shape[2]), np.uint16) for _ in range(2))
    for phase in range(phases):
        # In units of 1 / phases of an old row.
        begin, end = phase * period, (phase + 1) * period
        first, last = -(-begin // phases), end // phases
        np.copyto(total, rows[:, first])
        for row in range(first + 1, last):
            np.copyto(piece, rows[:, row])
            total += piece
        total *= np.uint16(phases)
        for row, share in ((first - 1, first * phases - begin), (last, end - last * phases)):
            if share:
                np.copyto(piece, rows[:, row])
                piece *= np.uint16(share)
                total += piece
        sums[:, phase] = total
    return sums.reshape(height, *image.shape[1:]), period
