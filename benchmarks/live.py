"""Time per frame of live use without encoding: 1280x720, image background, refinement and foreground colours, one core.

Run:  python -m benchmarks.live [MODEL ...] [--frames 200] [--out results/live.json]
Frames lie in memory (the shipped sample, drifting, so no mask is reused). The process is bound to one core and the
work done in turn, as on a device with one core to spare. ``cpu_ms`` is processor time, which other programs disturb
less than the clock on the wall.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import time
from collections import defaultdict
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.command import launch
from pocketmatte.apps.jobs import Settings, open_pipeline
from pocketmatte.apps.live_controls import Controls
from pocketmatte.core import Frame, UInt8Image
from pocketmatte.effects.looks import parse_look
from pocketmatte.io.images import read_image

ASSETS = Path(__file__).parent.parent / "pocketmatte" / "assets"
WARM = 10


def drifting(count: int, height: int = 720, width: int = 1280) -> list[UInt8Image]:
    """``count`` views of the sample portrait, each a few pixels on."""
    picture = read_image(ASSETS / "astronaut.jpg").image
    scale = 1.1 * width / picture.shape[1]
    big = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    spots = [(20 + 3 * (n % 13), 40 + 2 * (n % 17)) for n in range(count)]
    return [np.ascontiguousarray(big[y : y + height, x : x + width]) for y, x in spots]


def measure(model: str, count: int) -> dict[str, Any]:
    """Median, least and spread of every stage in ms, and of the processor time of whole frames."""
    views = drifting(24)
    settings = Settings(parse_look(f"image:{ASSETS / 'background.jpg'}"), model, threads=1)
    controls = Controls(settings)
    stages: dict[str, list[float]] = defaultdict(list)
    with open_pipeline(settings) as pipeline:
        for number in range(count + WARM):
            frame = Frame(views[number % len(views)], Fraction(number, 30), number)
            wall, cpu = time.perf_counter(), time.process_time()
            seen = pipeline.look(frame, lambda stage, seconds: stages[stage].append(seconds))
            matte = pipeline.finish(frame, seen, lambda stage, seconds: stages[stage].append(seconds))
            started = time.perf_counter()
            controls.draw(frame.image, matte)
            now = time.perf_counter()
            stages["composite"].append(now - started)
            stages["whole frame"].append(now - wall)
            stages["cpu"].append(time.process_time() - cpu)
        spec = pipeline.spec
    rows = {}
    for stage, values in stages.items():
        low, middle, high = statistics.quantiles([1e3 * v for v in values[WARM:]], n=4)
        least = 1e3 * min(values[WARM:])
        rows[stage] = {"min_ms": least, "median_ms": middle, "iqr_ms": high - low}
        rows[stage] = {key: round(value, 2) for key, value in rows[stage].items()}
    return {"model": spec.name, "version": spec.version, "input": list(spec.input.size), "stages": rows}


def main() -> None:
    """Parse options, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["base"], metavar="MODEL")
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[-1]})
    cv2.setNumThreads(1)
    found = []
    for model in options.models:
        found.append(measure(model, options.frames))
        for stage, row in found[-1]["stages"].items():
            print(f"{model:20}{stage:14}" + "".join(f"{row[key]:9.2f} {key}" for key in row))
    if options.out:
        done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
        setting = {"frame": "1280x720", "cores": 1, "frames": options.frames, "machine": platform.machine()}
        setting |= {"load_average": round(os.getloadavg()[0], 1), "date": date.today().isoformat()}
        document = {"setting": {**setting, "commit": done.stdout.strip()}, "models": found}
        options.out.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    launch(main)
