"""A measurement on a phone: models in turn, repeated while the phone is restless, or minute by minute."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from pocketmatte.bench import phone as tool
from pocketmatte.bench.adb import Phone
from pocketmatte.bench.measure import RERUNS
from pocketmatte.bench.rows import Row, provenance
from pocketmatte.bench.subjects import Choice


@dataclass(frozen=True)
class PhonePlan:
    """``program``: ``benchmark_model`` on this computer, ``None`` when it lies on the phone already."""

    delegates: tuple[str, ...] = ("cpu",)
    threads: tuple[int, ...] = (1, 2)
    rounds: int = 60
    program: Path | None = None


def measure_on_phone(
    phone: Phone, choices: Sequence[Choice], plan: PhonePlan, tell: Callable[[str], None] = lambda _: None
) -> Iterator[Row]:
    """One row per model, delegate and number of threads; all are repeated up to three times while one is void."""
    shared = provenance(phone.name())
    with ExitStack() as stack:
        remotes = _pushed(phone, choices, plan, stack)
        for delegate in plan.delegates:
            for threads in plan.threads:
                best: list[Row] = []
                for attempt in range(1, RERUNS + 2):
                    tell(f"{delegate}, {threads} threads, attempt {attempt}")
                    rows: list[Row] = []
                    for choice, remote in zip(choices, remotes, strict=True):
                        report = tool.run(phone, remote, delegate, threads, plan.rounds)
                        rows.append(
                            tool.to_row(report, choice, shared, delegate, threads, _ratio(report, rows), attempt)
                        )
                    if not best or _voids(rows) < _voids(best):
                        best = rows
                    if not _voids(best):
                        break
                yield from best


def sustain_on_phone(
    phone: Phone, choice: Choice, plan: PhonePlan, minutes: float, minute: float = 60.0
) -> Iterator[Row]:
    """Rows minute by minute: the tool is called once per minute and runs without a pause in it."""
    shared = provenance(phone.name())
    with ExitStack() as stack:
        (remote,) = _pushed(phone, [choice], plan, stack)
        first: Row | None = None
        number, left = 1, minutes * minute
        while left > 0:
            report = tool.run(phone, remote, plan.delegates[0], plan.threads[0], 1, min(left, minute))
            ratio = _ratio(report, [first] if first else [])
            row = tool.to_row(report, choice, shared, plan.delegates[0], plan.threads[0], ratio, minute=number)
            first = first or row
            yield row
            number, left = number + 1, left - minute


def profile_on_phone(phone: Phone, choice: Choice, plan: PhonePlan) -> str:
    """The tool's own log with its tables of operators."""
    with ExitStack() as stack:
        (remote,) = _pushed(phone, [choice], plan, stack)
        return tool.run(phone, remote, plan.delegates[0], plan.threads[0], plan.rounds, profile=True).log


def _pushed(phone: Phone, choices: Sequence[Choice], plan: PhonePlan, stack: ExitStack) -> list[str]:
    remotes = []
    for number, choice in enumerate(choices):
        remotes.append(tool.push(phone, choice, plan.program if number == 0 else None))
        stack.callback(tool.clean_up, phone, remotes[-1])
    return remotes


def _ratio(report: tool.Report, rows: Sequence[Row]) -> float | None:
    middle = report.avg_ms if report.p50_ms is None else report.p50_ms
    return middle / rows[0].p50_ms if rows and rows[0].p50_ms else 1.0


def _voids(rows: Sequence[Row]) -> int:
    return sum(bool(r.void) for r in rows)
