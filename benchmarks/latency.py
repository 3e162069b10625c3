"""Time of the network alone, models interleaved in one run: what one may compare on a machine that is not quiet.

Run:  python -m benchmarks.latency MODEL... [--threads 1,2] [--rounds 60] [--out results/latency.csv]
Every round runs each model once, in turn, so that a disturbance hits all alike. Prints minimum, median and
interquartile range in ms and the ratio of the minima to the first model's. A row whose interquartile range exceeds
15 % of the median is marked void.
"""

from __future__ import annotations

import argparse
import csv
import platform
import statistics
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from pocketmatte.pipeline.pipeline import load
from pocketmatte.runtime.base import Session

WARM_UP = 5


def measure(sessions: list[Session], rounds: int) -> list[list[float]]:
    """Milliseconds of every run after the warm-up, per session."""
    rng = np.random.default_rng(0)
    inputs = [{i.name: rng.random(i.shape, np.float32).astype(i.dtype) for i in s.inputs} for s in sessions]
    times: list[list[float]] = [[] for _ in sessions]
    for turn in range(rounds + WARM_UP):
        for session, given, kept in zip(sessions, inputs, times, strict=True):
            started = time.perf_counter()
            session.run(given)
            if turn >= WARM_UP:
                kept.append(1e3 * (time.perf_counter() - started))
    return times


def main() -> None:
    """Parse options, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for threads in map(int, options.threads.split(",")):
        pipelines = [load(model, threads=threads) for model in options.models]
        times = measure([p.session for p in pipelines], options.rounds)
        first = min(times[0])
        for pipeline, values in zip(pipelines, times, strict=True):
            low, median, high = statistics.quantiles(values, n=4)
            placement = pipeline.session.describe()
            row = {
                "model": pipeline.spec.name,
                "runtime": placement.runtime,
                "threads": threads,
                "min_ms": round(min(values), 2),
                "median_ms": round(median, 2),
                "iqr_ms": round(high - low, 2),
                "ratio": round(min(values) / first, 2),
                "void": "yes" if high - low > 0.15 * median else "",
                "machine": platform.machine(),
                "version": placement.version,
                "date": date.today().isoformat(),
            }
            print(row)
            rows.append(row)
        for pipeline in pipelines:
            pipeline.close()
    if options.out:
        with options.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
