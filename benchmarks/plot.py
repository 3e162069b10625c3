"""Plots of the documentation as SVG, from the files in ``results/``: accuracy against latency.

Run:  python -m benchmarks.plot [--check]
``docs/images/search.svg``: the candidates of the architecture search, the peers' latency as lines. ``--check`` writes
nothing and fails when a plot is not what the results say.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.pages import ROOT, write_or_check

WIDTH, HEIGHT = 760, 460
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 20, 50
COLOURS = ("#1b6ca8", "#c8553d", "#2a9d5c", "#8a5a9e", "#b8860b", "#444444", "#d1495b")


@dataclass(frozen=True)
class Point:
    """A mark with its ``label``; points of one ``group`` share a colour. ``error``: half-length of a vertical bar."""

    x: float
    y: float
    label: str
    group: str
    error: float = 0.0


def _ticks(low: float, high: float) -> list[float]:
    """About six round numbers from ``low`` to ``high``."""
    rough = (high - low) / 6
    base = 10.0 ** int(f"{rough:e}".split("e")[1])
    step = min((m * base for m in (1, 2, 5, 10)), key=lambda s: abs(s - rough))
    first = int(low / step) + (low > 0)
    found = [first * step]
    while found[-1] + step <= high + 1e-9:
        found.append(found[-1] + step)
    return found


def scatter(points: Sequence[Point], lines: Sequence[tuple[float, str]], axes: tuple[str, str]) -> str:
    """An SVG with ``points``, vertical ``lines`` (x and label), and titles of the x and y ``axes``."""
    xs = [p.x for p in points] + [x for x, _ in lines]
    ys = [v for p in points for v in (p.y - p.error, p.y + p.error)]
    wide, high = (max(xs) - min(xs)) or 1.0, (max(ys) - min(ys)) or 0.1
    x0, x1, y0, y1 = min(xs) - 0.08 * wide, max(xs) + 0.16 * wide, min(ys) - 0.08 * high, max(ys) + 0.1 * high

    def at(x: float, y: float) -> tuple[float, float]:
        across, up = (x - x0) / (x1 - x0), (y - y0) / (y1 - y0)
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    style = "font-family:sans-serif;font-size:12px"
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" style="{style}">']
    out.append(f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>')
    for value in _ticks(x0, x1):
        x, _ = at(value, y0)
        out.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#e4e4e4"/>')
        out.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{value:g}</text>')
    for value in _ticks(y0, y1):
        _, y = at(x0, value)
        out.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#e4e4e4"/>')
        out.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:.4g}</text>')
    out.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">{_safe(axes[0])}</text>')
    middle = (TOP + HEIGHT - BOTTOM) / 2
    turn = f'transform="rotate(-90 16 {middle})"'
    out.append(f'<text x="16" y="{middle}" text-anchor="middle" {turn}>{_safe(axes[1])}</text>')
    for number, (value, label) in enumerate(lines):
        x, _ = at(value, y0)
        out.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#888" stroke-dasharray="5 4"/>')
        out.append(f'<text x="{x + 4:.1f}" y="{TOP + 12 + 14 * number}" fill="#666">{_safe(label)}</text>')
    groups = list(dict.fromkeys(p.group for p in points))
    taken: list[tuple[float, float]] = []
    for point in sorted(points, key=lambda p: -p.y):
        colour = COLOURS[groups.index(point.group) % len(COLOURS)]
        x, y = at(point.x, point.y)
        if point.error:
            (_, high_end), (_, low_end) = at(point.x, point.y + point.error), at(point.x, point.y - point.error)
            out.append(f'<path d="M{x:.1f} {high_end:.1f}V{low_end:.1f}" stroke="{colour}"/>')
        out.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{colour}"/>')
        where = y + 4
        while any(abs(where - other) < 12 and abs(x - across) < 110 for across, other in taken):
            where += 12  # below the label that is there
        taken.append((x, where))
        out.append(f'<text x="{x + 8:.1f}" y="{where:.1f}" fill="{colour}">{_safe(point.label)}</text>')
    for number, group in enumerate(groups):
        y = HEIGHT - BOTTOM - 12 - 15 * number
        colour = COLOURS[number % len(COLOURS)]
        out.append(f'<circle cx="{WIDTH - RIGHT - 110}" cy="{y - 4}" r="4" fill="{colour}"/>')
        out.append(f'<text x="{WIDTH - RIGHT - 100}" y="{y}">{_safe(group)}</text>')
    return "\n".join([*out, "</svg>"]) + "\n"


def _safe(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def search() -> str | None:
    """The candidates that are timed and trained; ``None`` while there are none."""
    with (ROOT / "results" / "search.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    lines = [(float(row["min_ms"]), row["name"]) for row in rows if row["question"] == "peer" and row["min_ms"]]
    points = [
        Point(float(row["min_ms"]), float(row["score"]), row["name"], row["question"], float(row["half_range"] or 0))
        for row in rows
        if row["question"] != "peer" and row.get("min_ms") and row.get("score")
    ]
    title = "held-out score after the short training"
    return scatter(points, lines, ("LiteRT, 1 thread, fastest run, ms", title)) if points else None


PLOTS = {ROOT / "docs" / "images" / "search.svg": search}


if __name__ == "__main__":
    drawn = {path: text for path, draw in PLOTS.items() if (text := draw()) is not None}
    sys.exit(write_or_check(drawn, "benchmarks.plot", __doc__))
