"""Background subtraction against known truth: a keyed person before a still scene; writes results/subtract.csv.

    python -m benchmarks.subtract --data DIR [--people tune|test] [--model NAME] [--scenes 4] [--methods NAME...]

Each clip: 100 empty frames, then the person. The scene is a photo; every frame gets sensor noise of its own (Gaussian,
growing with brightness) and the light drifts slowly (5 per cent up and down, a little warmer and colder). ``tune``
moves held-out training people over the scene: for choosing settings. ``test`` uses the keyed webcam clip and
replaces the rows of the methods that ran.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from benchmarks.accuracy import commit, replace
from benchmarks.command import launch
from pocketmatte.background.difference import DifferenceSubtractor
from pocketmatte.background.hybrid import Hybrid
from pocketmatte.background.mixture import GrabCutSubtractor, MixtureSubtractor
from pocketmatte.background.original import OriginalSubtractor
from pocketmatte.background.plate import learn_plate
from pocketmatte.core import Alpha, Frame, UInt8Image
from pocketmatte.evaluate.mask_metrics import boundary_iou, mean_iou, to_mask
from pocketmatte.evaluate.matte_metrics import mad
from pocketmatte.evaluate.temporal_metrics import dtssd
from pocketmatte.io.images import read_image
from pocketmatte.ops.composite import composite
from pocketmatte.ops.foreground import estimate_foreground_ml
from pocketmatte.pipeline.pipeline import load
from pocketmatte.zoo.find import default_model, find_model

ROOT = Path(__file__).parent.parent
COLUMNS = (*("people", "clip", "method", "model", "version", "miou", "biou", "mad", "dtssd", "ms", "date", "commit"),)
EMPTY = 100
Step = Callable[[UInt8Image], Alpha]
Person = tuple[UInt8Image, Alpha]


@dataclass(frozen=True)
class Clip:
    """A person's frames before one scene."""

    name: str
    people: list[Person]
    scene: UInt8Image

    def frames(self) -> Iterator[UInt8Image]:
        """Empty frames, then the person; the same every time."""
        rng = np.random.default_rng(7)
        for k in range(EMPTY + len(self.people)):
            picture = self.scene
            if k >= EMPTY:
                color, alpha = self.people[k - EMPTY]
                picture = composite(color, alpha, self.scene)
            swing = np.sin(2 * np.pi * k / 180)
            light = 1 + np.array([0.06, 0.05, 0.04]) * swing
            values = picture.astype(np.float32) * light.astype(np.float32)
            values += rng.normal(size=values.shape).astype(np.float32) * (1.5 + values / 85)
            yield np.clip(values + 0.5, 0, 255).astype(np.uint8)


def main() -> None:
    """Score every method on every clip and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--people", choices=("tune", "test"), default="tune")
    parser.add_argument("--model")
    parser.add_argument("--scenes", type=int, default=4)
    parser.add_argument("--methods", nargs="*", default=list(METHODS))
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "subtract.csv", help="for --people test")
    arguments = parser.parse_args()
    people = keyed(arguments.data) if arguments.people == "test" else moved(arguments.data)
    foot = {"date": date.today().isoformat(), "commit": commit()}
    rows: list[dict[str, str]] = []
    for clip in clips(people, arguments.data, arguments.scenes):
        for name in arguments.methods:
            row = {**head_of(name, arguments.model), **score(clip, name, arguments.model), **foot}
            row |= {"people": arguments.people, "clip": clip.name}
            print(row, flush=True)
            rows.append(row)
    if arguments.people == "test":
        replace(arguments.out, COLUMNS, ("method",), rows)
    for name in arguments.methods:
        mine = [r for r in rows if r["method"] == name]
        means = {key: sum(float(r[key]) for r in mine) / len(mine) for key in ("miou", "biou", "mad", "dtssd", "ms")}
        print(f"{name:12}", "  ".join(f"{k} {v:.4f}" for k, v in means.items()))


def head_of(method: str, model: str | None) -> dict[str, str]:
    """The method, and the network with its version where it has one."""
    if method not in NETWORKS:
        return {"method": method, "model": "", "version": ""}
    spec, _ = find_model(model or default_model())
    return {"method": method, "model": spec.name, "version": spec.version}


def score(clip: Clip, name: str, model: str | None) -> dict[str, str]:
    """Mean scores over the frames with a person."""
    frames = clip.frames()
    seconds: list[float] = []
    found: list[Alpha] = []
    step = METHODS[name](frames, model)  # takes the empty frames
    for image in frames:
        started = time.process_time()
        found.append(step(image))
        seconds.append(time.process_time() - started)
    truths = [alpha for _, alpha in clip.people]
    pairs = list(zip(found, truths, strict=True))
    return {
        "miou": f"{np.mean([mean_iou(to_mask(f), to_mask(t)) for f, t in pairs]):.4f}",
        "biou": f"{np.mean([boundary_iou(to_mask(f), to_mask(t)) for f, t in pairs]):.4f}",
        "mad": f"{np.mean([mad(f, t) for f, t in pairs]):.4f}",
        "dtssd": f"{dtssd(found, truths):.4f}",
        "ms": f"{1000 * np.median(seconds):.1f}",
    }


def _difference(frames: Iterator[UInt8Image], _: str | None) -> Step:
    return DifferenceSubtractor(learn_plate(islice(frames, EMPTY), EMPTY)).step


def _original(frames: Iterator[UInt8Image], _: str | None) -> Step:
    return OriginalSubtractor(islice(frames, EMPTY), EMPTY).step


def _grabcut(frames: Iterator[UInt8Image], _: str | None) -> Step:
    return GrabCutSubtractor(learn_plate(islice(frames, EMPTY), EMPTY)).step


def _mog2(frames: Iterator[UInt8Image], _: str | None) -> Step:
    return MixtureSubtractor(islice(frames, EMPTY), EMPTY, "mog2").step


def _knn(frames: Iterator[UInt8Image], _: str | None) -> Step:
    return MixtureSubtractor(islice(frames, EMPTY), EMPTY, "knn").step


def _network(frames: Iterator[UInt8Image], model: str | None) -> Step:
    for _ in islice(frames, EMPTY):
        pass
    pipeline = load(model, threads=1, foreground="none", temporal="auto")
    return lambda image: pipeline.step(Frame(image)).alpha


def _hybrid(frames: Iterator[UInt8Image], model: str | None) -> Step:
    pipeline = load(model, threads=1, foreground="none", temporal="auto")
    pipeline.plate = Hybrid()
    for image in islice(frames, EMPTY):
        pipeline.step(Frame(image))
    return lambda image: pipeline.step(Frame(image)).alpha


def _hybrid_unseen(frames: Iterator[UInt8Image], model: str | None) -> Step:
    """Without having seen the empty scene: learned while the person is there."""
    for _ in islice(frames, EMPTY):
        pass
    pipeline = load(model, threads=1, foreground="none", temporal="auto")
    pipeline.plate = Hybrid()
    return lambda image: pipeline.step(Frame(image)).alpha


METHODS: dict[str, Callable[[Iterator[UInt8Image], str | None], Step]] = {
    "original": _original,
    "difference": _difference,
    "mog2": _mog2,
    "knn": _knn,
    "grabcut": _grabcut,
    "network": _network,
    "hybrid": _hybrid,
    "hybrid, scene never seen empty": _hybrid_unseen,
}
NETWORKS = ("network", "hybrid", "hybrid, scene never seen empty")  # those of METHODS that run a model


def clips(people: dict[str, list[Person]], data: Path, scenes: int) -> Iterator[Clip]:
    """Every person before every scene."""
    rooms = sorted((data / "backgrounds" / "houses_bg").glob("*.webp"))
    for name, frames in people.items():
        height, width = frames[0][1].shape
        for k in range(scenes):
            scene = cv2.resize(read_image(rooms[97 * k + 13]).image, (width, height), interpolation=cv2.INTER_AREA)
            yield Clip(f"{name}/{k}", frames, np.asarray(scene, np.uint8))


def keyed(data: Path) -> dict[str, list[Person]]:
    """The keyed webcam clip with its colours freed from the background it was composed on."""
    folder = data / "test" / "video" / "webcam_a_room"
    frames = []
    for path in sorted((folder / "images").iterdir()):
        alpha = _alpha(next((folder / "alphas").glob(f"{path.stem}.*")))
        frames.append((estimate_foreground_ml(read_image(path).image, alpha), alpha))
    return {"webcam_a": frames}


def moved(data: Path) -> dict[str, list[Person]]:
    """Held-out training people that sway, walk in and lean, 60 frames each, at 360x640."""
    from pocketmatte.data.recipes import is_validation

    folder = data / "train" / "ccp_unlabelled"
    chosen = [p for p in sorted((folder / "images").iterdir()) if is_validation("ccp_unlabelled", p.stem)][:3]
    people = {}
    for path in chosen:
        alpha = _alpha(folder / "alphas" / path.name)
        color = estimate_foreground_ml(read_image(path).image, alpha)
        people[path.stem] = [_posed(color, alpha, k / 60) for k in range(60)]
    return people


def _alpha(path: Path) -> Alpha:
    return read_image(path).image[..., 0].astype(np.float32) * np.float32(1 / 255)


def _posed(color: UInt8Image, alpha: Alpha, t: float) -> Person:
    height, width = 360, 640
    scale = 1.6 * height / alpha.shape[0] * (1 + 0.06 * np.sin(5 * t))
    turn = cv2.getRotationMatrix2D((alpha.shape[1] / 2, 0), 4 * np.sin(7 * t), scale)
    turn[0, 2] += width * (0.15 + 0.6 * t) - alpha.shape[1] / 2
    turn[1, 2] += 25
    size = (width, height)
    moved_alpha = cv2.warpAffine(alpha, turn, size, flags=cv2.INTER_AREA)
    moved_color = cv2.warpAffine(color, turn, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved_color, np.uint8), np.asarray(moved_alpha, np.float32)


if __name__ == "__main__":
    launch(main)
