"""The ``models`` verb: what there is, and what fits a budget according to what was measured."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from typing import Any

from pocketmatte.core import PocketmatteError
from pocketmatte.spec import ModelSpec, WeightFile, parts_of
from pocketmatte.zoo.catalogue import list_all
from pocketmatte.zoo.measured import Measurement, measurements

Row = dict[str, Any]


@dataclass(frozen=True)
class Wanted:
    """What a model must keep to: median time of ``part`` (``chain``: a whole frame, ``network``: inference alone),
    size of its file in MB (10^6 bytes), licence (``any`` or ``permissive``).
    """

    budget_ms: float | None = None
    max_mb: float | None = None
    licence: str = "any"
    part: str = "chain"

    def __str__(self) -> str:
        limits = [
            f"{self.budget_ms:g} ms ({self.part})" if self.budget_ms is not None else "",
            f"{self.max_mb:g} MB" if self.max_mb is not None else "",
            f"{self.licence} weights" if self.licence != "any" else "",
        ]
        return ", ".join(filter(None, limits))


def parse_budget(text: str) -> float:
    """``33ms``, ``0.033s``, ``30fps`` or plain milliseconds -> milliseconds. Raises :class:`PocketmatteError`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|fps)?", text.strip())
    if not match or float(match[1]) == 0:
        raise PocketmatteError(f"--budget {text}: expected a time per frame such as 33ms, 0.033s or 30fps")
    value = float(match[1])
    return {"s": 1e3 * value, "fps": 1e3 / value}.get(match[2], value)


def describe(spec: ModelSpec) -> Row:
    """One row of ``models --json``. Weight files that are not on this computer have ``bytes`` ``null``."""
    sizes = [_size(spec, entry) for entry in spec.files]
    return {
        "name": spec.name,
        "version": spec.version,
        "summary": spec.summary,
        "architecture": spec.architecture,
        "params": spec.parameters,
        "macs": spec.macs,
        "input": [*spec.input.size, 3],
        "weights": [
            {"file": f.file, "format": f.format, "precision": f.precision, "sha256": f.sha256, "bytes": size}
            for f, size in zip(spec.files, sizes, strict=True)
        ],
        "bytes": sum(filter(None, sizes)),
        "licence": {
            "code": spec.licences.code,
            "weights": spec.licences.weights,
            "permissive": spec.licences.permissive,
            "data": [
                {"name": d.name, "licence": d.licence, "link": d.link, "date": d.date} for d in spec.licences.data
            ],
        },
        "measured": [*spec.measured, *measurements(spec.name)],
    }


def _size(spec: ModelSpec, entry: WeightFile) -> int | None:
    parts = parts_of(spec.path_of(entry))
    return sum(p.stat().st_size for p in parts) if parts and all(p.is_file() for p in parts) else None


def fits(row: Row, wanted: Wanted) -> tuple[bool, str]:
    """Whether a model keeps to what is wanted, and if not, why in few words.

    A budget is answered from measured rows alone, never from void ones, and the file measured must be the one that is
    small enough. ``row["fitting"]`` then holds those rows, the fastest first.
    """
    if wanted.licence == "permissive" and not row["licence"]["permissive"]:
        return False, f"weights: {row['licence']['weights']}"
    if wanted.budget_ms is None:
        sizes = [w["bytes"] / 1e6 for w in row["weights"] if w["bytes"] is not None]
        if wanted.max_mb is not None and not any(size <= wanted.max_mb for size in sizes):
            why = f"its smallest file has {_over(min(sizes), wanted.max_mb)} MB" if sizes else "no weight file here"
            return False, why
        return True, ""
    rows = [m for m in row["measured"] if m.get("part") == wanted.part]
    valid = [m for m in rows if not m.get("void")]
    small = [m for m in valid if wanted.max_mb is None or m["size_mb"] <= wanted.max_mb]
    row["fitting"] = sorted((m for m in small if m["p50_ms"] <= wanted.budget_ms), key=lambda m: float(m["p50_ms"]))
    if row["fitting"]:
        return True, ""
    if not rows:
        return False, f"not measured ({wanted.part})"
    if not valid:
        return False, "only void rows: the machine was too restless"
    if wanted.max_mb is not None and not small:
        return False, f"its smallest measured file has {_over(min(m['size_mb'] for m in valid), wanted.max_mb)} MB"
    return False, f"its fastest row needs {_over(min(m['p50_ms'] for m in small), wanted.budget_ms, 1)} ms"


def _over(value: float, limit: float, digits: int = 2) -> str:
    """A value above ``limit`` with as many digits as show that it is."""
    while round(value, digits) <= limit < value:
        digits += 1
    return f"{value:.{digits}f}"


def show_models(wanted: Wanted, as_json: bool) -> bool:
    """Print the models that keep to ``wanted`` and return whether there are any; on stderr, why others do not."""
    kept: list[Row] = []
    left: list[str] = []
    for row in map(describe, list_all()):
        good, why = fits(row, wanted)
        if good:
            kept.append(row)
        else:
            left.append(f"{row['name']}: {why}")
    if as_json:
        print(json.dumps(kept, indent=1))
    else:
        for row in kept:
            _print(row)
    for reason in left:
        print(f"left out: {reason}", file=sys.stderr)
    if not kept:
        print(f"pocketmatte: no model is known to keep to {wanted}", file=sys.stderr)
    return bool(kept)


def _print(row: Row) -> None:
    height, width, _ = row["input"]
    cost = f"{row['params'] / 1e6:.2f} M parameters, {row['macs'] / 1e6:.0f} M MACs"
    size = f"{row['bytes'] / 1e6:.1f} MB" if row["bytes"] else "no weights here"
    print(f"{row['name']} {row['version']}  {cost}, {height}x{width}, {size}\n  {row['summary']}")
    for measurement in row.get("fitting", [])[:3]:
        print(f"  {measured_line(measurement)}")
    print(f"  code {row['licence']['code']}; weights: {row['licence']['weights']}")
    for source in row["licence"]["data"]:
        print(f"    trained on {source['name']}: {source['licence']} ({source['link']}, {source['date']})")


def measured_line(row: Measurement) -> str:
    """A measured row as a sentence, with its age and method."""
    threads = f"{row['threads']} thread{'s' * (row['threads'] > 1)}"
    what = f"{row['part']} {row['frame']}" if row.get("frame") else row["part"]
    late = f" (95th percentile {row['p95_ms']:.1f})" if "p95_ms" in row else ""
    age = f"{row['age_days']} days ago" if row["age_days"] else "today"
    return (
        f"{row['file']}, {row['runtime']}, {threads}: {what} {row['p50_ms']:.1f} ms{late}, {row['size_mb']:.2f} MB\n"
        f"    measured {row['date']} ({age}) on {row['device']}; {row['method']}"
    )
