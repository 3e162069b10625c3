"""Keeping up: a live picture that misses its frame budget gets a cheaper way to work, and the better one back later.

The ways stand on a ladder of rungs, the best first. One rung down after a second over the budget. One rung up when the
present cost, scaled by what the upper rung cost more when it was last left, would fit again for several seconds; a
climb that fails at once makes the next one wait twice as long. What was measured counts for two minutes: a hiccup that
was over before the lower rung was measured makes the upper one look far too dear.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

PATIENCE = 1.0  # seconds over the budget before a step down
CALM = 5.0  # seconds of room before a step up
LONGEST = 120.0  # seconds that a failed climb, or the price an upper rung had, can keep from the next try
ROOM = 0.9  # an upper rung must be expected to need no more than this share of the budget
_GUESS = 2.0  # how much dearer an upper rung is taken to be before it was measured
_FEWEST = 5  # frames a judgement needs


@dataclass(frozen=True)
class Step:
    """A change of rung: from, to, mean seconds per frame that caused it, and the budget."""

    before: int
    after: int
    cost: float
    budget: float


class Governor:
    """Chooses one of ``rungs`` so that a frame costs at most ``budget`` seconds. ``clock`` in seconds."""

    def __init__(self, rungs: int, budget: float, clock: Callable[[], float] = time.monotonic) -> None:
        if rungs < 1 or budget <= 0:
            raise ValueError(f"expected at least one rung and a positive budget, found {rungs} and {budget}")
        self.rung = 0
        self.budget = budget
        self._rungs, self._clock = rungs, clock
        self._ratio = [_GUESS] * rungs  # cost of the rung above by cost of this one
        self._calm = CALM
        self._left_at: float | None = None  # cost of the rung above when it was left, until this one is measured
        self._climbed = False
        self._begin()

    def _begin(self) -> None:
        self._since = self._clock()
        self._costs: deque[tuple[float, float]] = deque()

    def note(self, cost: float) -> Step | None:
        """A frame cost ``cost`` seconds of its slowest stage. The step taken because of it, if any."""
        now = self._clock()
        self._costs.append((now, cost))
        while self._costs[0][0] < now - PATIENCE and len(self._costs) > _FEWEST:
            self._costs.popleft()
        if now - self._since < PATIENCE or len(self._costs) < _FEWEST:
            return None
        mean = sum(c for _, c in self._costs) / len(self._costs)
        if self._left_at is not None:
            self._ratio[self.rung] = max(1.0, self._left_at / max(mean, 1e-9))
            self._left_at = None
        if mean > self.budget:
            return self._down(mean) if self.rung + 1 < self._rungs else None
        if now - self._since >= self._calm:
            self._climbed = False
            ratio = self._ratio[self.rung]
            if now - self._since >= LONGEST:
                ratio = min(ratio, _GUESS)
            if self.rung and mean * ratio <= ROOM * self.budget:
                return self._up(mean)
            if not self.rung:
                self._calm = CALM
        return None

    def _down(self, mean: float) -> Step:
        if self._climbed:
            self._calm = min(2 * self._calm, LONGEST)
        self._climbed, self._left_at = False, mean
        return self._to(self.rung + 1, mean)

    def _up(self, mean: float) -> Step:
        self._climbed, self._left_at = True, None
        return self._to(self.rung - 1, mean)

    def _to(self, rung: int, mean: float) -> Step:
        step = Step(self.rung, rung, mean, self.budget)
        self.rung = rung
        self._begin()
        return step
