"""The ``evaluate`` verb."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pocketmatte.core import Alpha, Frame, PocketmatteError, UInt8Image
from pocketmatte.evaluate.report import EmptyReport, Report, SequenceReport, table
from pocketmatte.evaluate.runner import evaluate_empty, evaluate_pairs, evaluate_sequence
from pocketmatte.pipeline.pipeline import Refine, load


def evaluate(
    model: str,
    data: Path,
    empty: bool,
    sequence: bool,
    refine: Refine,
    worst: int,
    runtime: str,
    device: str,
    threads: int,
    as_json: bool,
) -> None:
    """Score a model and print the report; only frames of a ``sequence`` may remember one another."""
    if empty and sequence:
        raise PocketmatteError("--empty and --sequence exclude each other: a sequence needs the truth of every frame")
    terminal = sys.stderr.isatty()

    def progress(done: int, total: int, stem: str) -> None:
        if terminal:
            print(f"\r{done}/{total} {stem[:40]:40}", end="" if done < total else "\n", file=sys.stderr, flush=True)

    report: Report | EmptyReport | SequenceReport
    with load(model, runtime=runtime, device=device, threads=threads, refine=refine, foreground="none") as pipeline:

        def step(image: UInt8Image) -> Alpha:
            return pipeline.step(Frame(image)).alpha

        def single(image: UInt8Image) -> Alpha:
            pipeline.reset()
            return step(image)

        if sequence:
            report = evaluate_sequence(step, data, reset=pipeline.reset, progress=progress)
        elif empty:
            report = evaluate_empty(single, data, progress=progress)
        else:
            report = evaluate_pairs(single, data, progress=progress)
    if as_json:
        print(json.dumps(report.to_dict(), indent=1))
        for note in getattr(report, "notes", ()):
            print(f"note: {note}", file=sys.stderr)
    else:
        print(table(report, worst))
