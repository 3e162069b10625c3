"""Score models on the test sets and append the rows to a CSV file: what the tables in the documentation are made of.

Run:  python benchmarks/accuracy.py MODEL... --data FOLDER --out results/accuracy.csv
FOLDER holds the test sets ``real``, ``street``, ``closeup`` (images/ and masks/) and ``empty`` (images/). The folder's
default is ``$POCKETMATTE_DATA/test``. Rows of the same model, runtime and set are replaced.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

from pocketmatte.core import Alpha, Frame, UInt8Image
from pocketmatte.evaluate.runner import evaluate_empty, evaluate_pairs, evaluate_sequence
from pocketmatte.pipeline.pipeline import Pipeline, load

SETS = ("real", "street", "closeup")
CLIPS = ("webcam_a_room", "webcam_a_object")
COLUMNS = (
    *("model", "version", "runtime", "refine", "set", "n", "miou", "iou", "biou", "acc", "mad", "mse", "grad", "conn"),
    *("dtssd", "lag", "empty_alpha", "empty_over", "empty_worst", "date", "commit"),
)


def score(pipeline: Pipeline, data: Path) -> list[dict[str, Any]]:
    """One row for each test set that is there."""

    def step(image: UInt8Image) -> Alpha:
        return pipeline.step(Frame(image)).alpha

    def single(image: UInt8Image) -> Alpha:
        pipeline.reset()
        return step(image)

    rows: list[dict[str, Any]] = []
    for name in SETS:
        if (data / name).is_dir():
            rows.append({"set": name, **evaluate_pairs(single, data / name).to_dict()})
    if (data / "empty").is_dir():
        found = evaluate_empty(single, data / "empty").to_dict()
        worst = found["images"][0]["alpha"]
        rows.append({"set": "empty", "n": found["n"], "empty_alpha": found["alpha"], "empty_over": found["over"]})
        rows[-1]["empty_worst"] = worst
    for name in CLIPS:
        if (data / "video" / name).is_dir():
            found = evaluate_sequence(step, data / "video" / name, reset=pipeline.reset).to_dict()
            rows.append({"set": name, **found})
    return rows


def commit() -> str:
    """The commit of the code that measures, or ``unknown`` outside a clone."""
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def main() -> None:
    """Parse options, measure, rewrite the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("POCKETMATTE_DATA", "data")) / "test")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--refine", choices=("guided", "bilinear"), default="guided")
    options = parser.parse_args()
    kept: list[dict[str, Any]] = []
    if options.out.exists():
        with options.out.open(newline="") as file:
            kept = list(csv.DictReader(file))
    for model in options.models:
        with load(model, refine=options.refine, foreground="none") as pipeline:
            spec, runtime = pipeline.spec, pipeline.session.describe().runtime
            head = {"model": spec.name, "version": spec.version, "runtime": runtime, "refine": options.refine}
            for row in score(pipeline, options.data):
                row = {**head, **row, "date": date.today().isoformat(), "commit": commit()}
                print({k: v for k, v in row.items() if k != "images"})
                key = [row[k] for k in ("model", "runtime", "refine", "set")]
                kept = [r for r in kept if [r[k] for k in ("model", "runtime", "refine", "set")] != key]
                kept.append(row)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept)


if __name__ == "__main__":
    main()
