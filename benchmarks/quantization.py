"""Size, accuracy and speed of a network in every precision: what docs/quantization.md is made of.

Run:  python -m benchmarks.quantization MODEL... [--untrained ARCHITECTURE...] [--out results/quantization.csv]
          [--plain NAME=FILE...] [--rounds 60] [--sensitivity MODEL]
MODEL is a zoo name or a folder with spec.json and a float .tflite. Accuracy is measured at network size on the
pictures that certificates use (never a test set), int8 is calibrated on the others; both come from
``$POCKETMATTE_DATA``. ``--untrained`` times an architecture with random weights, and ``--plain`` a float .tflite
without spec, for speed and size only. All precisions of a network run in turn, one round each, on one thread; a row
whose interquartile range exceeds 15 % of the median is void. Rows of the same model are replaced. ``--sensitivity``
writes ``sensitivity-MODEL.csv`` beside it.
"""

from __future__ import annotations

import argparse
import csv
import platform
import statistics
import subprocess
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.command import launch, repeats
from pocketmatte.evaluate.mask_metrics import mean_iou, to_mask
from pocketmatte.export.pictures import Picture, load_pictures
from pocketmatte.export.quantize import Mode, quantize_litert
from pocketmatte.export.rewrites import rewrite_file
from pocketmatte.export.sensitivity import layer_sensitivity, matte_difference, probing, run_litert
from pocketmatte.pipeline.tensors import prepare
from pocketmatte.runtime.base import Session, open_session
from pocketmatte.spec import ModelSpec, read_spec
from pocketmatte.zoo.find import find_model

RESULTS = Path(__file__).parent.parent / "results"
MODES: tuple[Mode, ...] = ("fp16", "dynamic", "int8", "int8-io")
COLUMNS = (
    *("model", "trained", "precision", "bytes", "pictures", "miou", "loss_points", "worst_points", "mad"),
    *("min_ms", "median_ms", "iqr_ms", "speedup", "void", "machine", "load", "date", "commit"),
)
WARM_UP = 5
Arrays = dict[str, np.ndarray[Any, Any]]


def inputs_of(picture: Picture, spec: ModelSpec) -> Arrays:
    """What the network gets of a picture; the state tensors are empty, as after a reset."""
    states = {s.input: np.zeros(s.shape, np.float32) for s in spec.states}
    return {spec.input.name: prepare(picture.image, spec, "nhwc").tensor, **states}


def accuracy(files: dict[str, Path], spec: ModelSpec, pictures: list[Picture]) -> dict[str, dict[str, Any]]:
    """mIoU of every file, loss against fp32 in points, mean and worst picture, and mean difference of the alphas."""
    given = [inputs_of(p, spec) for p in pictures]
    size = tuple(spec.input.size[::-1])
    truths = [
        to_mask(np.asarray(cv2.resize(p.truth, size, interpolation=cv2.INTER_AREA), np.float32))
        for p in pictures
        if p.truth is not None
    ]
    alphas = {name: [run_litert(f, g)[0, ..., 0] for g in given] for name, f in files.items() if name != "int8-io"}
    reference = alphas["fp32"]
    scores = {n: np.array([mean_iou(to_mask(a), t) for a, t in zip(v, truths, strict=True)]) for n, v in alphas.items()}
    return {
        name: {
            "pictures": len(pictures),
            "miou": round(float(score.mean()), 4),
            "loss_points": round(float(100 * (scores["fp32"] - score).mean()), 3),
            "worst_points": round(float(100 * (scores["fp32"] - score).max()), 2),
            "mad": round(
                float(np.mean([np.abs(a - b).mean() for a, b in zip(alphas[name], reference, strict=True)])), 5
            ),
        }
        for name, score in scores.items()
    }


def speed(files: dict[str, Path], rounds: int) -> dict[str, dict[str, Any]]:
    """Milliseconds of every file on one thread, interleaved, and the ratio of the minima to fp32."""
    sessions: dict[str, Session] = {name: open_session(path, "litert", threads=1) for name, path in files.items()}
    rng = np.random.default_rng(0)
    given = {
        name: {i.name: (rng.random(i.shape) * (100 if i.dtype == np.int8 else 1)).astype(i.dtype) for i in s.inputs}
        for name, s in sessions.items()
    }
    times: dict[str, list[float]] = {name: [] for name in files}
    for turn in range(rounds + WARM_UP):
        for name, session in sessions.items():
            started = time.perf_counter()
            session.run(given[name])
            if turn >= WARM_UP:
                times[name].append(1e3 * (time.perf_counter() - started))
    rows = {}
    for name, values in times.items():
        low, median, high = statistics.quantiles(values, n=4)
        rows[name] = {
            "min_ms": round(min(values), 3),
            "median_ms": round(median, 3),
            "iqr_ms": round(high - low, 3),
            "speedup": round(min(times["fp32"]) / min(values), 2),
            "void": "yes" if high - low > 0.15 * median else "",
        }
    for session in sessions.values():
        session.close()
    return rows


def quantise_all(plain: Path, folder: Path, samples: list[Arrays]) -> dict[str, Path]:
    """Every precision of ``plain`` in ``folder``, fp32 first."""
    files = {"fp32": plain}
    files |= {str(mode): folder / f"{mode}.tflite" for mode in MODES}
    for mode in MODES:
        quantize_litert(plain, files[mode], mode, samples)
    return files


def untrained(name: str, path: Path) -> Path:
    """Export an architecture with random weights."""
    import torch

    from pocketmatte.export.litert import to_litert
    from pocketmatte.models.registry import create_model

    torch.manual_seed(0)
    to_litert(create_model(name).eval(), (256, 256), path)
    return path


def noise(path: Path) -> list[Arrays]:
    """Samples of a file's inputs, for files whose answers mean nothing."""
    rng = np.random.default_rng(0)
    session = open_session(path, "litert")
    inputs = session.inputs
    session.close()
    return [{i.name: rng.random(i.shape, np.float32) for i in inputs} for _ in range(4)]


def table_rows(model: str, trained: bool, files: dict[str, Path], spec: ModelSpec | None, rounds: int) -> list[Any]:
    """All columns of one model's rows."""
    scores = accuracy(files, spec, list(load_pictures("certification").pictures)) if spec else {}
    times = speed(files, rounds)
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=RESULTS, capture_output=True, text=True, check=False
    )
    with Path("/proc/loadavg").open() as file:
        load = file.read().split()[0]
    common = {"machine": platform.machine(), "load": load, "date": date.today().isoformat()}
    common |= {"model": model, "trained": "yes" if trained else "", "commit": commit.stdout.strip()}
    return [
        {"precision": name, "bytes": path.stat().st_size, **scores.get(name, {}), **times[name], **common}
        for name, path in files.items()
    ]


def spec_of(model: str) -> ModelSpec:
    """The spec of a zoo name or of a folder."""
    return read_spec(Path(model) / "spec.json") if (Path(model) / "spec.json").is_file() else find_model(model)[0]


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """Replace the rows of the same models in ``path``."""
    names = {row["model"] for row in rows}
    old = list(csv.DictReader(path.open(newline=""))) if path.is_file() else []
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows([*(r for r in old if r["model"] not in names), *rows])


def main() -> None:
    """Parse options, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--untrained", nargs="*", default=[], metavar="ARCHITECTURE")
    parser.add_argument("--plain", nargs="*", default=[], metavar="NAME=FILE")
    parser.add_argument("--sensitivity", nargs="*", default=[], metavar="MODEL")
    parser.add_argument("--rounds", type=repeats, default=60)
    parser.add_argument("--out", type=Path, default=RESULTS / "quantization.csv")
    options = parser.parse_args()
    calibration = load_pictures("calibration").pictures if options.models or options.sensitivity else ()
    for model in options.models:
        spec = spec_of(model)
        with tempfile.TemporaryDirectory() as name:
            plain = Path(name) / "fp32.tflite"
            rewrite_file(spec.path_of(spec.file_for("litert")), plain, ["expand-half", "short-names"])
            files = quantise_all(plain, Path(name), [inputs_of(p, spec) for p in calibration])
            write(options.out, table_rows(spec.name, True, files, spec, options.rounds))
    for entry in (*options.untrained, *options.plain):
        architecture, _, given_file = entry.partition("=")
        with tempfile.TemporaryDirectory() as name:
            plain = Path(name) / "fp32.tflite"
            raw = Path(given_file) if given_file else untrained(architecture, Path(name) / "raw.tflite")
            rewrite_file(raw, plain, ["expand-half", "short-names"])
            files = quantise_all(plain, Path(name), noise(plain))
            write(options.out, table_rows(architecture, False, files, None, options.rounds))
    for model in options.sensitivity:
        spec = spec_of(model)
        source = spec.path_of(spec.file_for("litert"))
        given = [inputs_of(p, spec) for p in calibration[::4]]
        with probing(source, given, matte_difference(source, given)) as prober:
            rows = layer_sensitivity(prober)
            lines = [("(nothing)", 0, prober.loss(), 0.0)]
            lines += [(r.group.module, len(r.group.tensors), r.loss, r.gain) for r in rows]
        with (options.out.parent / f"sensitivity-{spec.name}.csv").open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("kept_in_float", "operators", "mad", "gain"))
            writer.writerows((m, n, f"{a:.6f}", f"{g:.6f}") for m, n, a, g in lines)


if __name__ == "__main__":
    launch(main)
