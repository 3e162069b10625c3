"""Time of every stage of the pipeline for one 1280x720 video frame, through the same objects that ``run`` uses.

Run:  python -m benchmarks.stages [--frames 60] [--threads 1] [--model NAME] [--json FILE]
A clip is synthesised from the shipped sample, so no data is needed. Prints median and spread (interquartile range)
of each stage; ``refine + foreground + composite`` is the sum that matters for live use.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections import defaultdict
from fractions import Fraction
from pathlib import Path

import cv2

from benchmarks.command import launch
from pocketmatte.bench.frames import backdrop, drifting_frames
from pocketmatte.core import Frame, Size
from pocketmatte.effects.looks import parse_look
from pocketmatte.effects.render import Renderer
from pocketmatte.io.video_sink import VideoSink
from pocketmatte.io.video_source import VideoSource
from pocketmatte.pipeline.pipeline import load


def make_clip(path: Path, frames: int) -> None:
    """The sample portrait at 720p, slowly drifting."""
    with VideoSink(path, Size(720, 1280), None, alpha=False, force=True) as sink:
        for i, image in enumerate(drifting_frames(Size(720, 1280), frames)):
            sink.write(image, Fraction(i, 25))


def measure(frames: int, threads: int, model: str | None) -> dict[str, list[float]]:
    """Seconds of each stage, one entry per frame; the first five frames only warm up."""
    times: dict[str, list[float]] = defaultdict(list)
    renderer = Renderer(parse_look("image:background.jpg"), backdrop())
    cv2.setNumThreads(threads)
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        make_clip(clip, frames + 5)
        with (
            load(model, threads=threads) as pipeline,
            VideoSource(clip, threads=threads) as source,
            VideoSink(Path(folder) / "out.mp4", source.size, source, force=True) as sink,
        ):
            iterator = iter(source)
            while True:
                started = time.perf_counter()
                frame: Frame | None = next(iterator, None)
                if frame is None:
                    break
                times["decode"].append(time.perf_counter() - started)
                matte = pipeline.step(frame, lambda stage, seconds: times[stage].append(seconds))
                started = time.perf_counter()
                picture = renderer.draw(frame.image, matte)
                times["composite"].append(time.perf_counter() - started)
                started = time.perf_counter()
                assert frame.pts is not None
                sink.write(picture, frame.pts)
                times["encode"].append(time.perf_counter() - started)
    return {stage: values[5:] for stage, values in times.items()}


def main() -> None:
    """Parse options, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--model")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    times = measure(options.frames, options.threads, options.model)
    after = [sum(t) for t in zip(times["refine"], times["foreground"], times["composite"], strict=True)]
    rows = {}
    for stage, values in [*times.items(), ("refine + foreground + composite", after)]:
        quarter = statistics.quantiles([1e3 * v for v in values], n=4)
        rows[stage] = {
            "min_ms": round(1e3 * min(values), 2),
            "median_ms": round(quarter[1], 2),
            "iqr_ms": round(quarter[2] - quarter[0], 2),
        }
        low, spread = rows[stage]["min_ms"], rows[stage]["iqr_ms"]
        print(f"{stage:34}{low:8.2f} min {quarter[1]:8.2f} median {spread:7.2f} spread   ms")
    if options.json:
        setting = {
            "frame": "1280x720",
            "threads": options.threads,
            "frames": options.frames,
            "machine": platform.machine(),
        }
        options.json.write_text(json.dumps({"setting": setting, "stages": rows}, indent=1) + "\n")


if __name__ == "__main__":
    launch(main)
