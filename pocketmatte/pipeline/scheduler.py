"""Three ways to pair frames with masks: ``exact``, ``synced`` and ``live``.

The slow part is ``look``: frame -> what the network says of it, stamped with the frame it was made from. It runs in
one thread of its own, in order, so it may remember. What is done with the pair runs in the caller's thread meanwhile.

========  ===========================================  ==========================  ============================
mode      frames                                       mask of frame N             time
========  ===========================================  ==========================  ============================
exact     every one; the source waits                  from frame N                as long as it takes
synced    the newest; others are lost while it looks   from frame N                picture late by one ``look``
live      every one the caller has time for            from N, N - 1 or older      never waits for ``look``
========  ===========================================  ==========================  ============================
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Generic, Literal, TypeAlias, TypeVar, get_args

from pocketmatte.core import Frame, PocketmatteError
from pocketmatte.pipeline.threads import AHEAD, Newest, Stage, ahead, newest

T = TypeVar("T")
_KEPT = 8  # masks that live remembers, for a caller that is slower than the network
Mode = Literal["exact", "synced", "live"]
MODES: tuple[Mode, ...] = get_args(Mode)


@dataclass(frozen=True)
class Paired(Generic[T]):
    """A frame to be shown and what was seen, in frame ``seen_in`` (its index); ``None`` before anything was."""

    frame: Frame
    seen: T | None
    seen_in: int | None

    @property
    def lag(self) -> int:
        """By how many frames the mask is older than the picture; 0 before there is one."""
        return 0 if self.seen_in is None else self.frame.index - self.seen_in


Pairs: TypeAlias = Generator[Paired[T], None, None]


def schedule(
    frames: Iterable[Frame],
    look: Callable[[Frame], T],
    mode: Mode,
    grace: float = 0.0,
    stop: threading.Event | None = None,
) -> Pairs[T]:
    """Pairs in the order of time, by the mode named; see the module. ``grace`` belongs to ``live``. ``stop`` is set
    when no more frames will be taken, for ``frames`` that wait for something else than the next frame.

    Raises what ``frames`` or ``look`` raise, after the pairs before. Close the iterator to stop both.
    """
    if mode == "exact":
        return exact(frames, look, stop)
    if mode == "synced":
        return synced(frames, look, stop)
    if mode == "live":
        return live(frames, look, grace, stop)
    raise PocketmatteError(f"unknown mode {mode!r}; known: {', '.join(MODES)}")


def exact(frames: Iterable[Frame], look: Callable[[Frame], T], stop: threading.Event | None = None) -> Pairs[T]:
    """Every frame with its own mask; reading, looking and what the caller does overlap. Deterministic."""
    return ahead((Paired(frame, look(frame), frame.index) for frame in ahead(frames)), AHEAD // 2, stop)


def synced(frames: Iterable[Frame], look: Callable[[Frame], T], stop: threading.Event | None = None) -> Pairs[T]:
    """The newest frame each time ``look`` is free, with its own mask."""
    return ahead((Paired(frame, look(frame), frame.index) for frame in newest(frames)), 1, stop)


def live(
    frames: Iterable[Frame], look: Callable[[Frame], T], grace: float = 0.0, stop: threading.Event | None = None
) -> Pairs[T]:
    """The newest frame as soon as it is there, with the newest mask there is.

    ``grace``: seconds to wait for the frame's own mask when it is nearly done; 0 never waits. Until the first mask
    exists ``seen`` is ``None``: the caller must cover the picture.
    """
    shown: Newest[Frame] = Newest()
    queued: Newest[Frame] = Newest()
    progress = threading.Condition()
    done: deque[tuple[int, T]] = deque(maxlen=_KEPT)

    def read() -> None:
        try:
            for frame in frames:
                queued.put(frame)
                if not shown.put(frame):
                    return
        finally:
            queued.end()
            shown.end()

    def work() -> None:
        try:
            while (entry := queued.take()) is not None:
                result = look(entry[0])
                with progress:
                    done.append((entry[0].index, result))
                    progress.notify_all()
        except BaseException:
            shown.end()
            shown.stop()
            raise

    reader, worker = Stage(read), Stage(work)
    try:
        while (entry := shown.take()) is not None:
            frame = entry[0]
            until = time.monotonic() + grace
            with progress:
                while grace > 0 and (not done or done[-1][0] < frame.index):
                    left = until - time.monotonic()
                    if left <= 0 or not progress.wait(left):
                        break
                # The network may be ahead of a slow caller; a mask of a later frame fits no better than an old one.
                seen_in, seen = next((d for d in reversed(done) if d[0] <= frame.index), (None, None))
            yield Paired(frame, seen, seen_in)
    finally:
        if stop is not None:
            stop.set()
        shown.stop()
        queued.stop()
        reader.join()
        worker.join()
    worker.raise_failure()
    reader.raise_failure()
