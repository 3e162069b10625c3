"""Time of the network alone, models interleaved in one run: what one may compare on a machine that is not quiet.

Run:  python -m benchmarks.latency MODEL... [--threads 1,2] [--rounds 60] [--out results/latency.csv]
The short table of the README; `pocketmatte bench` measures the whole chain, memory and more. Every round runs each
model once, in turn, so that a disturbance hits all alike. Prints minimum, median and interquartile range in ms and the
ratio of the minima to the first model's. A row whose interquartile range exceeds 15 % of the median is marked void.
"""

from __future__ import annotations

import argparse
import csv
import platform
import statistics
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.command import integers, launch, repeats
from pocketmatte.bench.chain import network_step
from pocketmatte.bench.subjects import choose, opened
from pocketmatte.bench.timing import VOID_SPREAD, WARM_UP, interleave


def main() -> None:
    """Parse options, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--threads", type=integers, default="1,2")
    parser.add_argument("--rounds", type=repeats, default=60)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for threads in options.threads:
        with opened(choose(options.models, ["auto"]), "auto", threads, "guided", "none") as subjects:
            times = [t[WARM_UP:] for t in interleave([network_step(s) for s in subjects], options.rounds)]
            placements = [s.pipeline.session.describe() for s in subjects]
        first = min(times[0])
        for subject, placement, values in zip(subjects, placements, times, strict=True):
            low, median, high = statistics.quantiles(values, n=4)
            row = {
                "model": subject.choice.spec.name,
                "runtime": placement.runtime,
                "threads": threads,
                "min_ms": round(min(values), 2),
                "median_ms": round(median, 2),
                "iqr_ms": round(high - low, 2),
                "ratio": round(min(values) / first, 2),
                "void": "yes" if high - low > VOID_SPREAD * median else "",
                "machine": platform.machine(),
                "version": placement.version,
                "date": date.today().isoformat(),
            }
            print(row)
            rows.append(row)
    if options.out:
        with options.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    launch(main)
