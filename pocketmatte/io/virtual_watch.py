"""Does anybody look at a virtual camera? Told by who has the device open, with patience for probes and pauses."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

EVERY = 0.25  # seconds between two looks at the system
PROBE = 0.75  # seconds a reader must stay before work begins: programs open all cameras to list them
LINGER = 3.0  # seconds work goes on after the last reader left


def readers_of(device: Path, proc: Path = Path("/proc")) -> int:
    """How many other processes have ``device`` open, among those this user may inspect (Linux)."""
    target, own, count = os.path.realpath(device), os.getpid(), 0
    for folder in proc.iterdir():
        if not folder.name.isdigit() or int(folder.name) == own:
            continue
        try:
            count += any(os.fspath(link.readlink()) == target for link in (folder / "fd").iterdir())
        except OSError:  # another user's, or gone in the meantime
            continue
    return count


class OnDemand:
    """Turns the number of readers into a steady yes or no. ``clock`` in seconds."""

    def __init__(self, readers: Callable[[], int], clock: Callable[[], float] = time.monotonic) -> None:
        self._readers, self._clock = readers, clock
        self._asked: float | None = None
        self._since: float | None = None  # when the present readers came
        self._last: float | None = None  # when they were last seen, once they had stayed
        self._wanted = False

    def wanted(self) -> bool:
        """Whether somebody has been looking for long enough, or was until a moment ago."""
        now = self._clock()
        if self._asked is None or now - self._asked >= EVERY:
            self._asked = now
            if self._readers():
                self._since = now if self._since is None else self._since
                if now - self._since >= PROBE or self._wanted:
                    self._wanted, self._last = True, now
            else:
                self._since = None
                self._wanted = self._wanted and self._last is not None and now - self._last < LINGER
        return self._wanted
