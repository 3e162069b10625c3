"""Whether the masks of a live picture trail behind it for good, so that another mode would look better."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

SPAN = 2.0  # seconds that are looked at together: a hiccup is shorter
TRAILING = 0.5  # share of pictures with the mask of an earlier one, from which edges visibly drag


class LagWatch:
    """Hears how many frames older than its picture each mask is. ``mean`` of the last ``SPAN`` seconds in frames, and
    the share of pictures with a mask that is ``late``; ``told``: whether that was said. ``clock`` in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: float | None = None
        self._lags: deque[tuple[float, int]] = deque()
        self.mean = self.late = 0.0
        self.told = False

    @property
    def trailing(self) -> bool:
        """Whether masks are late, and have been for a whole span."""
        full = self._since is not None and self._clock() - self._since >= SPAN
        return full and self.late >= TRAILING

    def note(self, lag: int) -> bool:
        """A picture was shown with a mask ``lag`` frames older. ``True`` when masks trail, the first time only."""
        now = self._clock()
        if self._since is None:
            self._since = now
        self._lags.append((now, lag))
        while self._lags[0][0] < now - SPAN:
            self._lags.popleft()
        self.mean = sum(lag for _, lag in self._lags) / len(self._lags)
        self.late = sum(lag > 0 for _, lag in self._lags) / len(self._lags)
        if self.told or not self.trailing:
            return False
        self.told = True
        return True
