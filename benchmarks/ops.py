"""Time of every image operation on one core, starting from a 256x256 alpha as a network gives it.

Run:  python -m benchmarks.ops [--size 720x1280] [--rounds 60] [--json FILE]
The operations take turns, so a disturbance hits all of them. Times are processor time of this process, which another
job on the machine disturbs less than the clock; a busy machine still slows caches and memory, so the smallest value
stands beside the median. ``live sum`` is refine + foreground + composite, the goal is 12 ms at 720x1280.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.command import height_width, launch, repeats
from pocketmatte.ops.composite import composite, composite_linear, to_rgba
from pocketmatte.ops.filters import blur_background
from pocketmatte.ops.foreground import estimate_foreground, estimate_foreground_fast, estimate_foreground_ml
from pocketmatte.ops.refine import refine_guided
from pocketmatte.ops.resize import resize
from pocketmatte.ops.trimap import make_trimap

NET = (256, 256)
LIVE = ("refine", "foreground fast", "composite")
SLOW = {"foreground ml", "foreground blur fusion"}


def draw(height: int, width: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """A head and shoulders with hair before a room of soft colours: picture uint8 RGB and its true alpha float32."""
    rng = np.random.default_rng(0)
    unit = height / 720
    alpha = np.zeros((height, width), np.float32)
    centre = (width / 2, height * 0.4)
    cv2.ellipse(alpha, (int(centre[0]), int(centre[1])), (int(150 * unit), int(200 * unit)), 0, 0, 360, 1, -1)
    cv2.ellipse(alpha, (width // 2, int(height * 1.05)), (int(400 * unit), int(300 * unit)), 0, 0, 360, 1, -1)
    for turn in rng.uniform(np.pi, 2 * np.pi, 150):
        way = np.array([150 * np.cos(turn), 200 * np.sin(turn)]) * unit
        ends = (centre + way, centre + way * rng.uniform(1.1, 1.35) + rng.normal(0, 20, 2) * unit)
        start, end = (tuple(int(v) for v in point) for point in ends)
        cv2.line(alpha, start, end, float(rng.uniform(0.4, 1)), max(1, round(unit)), cv2.LINE_AA)
    alpha = np.clip(cv2.GaussianBlur(alpha, (0, 0), 1.2 * unit), 0, 1)
    coarse = rng.integers(0, 256, (2, 24, 40, 3), dtype=np.uint8)
    front, back = (cv2.resize(c, (width, height), interpolation=cv2.INTER_CUBIC) for c in coarse)
    a = alpha[..., None]
    return (front * a + back * (1 - a) + 0.5).astype(np.uint8), alpha


def operations(height: int, width: int) -> dict[str, Callable[[], object]]:
    """Name -> call, with inputs and outputs prepared the way a live pipeline holds them."""
    image, truth = draw(height, width)
    small = np.clip(cv2.GaussianBlur(resize(truth, NET), (0, 0), 0.7), 0, 1, dtype=np.float32)
    seen = resize(image, NET)
    alpha = refine_guided(small, image)
    colours = estimate_foreground_fast(image, alpha)
    backdrop = np.ascontiguousarray(image[::-1])
    place, result, picture = np.empty_like(alpha), np.empty_like(image), np.empty_like(image)
    return {
        "resize to network": lambda: resize(image, NET),
        "refine": lambda: refine_guided(small, image, guide=seen, out=place),
        "refine, own guide": lambda: refine_guided(small, image),
        "foreground fast": lambda: estimate_foreground_fast(image, alpha, out=picture),
        "composite": lambda: composite(colours, alpha, backdrop, out=result),
        "composite, linear light": lambda: composite_linear(colours, alpha, backdrop),
        "to RGBA": lambda: to_rgba(colours, alpha),
        "blur background": lambda: blur_background(image, alpha),
        "trimap": lambda: make_trimap(alpha, 8),
        "foreground ml": lambda: estimate_foreground_ml(image, alpha),
        "foreground blur fusion": lambda: estimate_foreground(image, alpha),
    }


def measure(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds: smallest, median and quartiles of each call over interleaved rounds; slow ones take part in few."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds + 3):
        for name, call in calls.items():
            if name in SLOW and turn % 10:
                continue
            started = time.process_time()
            call()
            if turn >= 3 or name in SLOW:  # the first turns warm up
                times[name].append((time.process_time() - started) * 1e3)
    keys = ("min", "median", "q25", "q75")
    return {n: dict(zip(keys, map(float, np.percentile(t, [0, 50, 25, 75])), strict=True)) for n, t in times.items()}


def main() -> None:
    """Print the table; optionally write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=height_width, default="720x1280", help="height x width of the picture")
    parser.add_argument("--rounds", type=repeats, default=60)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    height, width = options.size
    cv2.setNumThreads(1)
    rows = measure(operations(height, width), options.rounds)
    rows["live sum"] = {key: sum(rows[name][key] for name in LIVE) for key in ("min", "median", "q25", "q75")}
    print(f"{height}x{width}, one thread, OpenCV {cv2.__version__}, NumPy {np.__version__}, {platform.machine()}")
    print(f"{'milliseconds':26s}{'min':>8s}{'median':>8s}   quartiles")
    for name, row in rows.items():
        print(f"{name:26s}{row['min']:8.2f}{row['median']:8.2f}   {row['q25']:.2f} - {row['q75']:.2f}")
    if options.json:
        options.json.write_text(json.dumps({"size": [height, width], "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    launch(main)
