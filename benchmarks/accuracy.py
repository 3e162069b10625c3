"""Score models on the test sets: what the tables and model cards of the documentation are made of.

Run:  python -m benchmarks.accuracy MODEL... [--data FOLDER] [--out results/accuracy.csv]
FOLDER holds the test sets ``real``, ``street``, ``closeup`` (images/ and masks/) and ``empty`` (images/); the default
is ``$POCKETMATTE_DATA/test``. ``FILE:bilinear`` measures a model without guided refinement, as peers are published.
Beside ``--out``, which gets the means over every set, it writes ``slice_scores.csv`` (means over the pictures of every
tag in ``slices.csv``) and ``pictures.csv`` (every picture). Rows of the same model, runtime and refinement are
replaced. Videos are measured by ``benchmarks.video``.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.command import launch
from pocketmatte.core import Alpha, Frame, PocketmatteError, UInt8Image
from pocketmatte.evaluate.report import EmptyReport, ImageScore, Report, mean, plain
from pocketmatte.evaluate.runner import evaluate_empty, evaluate_pairs
from pocketmatte.evaluate.slices import means, read_slices
from pocketmatte.ops.clean import DEFAULT_CLEAN, Clean
from pocketmatte.pipeline.pipeline import Pipeline, Refine, load

RESULTS = Path(__file__).parent.parent / "results"
SETS = ("real", "street", "closeup")
KEY = ("model", "runtime", "refine")
HEAD = ("model", "version", "runtime", "refine")
COLUMNS = (
    *(*HEAD, "set", "n", "miou", "iou", "biou", "acc", "mad", "mse", "grad", "conn"),
    *("empty_alpha", "empty_over", "empty_worst", "date", "commit"),
)
SLICE_COLUMNS = (*HEAD, "slice", "n", "miou", "biou", "mad", "empty_alpha", "empty_over", "date", "commit")
PICTURE_COLUMNS = (*KEY, "set", "stem", "miou", "biou", "mad", "empty_alpha")
Found = dict[str, Report | EmptyReport]
Row = Mapping[str, Any]


def score(pipeline: Pipeline, data: Path) -> Found:
    """The report of each test set that is there; every picture is taken alone.

    Raises :class:`PocketmatteError` when there is none.
    """

    def single(image: UInt8Image) -> Alpha:
        pipeline.reset()
        return pipeline.step(Frame(image)).alpha

    found: Found = {name: evaluate_pairs(single, data / name) for name in SETS if (data / name).is_dir()}
    if (data / "empty").is_dir():
        found["empty"] = evaluate_empty(single, data / "empty")
    if not found:
        raise PocketmatteError(
            f"{data} holds none of {', '.join(SETS)}, empty: set POCKETMATTE_DATA, or --data to a folder of test sets"
        )
    return found


def set_rows(found: Found) -> list[Row]:
    """One row a set: means over its pictures."""
    rows: list[Row] = []
    for name, report in found.items():
        values = report.to_dict()
        if isinstance(report, EmptyReport):
            worst = values["images"][0]["alpha"]
            values = {"n": values["n"], "empty_alpha": values["alpha"], "empty_over": values["over"]}
            values["empty_worst"] = worst
        rows.append({"set": name, **values})
    return rows


def slice_rows(found: Found, slices: Path) -> list[Row]:
    """One row a tag: means over its pictures in all sets together."""
    people: dict[str, list[ImageScore]] = {}
    nobody: dict[str, list[float]] = {}
    limit = 0.0
    for name, report in found.items():
        tags = read_slices(slices, name)
        if isinstance(report, EmptyReport):
            limit = report.limit
        for picture in report.images:
            for tag in tags[picture.stem]:
                if isinstance(picture, ImageScore):
                    people.setdefault(tag, []).append(picture)
                else:
                    nobody.setdefault(tag, []).append(picture.alpha)
    rows: list[Row] = [{"slice": tag, **means(people[tag])} for tag in sorted(people)]
    for tag in sorted(nobody):
        alphas = nobody[tag]
        over = plain(mean(float(alpha > limit) for alpha in alphas))
        rows.append({"slice": tag, "n": len(alphas), "empty_alpha": plain(mean(alphas)), "empty_over": over})
    return rows


def picture_rows(found: Found) -> list[Row]:
    """One row a picture, worst first within its set."""
    return [
        {"set": name, **({"empty_alpha": image["alpha"]} if name == "empty" else {}), **image}
        for name, report in found.items()
        for image in report.to_dict()["images"]
    ]


def commit() -> str:
    """The commit of the code that measures, or ``unknown`` outside a clone."""
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def replace(path: Path, columns: Iterable[str], key: Iterable[str], rows: list[dict[str, Any]]) -> None:
    """Write ``rows`` into a CSV file in place of those with the same ``key``, at the place of the first of them."""
    kept: list[dict[str, Any]] = []
    if path.exists():
        with path.open(newline="") as file:
            kept = list(csv.DictReader(file))
    new = {tuple(row[k] for k in key) for row in rows}
    old = [tuple(row[k] for k in key) in new for row in kept]
    place = old.index(True) if True in old else len(kept)
    before = kept[:place]
    after = [row for row, gone in zip(kept[place:], old[place:], strict=True) if not gone]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, tuple(columns), extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows([*before, *rows, *after])


def main() -> None:
    """Parse options, measure, rewrite the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("POCKETMATTE_DATA", "data")) / "test")
    parser.add_argument("--out", type=Path, default=RESULTS / "accuracy.csv")
    parser.add_argument("--slices", type=Path, default=RESULTS / "slices.csv")
    options = parser.parse_args()
    for model in options.models:
        file, _, how = model.partition(":")
        refine: Refine = "bilinear" if how == "bilinear" else "guided"
        clean: Clean = "off" if how == "bilinear" else DEFAULT_CLEAN
        with load(file, refine=refine, clean=clean, foreground="none") as pipeline:
            spec, runtime = pipeline.spec, pipeline.session.describe().runtime
            found = score(pipeline, options.data)
        head = {"model": spec.name, "version": spec.version, "runtime": runtime, "refine": refine}
        foot = {"date": date.today().isoformat(), "commit": commit()}
        for name, columns, rows in (
            (options.out.name, COLUMNS, set_rows(found)),
            ("slice_scores.csv", SLICE_COLUMNS, slice_rows(found, options.slices)),
            ("pictures.csv", PICTURE_COLUMNS, picture_rows(found)),
        ):
            full = [{**head, **row, **foot} for row in rows]
            replace(options.out.with_name(name), columns, KEY, full)
        for row in set_rows(found):
            print({**head, **{k: v for k, v in row.items() if k != "images"}})


if __name__ == "__main__":
    launch(main)
