"""When masks are said to trail: after a while, not for a hiccup, once."""

from __future__ import annotations

from itertools import cycle, islice

import pytest

from pocketmatte.pipeline.lag import SPAN, LagWatch

RATE = 25


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def told_at(lags) -> list[float]:
    """Seconds after the first frame at which the watch spoke."""
    clock = Clock()
    watch = LagWatch(clock)
    found = []
    for lag in lags:
        if watch.note(lag):
            found.append(round(clock.now - 100, 2))
        clock.now += 1 / RATE
    return found


@pytest.mark.parametrize("pattern", [[1], [2, 3], [0, 1], [0, 2, 2]])
def test_masks_that_stay_late_are_told_once(pattern):
    (when,) = told_at(islice(cycle(pattern), 20 * RATE))
    assert SPAN <= when <= SPAN + 0.2


@pytest.mark.parametrize("lags", [[0] * 500, [0] * 100 + [5] * 4 + [0] * 400, [0, 0, 0, 1] * 100, [3] * 10 + [0] * 500])
def test_masks_in_time_and_hiccups_are_not(lags):
    assert told_at(lags) == []


def test_masks_that_come_to_trail_later_are_told_then():
    (when,) = told_at([0] * 10 * RATE + [2] * 5 * RATE)
    assert 10 < when <= 11
