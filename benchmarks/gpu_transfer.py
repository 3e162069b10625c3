"""What packing a mask costs on a CPU, and how a convolution's time grows: the measured part of docs/gpu-transfer.md.

Run:  python -m benchmarks.gpu_transfer [--rounds 100] [--convert] [--sweep FOLDER]
Needs the export extra. ``--convert`` writes the micro-models (results/gpu_transfer/*.tflite) anew; the convolutions of
the sweep go to FOLDER, which is used again when it holds them. Everything runs in turn on one thread and is measured in
processor time of that thread, so that other programs' turns do not count; results/gpu_transfer.json holds it all.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.command import launch, repeats
from pocketmatte.bench.rows import provenance
from pocketmatte.bench.timing import WARM_UP, interleave, summarise
from pocketmatte.export.transfer import MICRO_MODELS, as_input, read_mask, write_convolution, write_micro
from pocketmatte.runtime.base import open_session
from pocketmatte.runtime.cut_litert import kinds_of

ROOT = Path(__file__).parent.parent
FILES, OUT = ROOT / "results" / "gpu_transfer", ROOT / "results" / "gpu_transfer.json"
BASE = {"side": 256, "kernel": 3, "stride": 1, "channels": 16}
SWEEP = {"side": (64, 128, 256, 512), "kernel": (1, 3, 5, 7), "stride": (1, 2, 4), "channels": (4, 8, 16, 32)}
Figures = dict[str, Any]


def figures(times: list[float]) -> Figures:
    """Of one row: smallest and median milliseconds, spread, and whether it is void."""
    found = summarise(times[WARM_UP:])
    return {
        "min_ms": round(found.min_ms, 4),
        "p50_ms": round(found.p50_ms, 4),
        "spread": round(found.spread, 3),
        "void": found.void,
    }


def micro_models(rounds: int) -> list[Figures]:
    """Each model, and the decoding of its output to a mask, which must be the mask that went in."""
    mask = (np.random.default_rng(0).random((256, 256)) < 0.5).astype(np.uint8)
    steps: list[Callable[[], object]] = []
    rows: list[Figures] = []
    for micro in MICRO_MODELS:
        path = FILES / f"{micro.name}.tflite"
        session = open_session(path, threads=1)
        inputs = {session.inputs[0].name: as_input(micro, mask)}
        output = np.asarray(session.run(inputs)[session.outputs[0].name], np.float32)
        steps += [partial(session.run, inputs), partial(read_mask, micro, output)]
        rows.append(
            {
                "name": micro.name,
                "summary": micro.summary,
                "input": list(micro.input),
                "output": list(micro.output),
                "parameters": sum(p.numel() for p in micro.build().parameters()),
                "file_bytes": path.stat().st_size,
                "operators": dict(kinds_of(path.read_bytes())),
                "output_bytes": micro.output_bytes,
                "bits": micro.bits,
                "exact": bool((read_mask(micro, output) == mask).all()),
            }
        )
    times = interleave(steps, rounds, clock=time.thread_time)
    for row, run, decode in zip(rows, times[::2], times[1::2], strict=True):
        row["run"], row["decode"] = figures(run), figures(decode)
    return rows


def sweep(folder: Path, rounds: int) -> list[Figures]:
    """One convolution, one property changed at a time."""
    points = [{**BASE}] + [{**BASE, k: v} for k, values in SWEEP.items() for v in values if v != BASE[k]]
    rows: list[Figures] = []
    steps: list[Callable[[], object]] = []
    folder.mkdir(parents=True, exist_ok=True)
    for point in points:
        path = folder / ("-".join(f"{k}{v}" for k, v in point.items()) + ".tflite")
        places = -(-point["side"] // point["stride"])
        macs = places**2 * point["kernel"] ** 2 * point["channels"] ** 2
        if not path.exists() and write_convolution(path, **point) != macs:
            raise RuntimeError(f"{path.name} does not have {macs} multiplications")
        session = open_session(path, threads=1)
        tensor = np.random.default_rng(0).random(session.inputs[0].shape, np.float32)
        steps.append(partial(session.run, {session.inputs[0].name: tensor}))
        rows.append({**point, "macs": macs})
    times = interleave(steps, rounds, clock=time.thread_time)
    return [{**row, **figures(t)} for row, t in zip(rows, times, strict=True)]


def exponents(rows: list[Figures]) -> dict[str, float]:
    """Slope of log(time) over log(property) for each: 2 means that time grows with the square."""
    found = {}
    for key in SWEEP:
        mine = [r for r in rows if all(r[k] == v for k, v in BASE.items() if k != key)]
        slope, _ = np.polyfit(np.log([r[key] for r in mine]), np.log([r["min_ms"] for r in mine]), 1)
        found[key] = round(float(slope), 2)
    return found


def main() -> None:
    """Parse options, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=repeats, default=100)
    parser.add_argument("--convert", action="store_true")
    parser.add_argument("--sweep", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    FILES.mkdir(exist_ok=True)
    for micro in MICRO_MODELS:
        path = FILES / f"{micro.name}.tflite"
        if options.convert or not path.exists():
            write_micro(micro, path)
    models = micro_models(options.rounds)
    with tempfile.TemporaryDirectory() as temporary:
        rows = sweep(options.sweep or Path(temporary), options.rounds)
    shared = provenance()
    document = {
        "date": shared.date,
        "commit": shared.commit,
        "version": shared.version,
        "device": shared.device,
        "load": shared.load,
        "method": f"LiteRT, 1 thread, {options.rounds} rounds in turn after {WARM_UP}; processor time of the thread",
        "models": models,
        "sweep": rows,
        "exponents": exponents(rows),
    }
    OUT.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    launch(main)
