"""A training log as a small SVG line plot: validation mIoU and boundary IoU over samples seen."""

from __future__ import annotations

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 24, 44
LINES = {"miou": ("mIoU", "#1f6f8b"), "biou": ("boundary IoU", "#c8553d")}


def _ticks(low: float, high: float) -> list[float]:
    """Round values that cover low..high in four to eight steps."""
    span = max(high - low, 1e-9)
    step = 10.0 ** (len(str(int(span))) - 1) if span >= 1 else 0.1
    while span / step < 4:
        step /= 2
    while span / step > 8:
        step *= 2
    first = int(low / step)
    return [round(step * k, 6) for k in range(first, first + 12) if low - 1e-9 <= step * k <= high + 1e-9]


def curve(log: list[dict[str, str]]) -> str:
    """Rows with ``samples`` and ``miou`` (and ``biou``) -> the text of an SVG file."""
    shown = {key: look for key, look in LINES.items() if log and log[0].get(key)}
    values = [float(row[key]) for row in log for key in shown]
    last = max(float(row["samples"]) for row in log)
    low, high = min(values) - 0.005, max(values) + 0.005

    def x(samples: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * samples / last

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - low) / (high - low)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
    ]
    for tick in _ticks(low, high):
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" stroke="#e0e0e0"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for tick in _ticks(0, last):
        parts.append(
            f'<text x="{x(tick):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{tick / 1000:g} k</text>'
        )
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">samples</text>')
    for place, (key, (label, colour)) in enumerate(shown.items()):
        points = " ".join(f"{x(float(row['samples'])):.1f},{y(float(row[key])):.1f}" for row in log)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{LEFT + 110 * place}" y="16" fill="{colour}">{label}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
