"""Carry the measured rows of the models that ship from ``results/bench.csv`` into the package.

Run:  python -m benchmarks.measured [--check]
Writes ``pocketmatte/zoo/measured.json``, what ``pocketmatte models --budget`` answers from: the newest row of each
file, runtime, number of threads, device and kind of run, for the network alone and the whole chain. ``--check`` writes
nothing and fails when the file is not what the results say.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.pages import RESULTS, ROOT, write_or_check

SOURCE, TARGET = RESULTS / "bench.csv", ROOT / "pocketmatte" / "zoo" / "measured.json"
NUMBERS = ("load", "min_ms", "p50_ms", "p95_ms", "spread", "first_ms", "rss_mb", "rss_model_mb", "size_mb")
WHOLE = ("threads", "runs", "attempts")
KEY = ("model", "file", "precision", "runtime", "threads", "part", "frame", "device")
LEFT_OUT = ("ratio", "minute")  # the first belongs to its own run; rows of sustained runs stay in results/


def measured(path: Path = SOURCE) -> list[dict[str, Any]]:
    """The rows to carry, in the order of the CSV file; empty cells are left out."""
    names = json.loads((ROOT / "pocketmatte" / "zoo" / "registry.json").read_text())
    newest: dict[tuple[str, ...], dict[str, Any]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["model"] in names and row["part"] in ("network", "chain") and not row["minute"]:
                newest[tuple(row[k] for k in KEY)] = {
                    k: float(v) if k in NUMBERS else int(v) if k in WHOLE else v
                    for k, v in row.items()
                    if v and k not in LEFT_OUT
                }
    return list(newest.values())


if __name__ == "__main__":
    sys.exit(write_or_check({TARGET: json.dumps(measured(), indent=1) + "\n"}, "benchmarks.measured", __doc__))
