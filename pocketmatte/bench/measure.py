"""A whole measurement: all models in turn, repeated while the machine is restless, turned into rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import cv2

from pocketmatte.bench.chain import CHAIN, NETWORK, Parts, time_chains, time_networks
from pocketmatte.bench.memory import Memory, memory_of
from pocketmatte.bench.rows import Provenance, Row, provenance
from pocketmatte.bench.subjects import Choice, Subject, opened
from pocketmatte.bench.timing import WARM_UP, Summary
from pocketmatte.core import Size
from pocketmatte.pipeline.pipeline import Foreground, Refine

RERUNS = 3
FRAME = Size(720, 1280)
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How to measure: see the options of ``pocketmatte bench``. ``size`` is that of the frames."""

    threads: tuple[int, ...] = (1, 2)
    size: Size = FRAME
    rounds: int = 60
    device: str = "auto"
    refine: Refine = "guided"
    foreground: Foreground = "fast"
    temporal: str = "auto"
    memory: bool = True

    @property
    def method(self) -> str:
        """For the rows: how the figures came about."""
        return f"models in turn, {self.rounds} rounds after {WARM_UP}; spread = interquartile range / median"


def measure(choices: Sequence[Choice], plan: Plan, tell: Tell = lambda _: None) -> list[Row]:
    """Network alone and whole frame of every choice, for every number of threads; ``tell`` hears what goes on.

    A run in which a network or a whole frame is void is repeated up to three times; the one with the fewest void rows
    is kept, and what is void in it is said to be. Raises :class:`PocketmatteError` when a file cannot be opened.
    """
    shared = provenance()
    rows: list[Row] = []
    for threads in plan.threads:
        with open_all(choices, plan, threads) as subjects, opencv_threads(threads):

            def networks(subjects: list[Subject] = subjects) -> list[Parts]:
                return time_networks(subjects, plan.rounds)

            def chains(subjects: list[Subject] = subjects) -> list[Parts]:
                return time_chains(subjects, plan.size, plan.rounds)

            for name, run, size in ((NETWORK, networks, None), (CHAIN, chains, plan.size)):
                tell(f"{name}, {threads} thread{'s' * (threads > 1)}, {plan.rounds} rounds")
                found, attempts = calmest(run, name, tell)
                memories = [_memory(s, plan, size) for s in subjects]
                rows += _rows(subjects, found, memories, plan, shared, size, attempts)
    return rows


def open_all(choices: Sequence[Choice], plan: Plan, threads: int) -> AbstractContextManager[list[Subject]]:
    """The pipelines as the plan wants them."""
    return opened(choices, plan.device, threads, plan.refine, plan.foreground, plan.temporal)


@contextmanager
def opencv_threads(threads: int) -> Iterator[None]:
    """OpenCV's part of the chain gets as many threads as the network."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(threads)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def calmest(run: Callable[[], list[Parts]], part: str, tell: Tell = lambda _: None) -> tuple[list[Parts], int]:
    """The first run without a void ``part``, else the one of four with the fewest; and how many were made.

    The choice looks at spreads alone, never at how fast a run was.
    """
    best: list[Parts] | None = None
    for attempt in range(1, RERUNS + 2):
        found = run()
        if best is None or _unrest(found, part) < _unrest(best, part):
            best = found
        void = _unrest(best, part)[0]
        if not void:
            return best, attempt
        if attempt <= RERUNS:
            tell(f"{void} of {len(found)} rows are void, spread {_unrest(found, part)[1]:.0%}: again")
    assert best is not None
    return best, RERUNS + 1


def _unrest(found: list[Parts], part: str) -> tuple[int, float]:
    """How many of the rows are void, and the largest spread."""
    summaries = [parts[part] for parts in found]
    return sum(s.void for s in summaries), max(s.spread for s in summaries)


def _memory(subject: Subject, plan: Plan, size: Size | None) -> Memory | None:
    if not plan.memory:
        return None
    return memory_of(subject.choice.path, subject.choice.runtime, plan.device, subject.threads, size)


def _rows(
    subjects: Sequence[Subject],
    found: list[Parts],
    memories: list[Memory | None],
    plan: Plan,
    shared: Provenance,
    size: Size | None,
    attempts: int,
) -> list[Row]:
    rows = []
    for subject, parts, memory in zip(subjects, found, memories, strict=True):
        for part, summary in parts.items():
            first = found[0].get(part)
            ratio = summary.p50_ms / first.p50_ms if first and first.p50_ms > 0 else None
            whole = memory if part in (NETWORK, CHAIN) else None
            rows.append(row(subject, part, summary, plan.method, shared, size, attempts, ratio, whole))
    return rows


def row(
    subject: Subject,
    part: str,
    summary: Summary,
    method: str,
    shared: Provenance,
    size: Size | None = None,
    attempts: int = 1,
    ratio: float | None = None,
    memory: Memory | None = None,
    minute: int | None = None,
) -> Row:
    """One row about ``part`` of a subject."""
    choice, placement = subject.choice, subject.pipeline.session.describe()
    pipeline = subject.pipeline
    steadied = "steadied in time" if pipeline.temporal else "frames on their own"
    way = f"; refine {pipeline.refine}, foreground {subject.foreground}, {steadied}" if size else ""
    return Row(
        shared.date,
        shared.commit,
        shared.version,
        shared.device,
        shared.load,
        choice.spec.name,
        choice.entry.file,
        choice.entry.precision,
        placement.runtime,
        placement.version,
        subject.threads,
        part,
        f"{size.height}x{size.width}" if size else "",
        summary.min_ms,
        summary.p50_ms,
        summary.p95_ms,
        summary.spread,
        "yes" if summary.void or shared.overloaded else "",
        ratio,
        summary.first_ms,
        memory.peak if memory else None,
        memory.growth if memory else None,
        choice.size_mb,
        summary.runs,
        attempts,
        minute,
        method + way,
    )
