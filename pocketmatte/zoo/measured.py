"""What was measured of the models that ship: rows of ``results/bench.csv``, carried inside the package.

``measured.json`` is written by ``benchmarks/measured.py``; a test compares the two.
"""

from __future__ import annotations

import json
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

Measurement = dict[str, Any]


@cache
def _rows() -> tuple[Measurement, ...]:
    return tuple(json.loads(Path(__file__).with_name("measured.json").read_text()))


def measurements(model: str, today: date | None = None) -> list[Measurement]:
    """Rows about one model, oldest first, each with ``age_days``.

    Columns are those of :class:`pocketmatte.bench.rows.Row` that apply: ``part`` is ``network`` or ``chain`` (a whole
    frame of size ``frame``), times are in milliseconds, sizes in MB, ``void`` rows came from a restless machine.
    """
    now = today or date.today()
    found = [row for row in _rows() if row["model"] == model]
    return [{**row, "age_days": max(0, (now - date.fromisoformat(row["date"])).days)} for row in found]
