"""Smooth curves through points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def monotone_curve(points: Sequence[tuple[float, float]], levels: int = 256) -> npt.NDArray[np.float64]:
    """Values at 0, 1, ... ``levels`` - 1 of a smooth curve through ``points`` (x, y) with rising x; flat outside them.

    Piecewise cubic that never overshoots between two points (Fritsch and Butland 1984).
    """
    x, y = np.array(points, np.float64).T
    width, rise = np.diff(x), np.diff(y) / np.diff(x)
    slope = np.empty_like(x)
    slope[0], slope[-1] = rise[0], rise[-1]
    left, right = rise[:-1], rise[1:]
    w1, w2 = 2 * width[1:] + width[:-1], width[1:] + 2 * width[:-1]
    turning = left * right <= 0
    with np.errstate(divide="ignore", invalid="ignore"):
        slope[1:-1] = np.where(turning, 0, (w1 + w2) / (w1 / left + w2 / right))
    at = np.clip(np.arange(levels, dtype=np.float64), x[0], x[-1])
    cell = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(width) - 1)
    t = (at - x[cell]) / width[cell]
    start, end = y[cell], y[cell + 1]
    bend_in, bend_out = slope[cell] * width[cell], slope[cell + 1] * width[cell]
    return np.asarray(
        start * (1 + 2 * t) * (1 - t) ** 2
        + bend_in * t * (1 - t) ** 2
        + end * t * t * (3 - 2 * t)
        + bend_out * t * t * (t - 1)
    )
