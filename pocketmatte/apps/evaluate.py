"""The ``evaluate`` verb."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pocketmatte.core import Alpha, Frame, PocketmatteError, UInt8Image
from pocketmatte.evaluate.report import EmptyReport, Report, SequenceReport, table
from pocketmatte.evaluate.runner import evaluate_empty, evaluate_pairs, evaluate_sequence
from pocketmatte.evaluate.slices import Tags, missing, read_slices, slice_scores, slice_table
from pocketmatte.ops.clean import DEFAULT_CLEAN, Clean
from pocketmatte.ops.subject import MainSubject, Subject, main_subject
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
    slices: Path | None = None,
    subject: Subject = "all",
) -> None:
    """Score a model and print the report; only frames of a ``sequence`` may remember one another.

    With the subject ``main`` the truth is narrowed by the same rule as the prediction.
    """
    if empty and sequence:
        raise PocketmatteError("--empty and --sequence exclude each other: a sequence needs the truth of every frame")
    if slices and sequence:
        raise PocketmatteError("--slices names single pictures: it does not go with --sequence")
    tags = read_slices(slices, data.resolve().name) if slices else None
    terminal = sys.stderr.isatty()

    def progress(done: int, total: int, stem: str) -> None:
        if terminal:
            print(f"\r{done}/{total} {stem[:40]:40}", end="" if done < total else "\n", file=sys.stderr, flush=True)

    report: Report | EmptyReport | SequenceReport
    clean: Clean = DEFAULT_CLEAN if refine == "guided" else "off"  # bilinear: what the file alone can do
    with load(
        model,
        runtime=runtime,
        device=device,
        threads=threads,
        refine=refine,
        foreground="none",
        subject=subject,
        clean=clean,
    ) as pipeline:

        def step(image: UInt8Image) -> Alpha:
            return pipeline.step(Frame(image)).alpha

        def single(image: UInt8Image) -> Alpha:
            pipeline.reset()
            return step(image)

        main = subject == "main"
        if sequence:
            narrow = MainSubject().step if main else None
            report = evaluate_sequence(step, data, reset=pipeline.reset, progress=progress, narrow=narrow)
        elif empty:
            report = evaluate_empty(single, data, progress=progress)
        else:
            report = evaluate_pairs(single, data, progress=progress, narrow=main_subject if main else None)
    untagged = _untagged(report, tags)
    values = report.to_dict()
    if tags is not None and not isinstance(report, SequenceReport):
        values["slices"] = slice_scores(report, tags)
    if as_json:
        print(json.dumps(values, indent=1))
        for note in (*getattr(report, "notes", ()), *untagged):
            print(f"note: {note}", file=sys.stderr)
        return
    print(table(report, worst))
    if "slices" in values:
        print(f"\n{slice_table(values['slices'])}")
    for note in untagged:
        print(f"note: {note}")


def _untagged(report: Report | EmptyReport | SequenceReport, tags: Tags | None) -> list[str]:
    if tags is None or isinstance(report, SequenceReport):
        return []
    unknown = missing((row.stem for row in report.images), tags)
    return [f"{len(unknown)} pictures are not in the slices, the first is {unknown[0]}"] if unknown else []
