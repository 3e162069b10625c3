"""Sustained load: frame after frame without a pause, one row per minute, to see what heat does to the speed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from pocketmatte.bench.chain import CHAIN, ChainStep
from pocketmatte.bench.measure import Plan, open_all, opencv_threads, row
from pocketmatte.bench.rows import Row, provenance
from pocketmatte.bench.subjects import Choice
from pocketmatte.bench.timing import Summary, summarise


def minute_by_minute(step: Callable[[], None], minutes: float, minute: float = 60.0) -> Iterator[Summary]:
    """Run ``step`` again and again for ``minutes`` of ``minute`` seconds each; figures of each as soon as it is over.

    A last, broken minute counts too. The first run of all stands in the first summary's ``first_ms`` and nowhere else.
    """
    began = now = time.perf_counter()
    step()
    now = time.perf_counter()
    first: float | None = 1e3 * (now - began)
    times: list[float] = []
    over, done = began + minutes * minute, 1
    while now < over or not times:
        started = now
        step()
        now = time.perf_counter()
        times.append(1e3 * (now - started))
        if now - began >= done * minute:
            yield summarise(times, first)
            times, first = [], None
            done = int((now - began) / minute) + 1
            if now >= over:
                return
    yield summarise(times, first)


def sustain(choice: Choice, plan: Plan, threads: int, minutes: float) -> Iterator[Row]:
    """Rows of the whole frame, minute by minute, of one model that has the machine to itself."""
    shared = provenance()
    method = f"frames without a pause for {minutes:g} min, one row per minute"
    with open_all([choice], plan, threads) as (subject,), opencv_threads(threads):
        step = ChainStep(subject, plan.size)
        ratio_to: float | None = None
        for number, summary in enumerate(minute_by_minute(step, minutes), 1):
            ratio_to = ratio_to or summary.p50_ms
            ratio = summary.p50_ms / ratio_to
            yield row(subject, CHAIN, summary, method, shared, plan.size, 1, ratio, None, number)
            step.times.clear()
