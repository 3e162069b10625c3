"""Stages that overlap: an iterator run ahead in a thread of its own, in order or newest first."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")
AHEAD = 4  # items that wait between two stages; bounds the memory of a long video
_PATIENCE = 3.0  # seconds a stage is given to end; a device that hangs must not hang the program


def ahead(items: Iterable[T], depth: int = AHEAD, stop: threading.Event | None = None) -> Generator[T, None, None]:
    """Iterate ``items`` in a thread of its own, at most ``depth`` items ahead; errors surface here, in order.

    ``stop`` is set when this generator ends, whatever ends it, for ``items`` that wait for something themselves."""
    waiting: queue.Queue[tuple[T] | None] = queue.Queue(depth)  # None: no more to come
    stop = threading.Event() if stop is None else stop

    def put(item: tuple[T] | None) -> bool:
        while not stop.is_set():
            try:
                waiting.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def fill() -> None:
        try:
            for item in items:
                if not put((item,)):
                    return
        finally:
            _close(items)
            put(None)

    stage = Stage(fill)
    try:
        while (entry := waiting.get()) is not None:
            yield entry[0]
    finally:
        stop.set()
        stage.join()
    stage.raise_failure()


def newest(items: Iterable[T]) -> Generator[T, None, None]:
    """Iterate ``items`` in a thread of its own that never waits: who comes late finds only the newest item."""
    slot: Newest[T] = Newest()

    def fill() -> None:
        try:
            for item in items:
                if not slot.put(item):
                    return
        finally:
            _close(items)
            slot.end()

    stage = Stage(fill)
    try:
        while (entry := slot.take()) is not None:
            yield entry[0]
    finally:
        slot.stop()
        stage.join()
    stage.raise_failure()


def _close(items: Iterable[T]) -> None:
    if isinstance(items, Generator):  # what this thread made it ends; sources belong to who opened them
        items.close()


class Stage:
    """A thread running ``work`` whose exception, if any, is kept for :meth:`raise_failure`."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:
            self.failure = error

    def join(self) -> None:
        """Wait for the end, but not for ever."""
        self._thread.join(_PATIENCE)

    def raise_failure(self) -> None:
        """Raise here what ended the thread early."""
        if self.failure is not None:
            raise self.failure


class Newest(Generic[T]):
    """A place for one item: putting replaces, taking empties and waits."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: tuple[T] | None = None
        self._ended = self._stopped = False

    def put(self, item: T) -> bool:
        """Replace what is there; ``False`` when nobody will take it any more."""
        with self._changed:
            self._item = (item,)
            self._changed.notify_all()
            return not self._stopped

    def take(self, timeout: float | None = None) -> tuple[T] | None:
        """The item in a tuple, as soon as there is one; ``None`` after the end or ``timeout`` seconds."""
        until = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while self._item is None and not self._ended and not self._stopped:
                left = None if until is None else until - time.monotonic()
                if left is not None and left <= 0:
                    return None
                self._changed.wait(left)
            if self._stopped:
                return None
            item, self._item = self._item, None
            return item

    def end(self) -> None:
        """No more items; the last one can still be taken."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def stop(self) -> None:
        """Nobody takes any more."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
