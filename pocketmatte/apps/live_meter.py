"""Figures of a running live picture: frames per second, time of every stage, lost frames, age of the mask."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

_MEMORY = 0.9  # weight of the past in running means
_WINDOW = 60  # frames over which the rate is counted


class Meter:
    """Hears of stages (from any thread) and of shown frames; tells means. ``every``: so many frames apart is what was
    asked for, only those missing beyond are lost. ``clock`` in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, every: int = 1) -> None:
        self._clock, self._every = clock, every
        self._lock = threading.Lock()
        self._stages: dict[str, float] = {}
        self._shown: deque[float] = deque(maxlen=_WINDOW)
        self._last: int | None = None
        self.frames = self.lost = self.worst_lag = 0
        self._lags = 0

    def stage(self, name: str, seconds: float) -> None:
        """One stage took ``seconds`` for one frame."""
        with self._lock:
            mean = self._stages.get(name)
            self._stages[name] = seconds if mean is None else _MEMORY * mean + (1 - _MEMORY) * seconds

    def mean(self, name: str) -> float:
        """Running mean of a stage in seconds, 0 before it was heard of."""
        with self._lock:
            return self._stages.get(name, 0.0)

    def show(self, index: int, lag: int) -> None:
        """Frame ``index`` was shown with a mask ``lag`` frames older."""
        self.frames += 1
        self.lost += 0 if self._last is None else max(0, index - self._last - self._every)
        self._last = index
        self._lags += lag
        self.worst_lag = max(self.worst_lag, lag)
        self._shown.append(self._clock())

    @property
    def rate(self) -> float:
        """Frames shown per second, lately."""
        span = self._shown[-1] - self._shown[0] if len(self._shown) > 1 else 0.0
        return (len(self._shown) - 1) / span if span > 0 else 0.0

    def lines(self, mode: str, rung: str, extra: str = "") -> list[str]:
        """Two short lines for a status overlay."""
        with self._lock:
            stages = "  ".join(f"{name} {1e3 * value:.1f}" for name, value in self._stages.items())
        first = f"{self.rate:.1f} fps  {mode}  {rung}  {self.lost} lost"
        return [f"{first}  {extra}" if extra else first, f"ms: {stages}"]

    def summary(self) -> dict[str, object]:
        """All figures, for ``--json``; milliseconds are running means at the end."""
        with self._lock:
            stages = {name: round(1e3 * value, 2) for name, value in self._stages.items()}
        mean = self._lags / self.frames if self.frames else 0.0
        return {
            "frames": self.frames,
            "lost": self.lost,
            "fps": round(self.rate, 2),
            "lag": {"mean": round(mean, 3), "worst": self.worst_lag},
            "ms": stages,
        }
