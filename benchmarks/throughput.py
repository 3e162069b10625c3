"""Throughput of ``run`` on a 1080p H.264 file as a ratio to decoding and encoding it alone, with the same encoder.

Run:  python -m benchmarks.throughput [--model NAME] [--frames 150] [--rounds 3] [--out results/throughput.json]
Both write H.264 with ``preset=veryfast``, ``crf=23``. The plain run goes through the same reader and writer but leaves
the pictures alone; the full run has an image background, refinement and foreground colours, and the model's defaults.
The rounds alternate. ``wall`` is the ratio of the times on the clock, ``cpu`` of processor times: what remains of the
speed when all cores are busy, little disturbed by other programs. Both are the median over the rounds, their
``..._spread`` is the least and the greatest; ``..._cpu_ms`` the least, median and greatest milliseconds per frame.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np

from benchmarks.command import launch, repeats
from pocketmatte.apps.jobs import Settings, open_pipeline, open_renderer
from pocketmatte.apps.run_video import cut_video
from pocketmatte.core import Size
from pocketmatte.effects.looks import parse_look
from pocketmatte.io.images import read_image
from pocketmatte.io.paths import Job
from pocketmatte.io.video_sink import VideoSink
from pocketmatte.io.video_source import VideoSource
from pocketmatte.pipeline.pipeline import Pipeline, load
from pocketmatte.pipeline.threads import ahead
from pocketmatte.runtime.base import Placement, Session, Tensor

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


def _per_frame(seconds: list[float], frames: int) -> list[float]:
    """Milliseconds per frame: least, median and most."""
    seconds = sorted(seconds)
    return [round(1e3 * seconds[n] / frames, 1) for n in (0, len(seconds) // 2, -1)]


class MasksOfAnother:
    """A session that costs what ``session`` costs and answers with the masks that another model gave the same clip."""

    def __init__(self, session: Session, output: str, masks: Sequence[Tensor]) -> None:
        self.inputs, self.outputs = session.inputs, session.outputs
        self._session, self._output, self._masks = session, output, masks
        self._next = 0

    def run(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """One inference."""
        answer = self._session.run(inputs)
        mask = self._masks[self._next % len(self._masks)]
        self._next += 1
        return {name: mask.reshape(x.shape) if name == self._output else x for name, x in answer.items()}

    def describe(self) -> Placement:
        """That of the session inside."""
        return self._session.describe()

    def close(self) -> None:
        """Close the session inside."""
        self._session.close()


def lend_masks(pipeline: Pipeline, donor: str, clip: Path) -> None:
    """Make ``pipeline`` answer with the masks of the model ``donor``."""
    if pipeline.spec.output.kind != "alpha":
        raise SystemExit(f"{pipeline.spec.name} gives {pipeline.spec.output.kind}; masks can be lent as alpha only")
    with load(donor) as other, VideoSource(clip) as source:
        masks = [cv2.resize(other.infer(f.image)[0], pipeline.spec.input.size[::-1]) for f in source]
    pipeline.session = MasksOfAnother(pipeline.session, pipeline.spec.output.name, masks)


def main() -> None:
    """Parse options, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="base")
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--rounds", type=repeats, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--masks-of", help="draw with the masks of this model: for a network not trained yet")
    parser.add_argument("--out", type=Path, help="replaces the row of the same model there")
    options = parser.parse_args()
    settings = Settings(parse_look(f"image:{ASSETS / 'background.jpg'}"), options.model, threads=options.threads)
    plain: list[tuple[float, float]] = []
    full: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder, open_pipeline(settings) as pipeline:
        clip, out = Path(folder) / "clip.mp4", Path(folder) / "out.mp4"
        make_clip(clip, options.frames)
        if options.masks_of:
            lend_masks(pipeline, options.masks_of, clip)
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
    known = (("plain", plain), ("full", full))
    row: dict[str, Any] = {"model": spec.name, "version": spec.version, "frames": options.frames}
    row |= {"masks_of": options.masks_of} if options.masks_of else {}
    row |= {"rounds": options.rounds, "threads": options.threads}
    row |= {"cores": os.cpu_count(), "machine": platform.machine()}
    for k, name in enumerate(("wall", "cpu")):
        shares = sorted(a[k] / b[k] for a, b in zip(plain, full, strict=True))
        row |= {name: round(median(shares), 3), f"{name}_spread": [round(shares[n], 3) for n in (0, -1)]}
    for name, runs in known:
        row |= {f"{name}_fps": round(options.frames / median(run[0] for run in runs), 2)}
        row |= {f"{name}_cpu_ms": _per_frame([run[1] for run in runs], options.frames)}
    row |= {"load_average": round(os.getloadavg()[0], 1), "date": date.today().isoformat()}
    print(json.dumps(row, indent=1))
    if options.out:
        rows = json.loads(options.out.read_text()) if options.out.exists() else []
        key = (row["model"], row.get("masks_of"))
        rows = [other for other in rows if (other["model"], other.get("masks_of")) != key]
        options.out.write_text(json.dumps([*rows, row], indent=1) + "\n")


if __name__ == "__main__":
    launch(main)
