"""The one rule by which anything that makes a matte calmer is accepted, and the memory of video networks judged by it.

Calmer is easy: the first mask held for ever never flickers. So what remembers is accepted only if dtSSD falls against
the same thing without memory, the matte lags by one frame at most, and its error stays below that of the held mask.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from benchmarks.pages import Row, rows

MOST_LAG = 1.0  # frames


class Figures(NamedTuple):
    """One model on one clip in one way; ``lag`` in frames, ``None`` where nothing moves."""

    dtssd: float
    mad: float
    lag: float | None = None


class Judged(NamedTuple):
    """A model on a clip without (``before``) and with its memory (``after``), the held mask, and what fails."""

    head: Row
    before: Figures
    after: Figures
    frozen: Figures
    fails: list[str]


def failures(before: Figures, after: Figures, control_mad: float) -> list[str]:
    """What speaks against ``after``, in words; empty when it is accepted. What is not a number is refused."""
    found = []
    if not after.dtssd < before.dtssd:
        found.append("flickers more")
    if after.lag is not None and not abs(after.lag) <= MOST_LAG:
        found.append(f"lags by {after.lag:.1f} frames")
    if not after.mad < control_mad:
        found.append("no better than a held mask")
    return found


def judge_prior(measured: Iterable[Row]) -> list[Judged]:
    """Every model and clip of ``video.csv`` that was measured with the matte of the frame before and without it."""
    groups: dict[tuple[str, ...], dict[str, Row]] = {}
    for row in measured:
        key = tuple(row[name] for name in ("model", "version", "runtime", "refine", "clip"))
        groups.setdefault(key, {})[row["prior"]] = row
    judged = []
    for ways in groups.values():
        if {"on", "off", "frozen"} <= ways.keys():
            after, before, frozen = (_figures(ways[way]) for way in ("on", "off", "frozen"))
            judged.append(Judged(ways["on"], before, after, frozen, failures(before, after, frozen.mad)))
    return judged


def _figures(row: Row) -> Figures:
    return Figures(float(row["dtssd"]), float(row["mad"]), float(row["lag"]) if row["lag"] else None)


def show() -> None:
    """Print the verdict on every video network and clip of ``results/video.csv``."""
    for found in judge_prior(rows("video.csv")):
        moved = f"dtSSD {found.before.dtssd} -> {found.after.dtssd}, MAD {found.before.mad} -> {found.after.mad}"
        print(found.head["model"], found.head["clip"], moved, ", ".join(found.fails) or "accepted")
