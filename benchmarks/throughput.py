"""Throughput of ``run`` on a 1080p H.264 file as a ratio to decoding and encoding it alone, with the same encoder.

Run:  python benchmarks/throughput.py [--model NAME] [--frames 150] [--rounds 3] [--out results/throughput.json]
Both write H.264 with ``preset=veryfast``, ``crf=23``. The plain run goes through the same reader and writer but leaves
the pictures alone; the full run has an image background, refinement and foreground colours, and the model's defaults.
The rounds alternate. ``wall`` is the ratio of the best times on the clock, ``cpu`` of processor times: what remains of
the speed when all cores are busy, little disturbed by other programs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pocketmatte.apps.jobs import Settings, open_pipeline, open_renderer
from pocketmatte.apps.run_video import cut_video
from pocketmatte.core import Size
from pocketmatte.effects.looks import parse_look
from pocketmatte.io.images import read_image
from pocketmatte.io.paths import Job
from pocketmatte.io.video_sink import VideoSink
from pocketmatte.io.video_source import VideoSource
from pocketmatte.pipeline.threads import ahead

ASSETS = Path(__file__).parent.parent / "pocketmatte" / "assets"
OPTIONS = {"preset": "veryfast", "crf": "23"}


def make_clip(path: Path, count: int) -> None:
    """The sample portrait before a still wall, drifting, with sensor noise: 1920x1080."""
    picture = read_image(ASSETS / "astronaut.jpg").image
    big = cv2.resize(picture, None, fx=4.2, fy=4.2, interpolation=cv2.INTER_CUBIC)
    rng = np.random.default_rng(0)
    grain = [rng.normal(0, 2, (1080, 1920, 1)).astype(np.float32) for _ in range(4)]
    with VideoSink(path, Size(1080, 1920), rate=Fraction(30), options=OPTIONS, force=True) as sink:
        for n in range(count):
            y, x = 60 + int(20 * np.sin(n / 9)), 100 + int(60 * np.sin(n / 14))
            view = big[y : y + 1080, x : x + 1920] + grain[n % 4]
            sink.write(np.clip(view, 0, 255).astype(np.uint8), Fraction(n, 30))


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the clock and of processor time."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    """Parse options, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="portrait-lite0")
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    settings = Settings(parse_look(f"image:{ASSETS / 'background.jpg'}"), options.model, threads=options.threads)
    plain: list[tuple[float, float]] = []
    full: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder, open_pipeline(settings) as pipeline:
        clip, out = Path(folder) / "clip.mp4", Path(folder) / "out.mp4"
        make_clip(clip, options.frames)
        renderer = open_renderer(settings)

        def copy() -> None:
            with VideoSource(clip) as source, VideoSink(out, source.size, source, options=OPTIONS, force=True) as sink:
                for frame in ahead(source):
                    assert frame.pts is not None
                    sink.write(frame.image, frame.pts)

        def cut() -> None:
            cut_video(Job(clip, out), pipeline, renderer, "plain", True, lambda *_: None, OPTIONS)

        for _ in range(options.rounds):
            plain.append(timed(copy))
            full.append(timed(cut))
            print(
                f"plain {plain[-1][0]:.1f} s ({plain[-1][1]:.1f} cpu), full {full[-1][0]:.1f} ({full[-1][1]:.1f} cpu)"
            )
        spec = pipeline.spec
    best = [min(runs[k] for runs in found) for found in (plain, full) for k in (0, 1)]
    row: dict[str, Any] = {"model": spec.name, "version": spec.version, "frames": options.frames}
    row |= {"threads": options.threads, "cores": os.cpu_count(), "machine": platform.machine()}
    row |= {"plain_fps": round(options.frames / best[0], 2), "full_fps": round(options.frames / best[2], 2)}
    row |= {"wall": round(best[0] / best[2], 3), "cpu": round(best[1] / best[3], 3)}
    row |= {
        "plain_cpu_ms": round(1e3 * best[1] / options.frames, 1),
        "full_cpu_ms": round(1e3 * best[3] / options.frames, 1),
    }
    row |= {"load_average": round(os.getloadavg()[0], 1), "date": date.today().isoformat()}
    print(json.dumps(row, indent=1))
    if options.out:
        options.out.write_text(json.dumps(row, indent=1) + "\n")


if __name__ == "__main__":
    main()
