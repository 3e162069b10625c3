"""What temporal smoothing gains: flicker, error and lag on clips with exact truth.

Run:  python -m benchmarks.temporal [MODEL ...] [--synthetic 6] [--test] [--out results/temporal.csv]
      python -m benchmarks.temporal --prior                      (measures nothing: see below)
Synthetic clips (people of the held-out share of the training sets, moved in front of held-out backgrounds, with sensor
noise and JPEG) are what the smoothing is tuned on; ``--test`` adds the two test clips, for final rows only. Data comes
from ``--data`` (default ``$POCKETMATTE_DATA``). Every row names the error of the control, the first mask held for ever.
``lag`` is measured on the moving clips; a row is accepted when dtSSD falls against ``off`` of the same model and clip,
the lag stays within one frame and the error beats the control (:mod:`benchmarks.verdict`). ``--prior`` judges by the
same rule what video networks remember, from the rows of ``benchmarks.video``. ``--out`` replaces the rows of the models
named.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks import verdict
from benchmarks.accuracy import commit, replace
from benchmarks.command import launch
from pocketmatte.core import Alpha, Frame, UInt8Image
from pocketmatte.evaluate.folders import list_frames
from pocketmatte.evaluate.matte_metrics import mad
from pocketmatte.evaluate.temporal_metrics import DtssdMeter, LagMeter
from pocketmatte.evaluate.truth import read_truth, stored_as_ones
from pocketmatte.io.images import read_image
from pocketmatte.ops.foreground import estimate_foreground_fast
from pocketmatte.ops.resize import resize
from pocketmatte.pipeline.pipeline import Pipeline, load
from pocketmatte.pipeline.temporal import TEMPORAL, make_temporal

CLIPS = ("webcam_a_room", "webcam_a_object")
COLUMNS = (
    *("model", "version", "temporal", "clip", "frames", "dtssd", "mad", "lag", "control_mad", "ms", "accepted"),
    *("date", "commit"),
)
SIZE = (360, 480)
FRAMES = 48
Array = npt.NDArray[Any]
Clip = tuple[str, list[tuple[UInt8Image, Alpha]]]  # its name; frames with their truth


class Scored(NamedTuple):
    """One clip through one pipeline; ``ms`` is the median time of the temporal step."""

    frames: int
    dtssd: float
    mad: float
    lag: float | None
    control_mad: float
    ms: float

    @property
    def figures(self) -> verdict.Figures:
        """What the rule looks at."""
        return verdict.Figures(self.dtssd, self.mad, self.lag)


def synthetic(data: Path, count: int, seed: int = 7) -> Iterator[Clip]:
    """``count`` clips of :data:`FRAMES` frames with their truth; the odd ones have a moving camera."""
    from pocketmatte.data.store import load_store

    store = load_store(data, 512, validation=True, only=8)
    people = [p for p in store.people if p.recipe.cut_out and p.recipe.label == "human"]
    rng = np.random.default_rng(seed)
    for number in range(count):
        person = people[int(rng.integers(len(people)))]
        scene = store.backgrounds[int(rng.integers(len(store.backgrounds)))]
        yield f"synthetic-{number}", _moved(person.image, person.alpha, scene, bool(number % 2), rng)


def _moved(
    image: Array, alpha: Array, scene: Array, handheld: bool, rng: np.random.Generator
) -> list[tuple[UInt8Image, Alpha]]:
    height, width = SIZE
    matte = (alpha / np.float32(255)).astype(np.float32)
    layer = np.dstack([estimate_foreground_fast(image, matte).astype(np.float32), matte])
    layer[..., :3] *= matte[..., None]
    fit = 1.05 * height / image.shape[0]
    wide = max((width + 60) / scene.shape[1], (height + 60) / scene.shape[0])
    back = cv2.resize(scene, None, fx=wide, fy=wide, interpolation=cv2.INTER_LINEAR).astype(np.float32)
    reach, pace, phase = rng.uniform(8, 60), rng.uniform(0.08, 0.3), rng.uniform(0, 6.3)
    rest = set(range(FRAMES // 3, FRAMES // 2))  # people also sit still
    frames, moment = [], 0.0
    for number in range(FRAMES):
        moment += 0.0 if number in rest else 1.0
        angle, scale = 3 * np.sin(pace * moment), fit * (1 + 0.03 * np.sin(0.7 * pace * moment + phase))
        turn = cv2.getRotationMatrix2D((image.shape[1] / 2, image.shape[0] / 2), angle, scale)
        turn[0, 2] += width / 2 - image.shape[1] / 2 + reach * np.sin(pace * moment + phase)
        turn[1, 2] += height * 1.02 - image.shape[0] / 2 * (1 + fit) + 5 * np.sin(2 * pace * moment)
        put = cv2.warpAffine(layer, turn, (width, height), flags=cv2.INTER_LINEAR)
        x, y = (3 * np.sin(0.4 * number), 3 * np.cos(0.3 * number)) if handheld else (0.0, 0.0)
        shift = np.array([[1, 0, x - 20], [0, 1, y - 20]], np.float32)
        ground = cv2.warpAffine(back, shift, (width, height), flags=cv2.INTER_LINEAR)
        mixed = put[..., :3] + (1 - put[..., 3:]) * ground + rng.normal(0, 3.0, (height, width, 3))
        picture = np.clip(mixed, 0, 255).astype(np.uint8)
        _, coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])
        decoded = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
        frames.append((decoded, np.asarray(np.clip(put[..., 3], 0, 1), np.float32)))
    return frames


def recorded(folder: Path) -> list[tuple[UInt8Image, Alpha]]:
    """The frames of a test clip with their truth."""
    pairs = list_frames(folder)
    ones = stored_as_ones(p.truth for p in pairs)
    return [(read_image(p.image).image, read_truth(p.truth, ones)) for p in pairs]


def score(pipeline: Pipeline, frames: list[tuple[UInt8Image, Alpha]]) -> Scored:
    """Run the clip from a fresh start."""
    pipeline.reset()
    flicker, late = DtssdMeter(), LagMeter()
    errors, control, times = [], [], []
    held: Alpha | None = None

    def observe(stage: str, seconds: float) -> None:
        if stage == "temporal":
            times.append(seconds)

    for index, (image, truth) in enumerate(frames):
        alpha = resize(pipeline.step(Frame(image, index=index), observe).alpha, truth.shape, "bilinear")
        held = alpha.copy() if held is None else held
        errors.append(mad(alpha, truth))
        control.append(mad(held, truth))
        flicker.add(alpha, truth)
        late.add(alpha, truth)
    ms = 1e3 * float(np.median(times)) if times else 0.0
    return Scored(
        len(frames), flicker.value() or 0.0, float(np.mean(errors)), late.value(), float(np.mean(control)), ms
    )


def main() -> None:
    """Parse options, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["base"], metavar="MODEL")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("POCKETMATTE_DATA", "data")))
    parser.add_argument("--synthetic", type=int, default=6)
    parser.add_argument("--test", action="store_true")
    parser.add_argument("--modes", nargs="+", default=list(TEMPORAL))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--prior", action="store_true", help="judge the memory of video networks instead")
    options = parser.parse_args()
    if options.prior:
        verdict.show()
        return
    clips = list(synthetic(options.data, options.synthetic))
    if options.test:
        clips += [(name, recorded(options.data / "test" / "video" / name)) for name in CLIPS]
    foot = {"date": date.today().isoformat(), "commit": commit()}
    for model in options.models:
        rows = [row | foot for row in rows_of(model, clips, options.modes)]
        if options.out:
            replace(options.out, COLUMNS, ("model",), rows)


def rows_of(model: str, clips: list[Clip], modes: list[str]) -> list[dict[str, Any]]:
    """The rows of one model; the first of ``modes`` is what the others are judged against."""
    rows = []
    for name, frames in clips:
        plain: Scored | None = None
        for mode in modes:
            with load(model, foreground="none", threads=1) as pipeline:
                pipeline.temporal = make_temporal(mode)
                began = time.perf_counter()
                found = score(pipeline, frames)
                took = time.perf_counter() - began
                head = {"model": model, "version": pipeline.spec.version, "temporal": mode, "clip": name}
            plain = plain or found
            accepted = (
                "" if mode == modes[0] else str(not verdict.failures(plain.figures, found.figures, found.control_mad))
            )
            values = {key: f"{getattr(found, key):.5f}" for key in ("dtssd", "mad", "control_mad")}
            lag = "" if found.lag is None else f"{found.lag:.3f}"
            tail = {"lag": lag, "ms": f"{found.ms:.2f}", "accepted": accepted}
            rows.append({**head, "frames": found.frames, **values, **tail})
            print(*rows[-1].values(), f"{took:.1f} s", flush=True)
    return rows


if __name__ == "__main__":
    launch(main)
