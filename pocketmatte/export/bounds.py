"""How much a file of each precision may lose against the network it was made of, and the refusal when it loses more."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pocketmatte.core import PocketmatteError

POINTS = 100.0  # an IoU of 0.01 is one point
HALF_MAX = 65504.0  # the largest number in half precision


@dataclass(frozen=True)
class Bounds:
    """``mean``, ``worst`` (any one picture) and ``boundary``: IoU that may be lost. ``mad``: mean difference of the
    alphas. ``empty``: mean alpha that may be added where nobody is. ``drift``: mean difference of the alphas at any of
    200 steps. ``shift``: pixels. ``range``: share of half precision's largest number that may be reached.
    """

    mean: float
    worst: float
    boundary: float
    mad: float
    empty: float
    drift: float
    shift: float = 0.1
    range: float = 0.5


_SINGLE = Bounds(mean=0.0005, worst=0.005, boundary=0.001, mad=1e-4, empty=1e-4, drift=1e-3)
_HALF = Bounds(mean=0.001, worst=0.01, boundary=0.003, mad=1e-3, empty=1e-3, drift=5e-3)
_BYTE = Bounds(mean=0.005, worst=0.05, boundary=0.02, mad=2e-2, empty=5e-3, drift=3e-2)
BOUNDS = {"fp32": _SINGLE, "fp16": _HALF, "dynamic": _BYTE, "int8": _BYTE, "mixed": _BYTE}


def bounds_for(precision: str, allow_drop: float | None) -> Bounds:
    """The bounds of a precision; ``allow_drop`` is the mean IoU that may be lost instead, and loosens what goes with
    it in proportion. Shift and range are never loosened. Raises :class:`PocketmatteError` unless it is in 0..1."""
    bounds = BOUNDS[precision]
    if allow_drop is None or allow_drop == bounds.mean:
        return bounds
    if not 0 <= allow_drop <= 1:
        raise PocketmatteError(f"--allow-drop {allow_drop:g}: expected an IoU in 0..1, such as 0.01 for one point")
    factor = max(1.0, allow_drop / bounds.mean)
    names = ("mean", "worst", "boundary", "mad", "empty", "drift")
    return replace(bounds, **{name: getattr(bounds, name) * factor for name in names})


def judge(row: dict[str, Any], bounds: Bounds) -> list[str]:
    """Why a file must be refused; empty when every bound is kept. ``row`` is an entry of ``certificate.json``."""
    lost = row["lost"]
    checks = [
        (lost["mean"], bounds.mean, "loses {:.2f} points mean mIoU, allowed {:.2f}", POINTS),
        (
            lost["worst"],
            bounds.worst,
            f"loses {{:.2f}} points mIoU on {lost['worst_picture']}, allowed {{:.2f}}",
            POINTS,
        ),
        (lost["boundary"], bounds.boundary, "loses {:.2f} points boundary IoU, allowed {:.2f}", POINTS),
        (row["mad"], bounds.mad, "its alpha differs by {:.2g} on average, allowed {:.2g}", 1),
        (row["empty_more"], bounds.empty, "finds {:.2g} more alpha where nobody is, allowed {:.2g}", 1),
        (max(abs(v) for v in row["shift"]), bounds.shift, "is shifted by {:.2f} pixels, allowed {:.2f}", 1),
    ]
    if "drift" in row:
        drift = row["drift"]
        checks.append((drift["largest"], bounds.drift, "drifts by {:.2g} over the steps, allowed {:.2g}", 1))
        checks.append((drift["after_reset"], 0.0, "differs by {:.2g} after a reset, allowed {:.2g}", 1))
    if "range" in row:
        checks.append(
            (row["range"], bounds.range * HALF_MAX, "reaches {:.0f} inside, allowed in half precision {:.0f}", 1)
        )
    # a comparison with NaN is false: what cannot be compared is refused
    return [text.format(value * unit, limit * unit) for value, limit, text, unit in checks if not value <= limit]
