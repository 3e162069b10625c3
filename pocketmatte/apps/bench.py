"""The ``bench`` verb."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pocketmatte.bench.adb import PREFIX, find_phone
from pocketmatte.bench.measure import Plan, measure
from pocketmatte.bench.phone_plan import PhonePlan, measure_on_phone, profile_on_phone, sustain_on_phone
from pocketmatte.bench.rows import Row, append_csv, check_csv
from pocketmatte.bench.subjects import Choice, choose
from pocketmatte.bench.summary import by_node_type, summary_text
from pocketmatte.bench.sustained import sustain
from pocketmatte.core import PocketmatteError, Size
from pocketmatte.pipeline.pipeline import Refine
from pocketmatte.runtime.profile import Profile, profile_file


@dataclass(frozen=True)
class Wishes:
    """The options of the verb as they were given."""

    runtime: str = "auto"
    threads: str = "1,2"
    frame: str = "720x1280"
    rounds: int = 60
    device: str = "auto"
    delegate: str = "cpu"
    tool: Path | None = None
    refine: Refine = "guided"
    temporal: str = "auto"
    minutes: float | None = None
    profile: bool = False
    out: Path | None = None
    as_json: bool = False


def bench(models: Sequence[str], wishes: Wishes) -> None:
    """Measure and print; rows go to ``out`` too, each sustained one as soon as its minute is over."""
    threads = _numbers(wishes.threads)
    phone = wishes.device.startswith(PREFIX)
    choices = choose(models, ["litert"] if phone and wishes.runtime == "auto" else wishes.runtime.split(","))
    if wishes.profile:
        _print_profiles(choices, threads[0], wishes, phone)
        return
    if wishes.out:
        check_csv(wishes.out)
    rows: list[Row] = []
    for row in _on_phone(choices, threads, wishes) if phone else _here(choices, threads, wishes):
        if wishes.out and wishes.minutes:
            append_csv(wishes.out, [row])
        if wishes.minutes and not wishes.as_json:
            print(_line(row), flush=True)
        rows.append(row)
    if wishes.as_json:
        print(json.dumps([asdict(r) for r in rows], indent=1))
    elif not wishes.minutes:
        print("\n".join([_HEAD, *map(_line, rows)]))
        load = "" if rows[0].load is None else f"; load average {rows[0].load:.1f} when it began"
        print(f"\n{rows[0].device}{load}; {rows[0].method}")
    if wishes.out and not wishes.minutes:  # last: what was measured is seen, whatever becomes of the file
        append_csv(wishes.out, rows)


def _here(choices: list[Choice], threads: tuple[int, ...], wishes: Wishes) -> Iterable[Row]:
    plan = Plan(threads, _size(wishes.frame), wishes.rounds, wishes.device, wishes.refine, temporal=wishes.temporal)
    if not wishes.minutes:
        return measure(choices, plan, _tell)
    return (row for choice in choices for row in sustain(choice, plan, threads[0], wishes.minutes or 0))


def _on_phone(choices: list[Choice], threads: tuple[int, ...], wishes: Wishes) -> Iterable[Row]:
    phone = find_phone(wishes.device)
    plan = PhonePlan(tuple(wishes.delegate.split(",")), threads, wishes.rounds, wishes.tool)
    if not wishes.minutes:
        return measure_on_phone(phone, choices, plan, _tell)
    return (row for choice in choices for row in sustain_on_phone(phone, choice, plan, wishes.minutes or 0))


def _print_profiles(choices: list[Choice], threads: int, wishes: Wishes, phone: bool) -> None:
    if phone:
        plan = PhonePlan(tuple(wishes.delegate.split(",")), (threads,), wishes.rounds, wishes.tool)
        logs = {c.entry.file: profile_on_phone(find_phone(wishes.device), c, plan) for c in choices}
        print(json.dumps(logs, indent=1) if wishes.as_json else "\n\n".join(logs.values()))
        return
    documents = []
    for choice in choices:
        profile = profile_file(choice.path, choice.runtime, threads, wishes.rounds)
        title = f"{choice.entry.file}, {choice.runtime}, {threads} thread{'s' * (threads > 1)}"
        if not wishes.as_json:
            print(summary_text(profile, title), end="\n\n", flush=True)
        documents.append(_document(choice, profile, threads))
    if wishes.as_json:
        print(json.dumps(documents, indent=1))


def _document(choice: Choice, profile: Profile, threads: int) -> dict[str, Any]:
    return {
        "model": choice.spec.name,
        "file": choice.entry.file,
        "runtime": profile.runtime,
        "threads": threads,
        "rounds": profile.rounds,
        "method": profile.method,
        "notes": list(profile.notes),
        "whole_ms": profile.whole,
        "sum_ms": profile.total,
        "by_node_type": by_node_type(profile),
        "operators": [asdict(o) for o in profile.operators],
    }


_HEAD = (
    f"{'file':26}{'runtime':12}{'thr':>4} {'part':12}{'min':>9}{'p50':>9}{'p95':>9}{'spread':>8}{'ratio':>7}{'RSS':>8}"
)
_HEAD += f"{'size':>7}  ms, MB"


def _line(row: Row) -> str:
    def number(value: float | None, form: str) -> str:
        return "-" if value is None else format(value, form)

    name = row.file if row.minute is None else f"{row.file} min {row.minute}"
    figures = "".join(f"{number(v, '.2f'):>9}" for v in (row.min_ms, row.p50_ms, row.p95_ms))
    void = "  VOID: the machine was too restless" if row.void else ""
    return (
        f"{name:26}{row.runtime:12}{row.threads:>4} {row.part:12}{figures}{number(row.spread, '.0%'):>8}"
        f"{number(row.ratio, '.2f'):>7}{number(row.rss_mb, '.0f'):>8}{row.size_mb:>7.2f}{void}"
    )


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _numbers(text: str) -> tuple[int, ...]:
    values = text.split(",")
    if not all(v.strip().isdigit() and int(v) > 0 for v in values):
        raise PocketmatteError(f"--threads {text}: expected numbers from 1 on, such as 1,2")
    return tuple(int(v) for v in values)


def _size(text: str) -> Size:
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if not match or not all(16 <= int(v) <= 8192 for v in match.groups()):
        raise PocketmatteError(f"--frame {text}: expected HEIGHTxWIDTH in pixels between 16 and 8192, such as 720x1280")
    return Size(int(match[1]), int(match[2]))
