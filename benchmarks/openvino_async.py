"""Frames per second through OpenVINO in turn and truly asynchronously, against LiteRT, on the same frames.

Run:  pocketmatte export NAME --to litert,openvino --precision fp32 -o DIR
      python -m benchmarks.openvino_async DIR/spec.json [--frames 60] [--rounds 7] [--threads 2] [--out FILE]
A frame is 1280x720: shrinking it to the network's input, inference, and reading alpha. In turn, the processor's cores
wait while one thread shrinks; asynchronously the next frame is shrunk while up to ``jobs`` inferences run. The ways
take turns, round by round, so that other work on the machine hits all of them; ``cpu_ms`` is processor time.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal

from benchmarks.command import launch, repeats
from benchmarks.live import drifting
from pocketmatte.core import UInt8Image
from pocketmatte.pipeline.pipeline import format_for
from pocketmatte.pipeline.tensors import prepare, read_alpha
from pocketmatte.runtime.base import Tensor, open_session
from pocketmatte.runtime.openvino import OpenvinoSession
from pocketmatte.spec import ModelSpec
from pocketmatte.zoo.find import find_model

OUT = Path(__file__).parent.parent / "results" / "openvino_async.json"
JOBS = (1, 2, 4)
Way = Callable[[list[UInt8Image]], int]


def ways(spec: ModelSpec, threads: int) -> dict[str, Way]:
    """Name -> what looks at all views and returns how many answers came."""
    litert, openvino = (
        open_session(spec.path_of(spec.file_for(format_for(spec, name))), name, threads=threads)
        for name in ("litert", "openvino")
    )
    assert isinstance(openvino, OpenvinoSession)

    def layout(session: Any) -> Literal["nhwc", "nchw"]:
        image = next(i for i in session.inputs if i.name == spec.input.name)
        return "nchw" if image.shape[1] == spec.input.channels else "nhwc"

    def asked(session: Any, views: list[UInt8Image]) -> Iterator[Mapping[str, Tensor]]:
        order = layout(session)
        return ({spec.input.name: prepare(view, spec, order).tensor} for view in views)

    def read(session: Any, outputs: Mapping[str, Tensor]) -> int:
        return int(read_alpha(outputs[spec.output.name], spec, layout(session)).size > 0)

    def in_turn(session: Any) -> Way:
        return lambda views: sum(read(session, session.run(inputs)) for inputs in asked(session, views))

    def at_once(jobs: int) -> Way:
        return lambda views: sum(read(openvino, out) for out in openvino.run_many(asked(openvino, views), jobs))

    overlapped = {f"OpenVINO, asynchronous, {jobs} under way": at_once(jobs) for jobs in JOBS}
    return {"LiteRT, in turn": in_turn(litert), "OpenVINO, in turn": in_turn(openvino), **overlapped}


def measure(spec: ModelSpec, frames: int, rounds: int, threads: int) -> list[dict[str, Any]]:
    """A row per way: median, least and spread (quartiles) of milliseconds per frame, and processor time."""
    views = [view for _, view in zip(range(frames), drifting(24) * (frames // 24 + 1), strict=False)]
    taken: dict[str, list[tuple[float, float]]] = defaultdict(list)
    chosen = ways(spec, threads)
    for number in range(rounds + 1):
        for name, way in chosen.items():
            wall, cpu = time.perf_counter(), time.process_time()
            if way(views) != frames:
                raise SystemExit(f"{name} lost answers")
            if number:  # the first round warms up
                spent = (time.perf_counter() - wall, time.process_time() - cpu)
                taken[name].append((1e3 * spent[0] / frames, 1e3 * spent[1] / frames))
    rows = []
    for name, pairs in taken.items():
        walls, cpus = zip(*pairs, strict=True)
        low, _, high = statistics.quantiles(walls, n=4)
        row = {"way": name, "median_ms": statistics.median(walls), "min_ms": min(walls), "iqr_ms": high - low}
        row["cpu_ms"] = statistics.median(cpus)
        rows.append({key: round(value, 2) if isinstance(value, float) else value for key, value in row.items()})
    return rows


def main() -> None:
    """Measure and write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="spec.json with LiteRT and ONNX (or OpenVINO) files of one precision")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--rounds", type=repeats, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    spec, _ = find_model(options.model)
    if spec.states:
        raise SystemExit(f"{spec.name} carries a state: it needs each answer before the next question")
    found = {
        "model": spec.name,
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load": round(os.getloadavg()[0], 1),
        "threads": options.threads,
        "frames": options.frames,
        "rounds": options.rounds,
        "rows": measure(spec, options.frames, options.rounds, options.threads),
    }
    options.out.write_text(json.dumps(found, indent=1) + "\n")
    for row in found["rows"]:
        print(row)


if __name__ == "__main__":
    launch(main)
