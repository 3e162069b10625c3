"""What matte clean-up (`--clean`) is worth.

Run:  python -m benchmarks.clean [MODEL ...] --out results/clean.csv [--data FOLDER]     each mode on the test sets
      python -m benchmarks.clean [MODEL ...] --select [--data FOLDER] [--limit 45]     how ops/clean.py was chosen
FOLDER is the data folder (default ``$POCKETMATTE_DATA``): ``test/real``, ``street``, ``closeup`` and ``empty`` for the
report, the held-out sixteenth of ``train/`` and ``backgrounds/`` for the choice, which never sees the test sets.
"""

from __future__ import annotations

import argparse
import csv
import os
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.accuracy import SETS, commit
from benchmarks.command import launch
from pocketmatte.core import Alpha, Frame, PocketmatteError, UInt8Image
from pocketmatte.data.recipes import is_validation, list_pairs
from pocketmatte.evaluate.mask_metrics import mask_scores, to_mask
from pocketmatte.evaluate.runner import evaluate_empty, evaluate_pairs
from pocketmatte.evaluate.truth import read_truth
from pocketmatte.io.images import read_image
from pocketmatte.ops.clean import CLEAN_MODES, Clean, clean_matte
from pocketmatte.ops.refine import refine_guided
from pocketmatte.pipeline.pipeline import Pipeline, load

FIGURES = ("miou", "biou", "mad", "grad", "conn")
COLUMNS = (
    "model",
    "version",
    "weights",
    "clean",
    "set",
    "n",
    *FIGURES,
    *(f"{k}_gain" for k in FIGURES),
    "empty_alpha",
    "empty_over",
    "date",
    "commit",
)
GRID: tuple[tuple[Clean, float, float], ...] = (
    *(("holes", size, 0.0) for size in (0.003, 0.01, 0.03)),
    *(("islands", 0.0, size) for size in (0.01, 0.02, 0.05, 0.1, 0.2)),
    ("both", 0.01, 0.1),
)
UNSURE = ((0.0, 0.01), (0.0, 0.02), (0.0, 0.05), (0.02, 0.1), (0.05, 0.2), (0.1, 0.3))


def matte_of(pipeline: Pipeline, image: UInt8Image) -> Alpha:
    """The matte of a picture that stands for itself."""
    pipeline.reset()
    return pipeline.step(Frame(image)).alpha


def report(data: Path, model: str | None) -> list[dict[str, Any]]:
    """Each mode on each test set, through the pipeline that ships; gains are against ``off``."""
    rows: list[dict[str, Any]] = []
    for mode in CLEAN_MODES:
        with load(model, foreground="none", clean=mode) as pipeline:
            for name in (*SETS, "empty"):
                look = partial(matte_of, pipeline)
                nobody = name == "empty"
                found = (evaluate_empty if nobody else evaluate_pairs)(look, data / "test" / name).to_dict()
                row: dict[str, Any] = {
                    "model": pipeline.spec.name,
                    "version": pipeline.spec.version,
                    "weights": pipeline.spec.files[0].sha256[:12],
                    "clean": mode,
                    "set": name,
                }
                row |= {"n": found["n"], "date": date.today().isoformat(), "commit": commit()}
                if nobody:
                    rows.append(row | {f"empty_{k}": round(found[k], 6) for k in ("alpha", "over")})
                    print({k: rows[-1][k] for k in ("clean", "set", "empty_alpha", "empty_over")}, flush=True)
                    continue
                row |= {k: round(found[k], 6) for k in FIGURES}
                first = next((r for r in rows if r["set"] == name), row)
                if first["weights"] != row["weights"]:
                    raise PocketmatteError("the model was replaced while it was measured; start again")
                row |= {f"{k}_gain": round(float(row[k]) - float(first[k]), 6) for k in FIGURES}
                rows.append(row)
                print({k: row[k] for k in ("clean", "set", "miou", "miou_gain", "biou_gain", "mad_gain")}, flush=True)
    return rows


def select(data: Path, model: str | None, limit: int) -> None:
    """Print the gain of each size on held-out training pictures, before and after refinement."""
    cv2.setNumThreads(1)
    gains: dict[tuple[str, Clean, float, float], list[tuple[float, float, float]]] = {}
    with load(model, foreground="none", threads=1) as pipeline:
        for folder in sorted(p for p in (data / "train").iterdir() if (p / "images").is_dir()):
            held_out = [pair for pair in list_pairs(folder) if is_validation(folder.name, pair[0])][:limit]
            for _, image_path, truth_path in held_out:
                image, truth = read_image(image_path).image, read_truth(truth_path, ones=False)
                matte, prepared = pipeline.infer(image)
                small = prepared.geometry.crop(matte)
                plain = refine_guided(small, image)
                start = scores(plain, truth)
                for mode, hole, island in GRID:
                    options: dict[str, Any] = {"hole": hole, "island": island}
                    before = refine_guided(clean_matte(small, mode, **options), image)
                    for when, alpha in (("before", before), ("after", clean_matte(plain, mode, **options))):
                        gain = tuple(a - b for a, b in zip(scores(alpha, truth), start, strict=True))
                        gains.setdefault((when, mode, hole, island), []).append((gain[0], gain[1], gain[2]))
    print(f"{'refinement':12}{'mode':9}{'hole':>7}{'island':>8}{'miou':>11}{'biou':>11}{'mad':>11}   gains")
    for (when, mode, hole, island), values in gains.items():
        miou, biou, mad = np.mean(values, axis=0)
        print(f"{when:12}{mode:9}{hole:7.3f}{island:8.2f}{miou:+11.6f}{biou:+11.6f}{mad:+11.6f}")


def select_unsure(data: Path, model: str | None) -> None:
    """Print what each range for ``unsure`` does to held-out people and to held-out pictures without anybody."""
    from pocketmatte.data.store import load_store

    store = load_store(data, 256, validation=True, threads=1)
    with load(model, foreground="none", threads=1) as pipeline:
        given = [(pipeline.infer(p.image)[0], p.alpha.astype(np.float32) / 255) for p in store.people]
        nobody = [pipeline.infer(image)[0] for image in store.backgrounds]
        name = pipeline.spec.name
    size = given[0][0].shape[::-1]
    people = [
        (alpha, np.asarray(cv2.resize(truth, size, interpolation=cv2.INTER_AREA), np.float32)) for alpha, truth in given
    ]
    start = [scores(alpha, truth)[0] for alpha, truth in people]
    print(f"{name:20}{'range':16}{'people miou':>12}{'worst':>8}{'nobody alpha':>14}{'over 0.01':>10}")
    for sure in UNSURE:
        gains = [
            scores(clean_matte(alpha, "unsure", sure=sure), truth)[0] - before
            for (alpha, truth), before in zip(people, start, strict=True)
        ]
        left = [float(clean_matte(alpha, "unsure", sure=sure).mean()) for alpha in nobody]
        over = float(np.mean([alpha > 0.01 for alpha in left]))
        row = f"{np.mean(gains):+12.5f}{min(gains):+8.3f}{np.mean(left):14.4f}{over:10.3f}"
        print(f"{name:20}{sure!s:16}{row}", flush=True)


def scores(alpha: Alpha, truth: Alpha) -> tuple[float, float, float]:
    """mIoU, boundary IoU and mean absolute difference."""
    found = mask_scores(to_mask(alpha), to_mask(truth))
    return found.miou, found.biou, float(np.abs(alpha - truth).mean())


def main() -> None:
    """Parse options, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=[None], metavar="MODEL")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("POCKETMATTE_DATA", "data")))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--select", action="store_true")
    parser.add_argument("--limit", type=int, default=45, help="held-out pictures of each training set")
    options = parser.parse_args()
    if options.select:
        for model in options.models:
            select_unsure(options.data, model)
            select(options.data, model, options.limit)
        return
    rows = [row for model in options.models for row in report(options.data, model)]
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        with options.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n", restval="")
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    launch(main)
