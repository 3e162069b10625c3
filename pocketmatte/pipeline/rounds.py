"""Frames of several sources, round by round: all newest ones, all of one time, or simply the next of each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

from pocketmatte.core import Frame, PocketmatteError
from pocketmatte.pipeline.threads import Newest, Stage, ahead

# Seconds by which frames of one time may differ: containers round times differently, Matroska to milliseconds.
_SAME = Fraction(1, 500)


@dataclass(frozen=True)
class Round:
    """New ``frames`` by the number of their source, at ``pts`` seconds. ``index`` counts the rounds there could have
    been; ``ended`` are the sources that give no more."""

    frames: dict[int, Frame]
    pts: Fraction
    index: int
    ended: frozenset[int]


Rounds = Generator[Round, None, None]


def newest_rounds(
    sources: Sequence[Iterable[Frame]], rate: Fraction, failed: Callable[[int, PocketmatteError], None]
) -> Rounds:
    """``rate`` times a second what came since the last round; who comes late misses rounds. A source that fails is
    reported and counts as ended. Ends when all have."""
    boxes: list[Newest[Frame]] = [Newest() for _ in sources]
    over = [threading.Event() for _ in sources]

    def read(number: int) -> None:
        try:
            for frame in sources[number]:
                if not boxes[number].put(frame):
                    return
        except PocketmatteError as error:
            failed(number, error)
        finally:
            over[number].set()

    stages = [Stage(partial(read, number)) for number in range(len(sources))]
    started, index = time.monotonic(), 0
    try:
        while True:
            ended = frozenset(n for n, event in enumerate(over) if event.is_set())  # before looking: nothing is lost
            taken = {n: box.take(0) for n, box in enumerate(boxes)}
            frames = {n: entry[0] for n, entry in taken.items() if entry is not None}
            if len(ended) == len(sources) and not frames:
                break
            if frames:
                yield Round(frames, index / rate, index, ended - frames.keys())
            due = max(index + 1, int((time.monotonic() - started) * rate))
            time.sleep(max(0.0, started + float(due / rate) - time.monotonic()))
            index = due
    finally:
        for box in boxes:
            box.stop()
        for stage in stages:
            stage.join()
    for stage in stages:
        stage.raise_failure()


def timed_rounds(sources: Sequence[Iterable[Frame]]) -> Rounds:
    """A round at every time at which a source has a frame, as fast as they are read, with all frames that begin then.
    Nothing is left out, at whatever frame rate, also a variable one. Deterministic."""
    readers = [ahead(source) for source in sources]
    heads = [next(reader, None) for reader in readers]
    index = 0
    try:
        while times := [_time(head) for head in heads if head is not None]:
            pts = min(times)
            frames = {n: head for n, head in enumerate(heads) if head is not None and _time(head) - pts <= _SAME}
            for number in frames:
                heads[number] = next(readers[number], None)
            ended = frozenset(n for n, head in enumerate(heads) if head is None)
            yield Round(frames, pts, index, ended - frames.keys())
            index += 1
    finally:
        for reader in readers:
            reader.close()


def _time(frame: Frame) -> Fraction:
    return frame.pts or Fraction(0)


def next_rounds(sources: Sequence[Iterable[Frame]]) -> Rounds:
    """The next frame of every source, whatever its time, until all have ended. Deterministic, nothing is left out."""
    readers = [ahead(source) for source in sources]
    index = 0
    try:
        while True:
            heads = {n: next(reader, None) for n, reader in enumerate(readers)}
            frames = {n: head for n, head in heads.items() if head is not None}
            if not frames:
                return
            pts = max(frame.pts or Fraction(0) for frame in frames.values())
            yield Round(frames, pts, index, frozenset(heads.keys() - frames.keys()))
            index += 1
    finally:
        for reader in readers:
            reader.close()
