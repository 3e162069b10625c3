"""Export, score and time every trained network of the reference zoo: ``results/zoo.csv``, one row each.

Run:  python -m benchmarks.zoo [NAME...] [--runs runs/zoo] [--weights weights] [--data FOLDER] [--peer SPEC]
                               [--steps export,score,time] [--rounds 60]
Without names: every network with a ``RUNS/NAME/best.pt`` or an exported folder ``WEIGHTS/NAME``. ``export`` writes
``WEIGHTS/NAME`` (fp16) and the registry of fetchable files; ``score`` reads the test sets, as the originals were
measured: picture squashed, matte enlarged bilinearly; ``time`` runs all networks and the peer in turn, so that what one
may compare is their ratio. Columns of steps that did not run keep what they had.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.accuracy import SETS, commit
from benchmarks.command import launch, repeats
from pocketmatte.bench.subjects import random_inputs
from pocketmatte.bench.timing import interleave, summarise
from pocketmatte.core import Alpha, Frame, PocketmatteError, UInt8Image
from pocketmatte.evaluate.folders import list_pairs
from pocketmatte.evaluate.runner import evaluate_empty, evaluate_pairs
from pocketmatte.io.images import read_image
from pocketmatte.models.checkpoint import load_weights
from pocketmatte.pipeline.pipeline import Pipeline, load
from pocketmatte.runtime.base import Session, Tensor
from pocketmatte.zoo.cards import list_cards

ROOT = Path(__file__).parent.parent
OUT = ROOT / "results" / "zoo.csv"
WARM_UP = 5
SHIFT, NOISE, VIEWS, SIDE, MARGIN = 3.0, 3.0, 3, 512, 8
COLUMNS = (
    *("model", "architecture", "version", "samples", "validation", "params", "macs", "input", "bytes"),
    *(f"{name}_{metric}" for name in SETS for metric in ("miou", "biou")),
    *("empty_alpha", "jitter_mad", "jitter_iou", "ms_1", "ratio_1", "ms_2", "ratio_2", "void", "date", "commit"),
)
Row = dict[str, Any]


def export(name: str, best: Path, folder: Path) -> None:
    """Write the weight file of one trained network; it is checked against the network there."""
    command = [sys.executable, "-m", "pocketmatte", "export", str(best), "-o", str(folder)]
    subprocess.run([*command, "--to", "litert", "--precision", "fp16", "--force"], check=True)


def score(pipeline: Pipeline, data: Path) -> Row:
    """mIoU and boundary IoU on each test set, mean alpha where nobody is, and jitter."""

    def single(image: UInt8Image) -> Alpha:
        pipeline.reset()
        return pipeline.step(Frame(image)).alpha

    row: Row = {}
    for name in SETS:
        found = evaluate_pairs(single, data / name).to_dict()
        row |= {f"{name}_{metric}": found[metric] for metric in ("miou", "biou")}
    row["empty_alpha"] = evaluate_empty(single, data / "empty").to_dict()["alpha"]
    pictures = [read_image(pair.image).image for pair in list_pairs(data / "real").pairs[:30]]
    mads, ious = zip(*(jitter(single, picture, seed) for seed, picture in enumerate(pictures)), strict=True)
    return {**row, "jitter_mad": float(np.mean(mads)), "jitter_iou": float(np.mean(ious))}


def jitter(step: Callable[[UInt8Image], Alpha], picture: UInt8Image, seed: int) -> tuple[float, float]:
    """How much a matte changes when the picture (at 512 pixels) moves by up to 3 pixels and gets noise of deviation 3.

    Mean absolute difference and IoU to the matte of the untouched picture, after the shift is taken back.
    """
    rng = np.random.default_rng(seed)
    scale = SIDE / max(picture.shape[:2])
    picture = np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    still = step(picture)
    size = picture.shape[1::-1]
    inside = (slice(MARGIN, -MARGIN),) * 2
    differences, overlaps = [], []
    for _ in range(VIEWS):
        dx, dy = rng.uniform(-SHIFT, SHIFT, 2)
        there, back = (np.array([[1, 0, sign * dx], [0, 1, sign * dy]], np.float32) for sign in (1, -1))
        moved = cv2.warpAffine(picture, there, size, borderMode=cv2.BORDER_REFLECT)
        noisy = np.clip(moved + rng.normal(0, NOISE, moved.shape) + 0.5, 0, 255).astype(np.uint8)
        seen = cv2.warpAffine(step(noisy), back, size, borderMode=cv2.BORDER_REFLECT)
        a, b = still[inside], seen[inside]
        differences.append(float(np.abs(a - b).mean()))
        both, either = ((a > 0.5) & (b > 0.5)).sum(), ((a > 0.5) | (b > 0.5)).sum()
        overlaps.append(float(both / either) if either else 1.0)
    return statistics.fmean(differences), statistics.fmean(overlaps)


def clock(folders: list[Path], peer: str, rounds: int) -> dict[str, Row]:
    """Minimum of the network alone on one and two threads, and its ratio to the peer's in the same run."""
    rows: dict[str, Row] = {}
    for threads in (1, 2):
        pipelines = [load(str(model), runtime="litert", threads=threads) for model in (peer, *folders)]
        steps = [partial(_run, p.session, random_inputs(p.session)) for p in pipelines]
        found = [summarise(values[WARM_UP:]) for values in interleave(steps, rounds, WARM_UP)]
        for pipeline, summary in zip(pipelines[1:], found[1:], strict=True):
            row = rows.setdefault(pipeline.spec.name, {"void": ""})
            row[f"ms_{threads}"] = round(summary.min_ms, 2)
            row[f"ratio_{threads}"] = round(summary.min_ms / found[0].min_ms, 2)
            if summary.void:
                row["void"] = "yes"
        for pipeline in pipelines:
            pipeline.close()
    return rows


def _run(session: Session, inputs: dict[str, Tensor]) -> None:
    session.run(inputs)


def seen_before(run: Path) -> int:
    """Samples seen by the runs that a run started from, as their logs say."""
    try:
        start = json.loads((run / "config.json").read_text())["init"]
    except OSError:
        return 0
    if not start:
        return 0
    if not (run.parent / Path(start).parent.name / "log.csv").is_file():  # a published file, see benchmarks.regain
        try:
            return int(load_weights(start)[1]["samples"])
        except KeyError as error:
            raise PocketmatteError(f"{start} does not say what it saw: write it anew with benchmarks.regain") from error
    earlier = run.parent / Path(start).parent.name
    with (earlier / "log.csv").open(newline="") as file:
        *_, last = csv.DictReader(file)
    return int(last["samples"]) + seen_before(earlier)


def describe(pipeline: Pipeline) -> Row:
    """What the description of an exported network says of it."""
    spec = pipeline.spec
    training = spec.training
    row: Row = {"model": spec.name, "architecture": spec.architecture, "version": spec.version}
    row |= {"samples": training.get("samples"), "validation": training.get("validation", {}).get("miou")}
    row |= {"params": spec.parameters, "macs": spec.macs, "input": f"{spec.input.size.height}x{spec.input.size.width}"}
    return {**row, "bytes": spec.path_of(spec.file_for("litert")).stat().st_size}


def read_rows(path: Path) -> dict[str, Row]:
    """The rows of an earlier run by their model; none without a file."""
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        return {row["model"]: dict(row) for row in csv.DictReader(file)}


def main() -> None:
    """Parse options, run the steps, rewrite the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "zoo")
    parser.add_argument("--weights", type=Path, default=ROOT / "weights")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("POCKETMATTE_DATA", "data")) / "test")
    parser.add_argument("--peer", default="base", help="what times are compared with: a name or spec.json")
    parser.add_argument("--steps", default="export,score,time")
    parser.add_argument("--rounds", type=repeats, default=60)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    steps = set(options.steps.split(","))
    known = [card.name for card in list_cards()]
    names = options.names or [
        n for n in known if (options.runs / n / "best.pt").is_file() or (options.weights / n / "spec.json").is_file()
    ]
    if unknown := set(names) - set(known):
        parser.error(f"no networks of the zoo: {', '.join(sorted(unknown))}")
    rows = read_rows(options.out)
    for name in names:
        best = options.runs / name / "best.pt"
        if "export" in steps and best.is_file():
            export(name, best, options.weights / name)
        bare: dict[str, Any] = {"refine": "bilinear", "clean": "off", "foreground": "none"}
        with load(options.weights / name, runtime="litert", **bare) as pipeline:
            row = {**rows.get(name, {}), **describe(pipeline)}
            row["samples"] = int(row["samples"] or 0) + seen_before(options.runs / name)
            if "score" in steps:
                row |= score(pipeline, options.data)
        rows[name] = {**row, "date": date.today().isoformat(), "commit": commit()}
        print(rows[name])
    if "export" in steps:
        command = [sys.executable, "-m", "benchmarks.architectures", "--weights", str(options.weights)]
        subprocess.run(command, check=True, cwd=ROOT)
    if "time" in steps:
        for name, times in clock([options.weights / n for n in names], options.peer, options.rounds).items():
            rows[name] |= times
            print(name, times)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    rows = read_rows(options.out) | {name: rows[name] for name in names}  # another run may have written meanwhile
    with options.out.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows[name] for name in known if name in rows)


if __name__ == "__main__":
    launch(main)
