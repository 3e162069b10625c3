"""Timing of steps in turn, and the figures kept of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

VOID_SPREAD = 0.15  # a row whose interquartile range exceeds this share of its median says nothing
WARM_UP = 5


@dataclass(frozen=True)
class Summary:
    """Milliseconds of one kind of run: smallest, median, 95th percentile; ``spread`` is interquartile range / median.

    ``first_ms`` is the very first run, before the warm-up; ``runs`` were counted after it.
    """

    min_ms: float
    p50_ms: float
    p95_ms: float
    spread: float
    runs: int
    first_ms: float | None = None

    @property
    def void(self) -> bool:
        """Whether the machine was too restless for the figures to mean anything."""
        return self.spread > VOID_SPREAD


def summarise(milliseconds: Sequence[float], first_ms: float | None = None) -> Summary:
    """Figures of at least one duration. Raises ``ValueError`` when there is none."""
    if not len(milliseconds):
        raise ValueError("nothing was timed")
    low, middle, high, late = (float(v) for v in np.percentile(milliseconds, (25, 50, 75, 95)))
    spread = (high - low) / middle if middle > 0 else 0.0
    return Summary(float(min(milliseconds)), middle, late, spread, len(milliseconds), first_ms)


def interleave(
    steps: Sequence[Callable[[], object]],
    rounds: int,
    warm_up: int = WARM_UP,
    clock: Callable[[], float] = time.perf_counter,
) -> list[list[float]]:
    """Milliseconds of each step per round, the warm-up included.

    Every round runs each step once, in turn (A B A B ...), so that a disturbance hits all alike: what one may compare
    on a machine that is not quiet. ``clock`` tells seconds: ``time.thread_time`` counts the processor time of this
    thread alone, without the waiting.
    """
    times: list[list[float]] = [[] for _ in steps]
    for _ in range(warm_up + rounds):
        for step, kept in zip(steps, times, strict=True):
            started = clock()
            step()
            kept.append(1e3 * (clock() - started))
    return times
