"""Ways to bring a small matte to full size, compared on soft truth: boundary IoU, MAD, gradient error, time.

Run:  python -m benchmarks.refine [--model NAME] [--data FOLDER] [--out results/refine.csv]
The small matte has a quarter of the truth's width and height. It is either ``ideal`` (the truth itself, averaged over
areas) or what a network says that saw the picture at that quarter size; ``full picture`` is, beside them, what ships:
the network sees all there is, its matte has its own size. Truths: ``video``, frames of the keyed test clips;
``held-out``, teacher labels of the validation split; ``composed``, people of that split on new backgrounds, where the
truth is exact; ``drawn 1080p``, a drawn head with single hairs. FOLDER (default ``$POCKETMATTE_DATA``) holds train/,
test/ and backgrounds/. Times are those of a 1920x1080 frame and a 480x270 matte on one thread. The picture
``docs/images/refine.jpg`` shows the hair of the sample portrait.

``fast guided`` is the filter as published: He and Sun 2015, with the gray guide and with the colour guide of He, Sun
and Tang 2013; radius and regularisation are those that did best on ``held-out``, see ``--sweep``.
"""

from __future__ import annotations

import argparse
import csv
import os
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.accuracy import RESULTS, commit
from benchmarks.command import launch
from benchmarks.ops import draw
from pocketmatte.core import Alpha, Frame, Size, UInt8Image
from pocketmatte.data.recipes import PEOPLE, is_validation, list_images, list_pairs
from pocketmatte.evaluate.mask_metrics import boundary_iou, to_mask
from pocketmatte.evaluate.matte_metrics import grad, mad
from pocketmatte.evaluate.truth import read_truth
from pocketmatte.io.images import read_image
from pocketmatte.ops.foreground import estimate_foreground_ml
from pocketmatte.ops.refine import refine_guided
from pocketmatte.ops.resize import resize
from pocketmatte.pipeline.pipeline import Pipeline, load

COLUMNS = ("truth", "small", "method", "n", "biou", "mad", "grad", "ms_per_mp", "date", "commit")
ASSETS = Path(__file__).parent.parent / "pocketmatte" / "assets"
PICTURE = RESULTS.parent / "docs" / "images" / "refine.jpg"
HAIR = (slice(4, 134), slice(158, 288))  # of the sample portrait
TIMES = 4
ROUNDS = 15
Method = Callable[[Alpha, UInt8Image], Alpha]
Scene = tuple[UInt8Image, Alpha]


def quarter(size: tuple[int, ...]) -> Size:
    """The size of the small matte."""
    return Size(max(1, round(size[0] / TIMES)), max(1, round(size[1] / TIMES)))


def bilinear(alpha: Alpha, image: UInt8Image) -> Alpha:
    """No guide."""
    return resize(alpha, image.shape[:2], "bilinear")


def fast_guided_gray(alpha: Alpha, image: UInt8Image, radius: int = 1, eps: float = 1e-4) -> Alpha:
    """He and Sun 2015 with the brightness as guide."""
    large = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.float32) / np.float32(255)
    guide = resize(large, alpha.shape)
    window = (2 * radius + 1, 2 * radius + 1)
    mean, mean_a = cv2.blur(guide, window), cv2.blur(alpha, window)
    variance = cv2.blur(guide * guide, window) - mean * mean
    slope = (cv2.blur(guide * alpha, window) - mean * mean_a) / (variance + eps)
    offset = mean_a - slope * mean
    fitted = [resize(np.asarray(cv2.blur(x, window), np.float32), large.shape, "bilinear") for x in (slope, offset)]
    return np.asarray(np.clip(fitted[0] * large + fitted[1], 0, 1), np.float32)


def fast_guided_colour(alpha: Alpha, image: UInt8Image, radius: int = 1, eps: float = 1e-4) -> Alpha:
    """He and Sun 2015 with the colour guide of He, Sun and Tang 2013."""
    large = image.astype(np.float32) / 255
    guide = resize(large, alpha.shape)
    window = (2 * radius + 1, 2 * radius + 1)
    mean, mean_a = cv2.blur(guide, window), cv2.blur(alpha, window)
    outer = cv2.blur((guide[..., :, None] * guide[..., None, :]).reshape(*alpha.shape, 9), window)
    covariance = outer.reshape(*alpha.shape, 3, 3) - mean[..., :, None] * mean[..., None, :]
    common = cv2.blur(guide * alpha[..., None], window) - mean * mean_a[..., None]
    slope = np.linalg.solve(covariance + eps * np.eye(3, dtype=np.float32), common[..., None])[..., 0]
    offset = mean_a - (slope * mean).sum(axis=2)
    fitted = np.dstack([slope, offset]).astype(np.float32)
    enlarged = cv2.resize(cv2.blur(fitted, window), large.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    value = (enlarged[..., :3] * large).sum(axis=2) + enlarged[..., 3]
    return np.asarray(np.clip(value, 0, 1), np.float32)


METHODS: dict[str, Method] = {
    "bilinear": bilinear,
    "fast guided, gray": fast_guided_gray,
    "fast guided, colour": fast_guided_colour,
    "guided (ours)": lambda alpha, image: refine_guided(alpha, image),
}


def video(data: Path) -> Iterator[Scene]:
    """Every tenth frame of the keyed clips."""
    for clip in sorted((data / "test" / "video").iterdir()):
        for path in sorted((clip / "images").iterdir())[::10]:
            truth = next((clip / "alphas").glob(path.stem + ".*"))
            yield read_image(path).image, read_truth(truth)


def held_out(data: Path, limit: int = 40) -> Iterator[Scene]:
    """Pictures with soft labels of the validation split, up to ``limit`` of every set."""
    for recipe in PEOPLE:
        if recipe.label == "teacher":
            pairs = [p for p in list_pairs(data / "train" / recipe.name) if is_validation(recipe.name, p[0])]
            for _, image, truth in pairs[:limit]:
                yield read_image(image).image, read_truth(truth)


def composed(data: Path) -> Iterator[Scene]:
    """The same people with their estimated colours on backgrounds without people."""
    rooms = [path for folder in sorted((data / "backgrounds").iterdir()) for path in list_images(folder)][::7]
    for index, (image, truth) in enumerate(held_out(data, 20)):
        room = read_image(rooms[index % len(rooms)]).image
        backdrop = cv2.resize(room, image.shape[1::-1], interpolation=cv2.INTER_AREA)
        colours, a = estimate_foreground_ml(image, truth), truth[..., None]
        yield (colours * a + backdrop * (1 - a) + 0.5).astype(np.uint8), truth


def drawn(_: Path) -> Iterator[Scene]:
    """One picture of 1920x1080."""
    yield draw(1080, 1920)


TRUTHS: dict[str, Callable[[Path], Iterator[Scene]]] = {
    "video": video,
    "held-out": held_out,
    "composed": composed,
    "drawn 1080p": drawn,
}


def small_mattes(scene: Scene, pipeline: Pipeline) -> dict[str, Alpha]:
    """The truth at a quarter of its size; what the network says of the picture at that size, and of all of it."""
    image, truth = scene
    size = quarter(truth.shape)
    pipeline.reset()
    seen = pipeline.look(Frame(resize(image, size))).alpha
    pipeline.reset()
    full = pipeline.look(Frame(image)).alpha
    name = pipeline.spec.name
    return {"ideal": resize(truth, size), name: resize(seen, size), f"{name}, full picture": full}


def score(method: Method, pairs: list[tuple[Alpha, Scene]]) -> dict[str, float]:
    """Means over pictures; the gradient error is the sum of squares per pixel, times 1000."""
    found: dict[str, list[float]] = {"biou": [], "mad": [], "grad": []}
    for small, (image, truth) in pairs:
        alpha = method(small, image)
        found["biou"].append(boundary_iou(to_mask(alpha), to_mask(truth)))
        found["mad"].append(mad(alpha, truth))
        found["grad"].append(1e6 * grad(alpha, truth) / truth.size)
    return {key: statistics.fmean(values) for key, values in found.items()}


def milliseconds() -> dict[str, float]:
    """Least time of every method per megapixel of a 1920x1080 picture, interleaved, on one thread."""
    image, truth = draw(1080, 1920)
    small = resize(truth, quarter(truth.shape))
    cv2.setNumThreads(1)
    best: dict[str, float] = {}
    for turn in range(ROUNDS):
        for name, method in METHODS.items():
            if turn < 5 or "colour" not in name:  # that one is written for clarity and slow
                started = time.process_time()
                method(small, image)
                best[name] = min(best.get(name, 1e9), time.process_time() - started)
    return {name: 1e3 * seconds / (truth.size / 1e6) for name, seconds in best.items()}


def draw_hair(pipeline: Pipeline, path: Path) -> None:
    """Write the strip of the documentation: the picture, then every method on a matte of a quarter of its size."""
    image = read_image(ASSETS / "astronaut.jpg").image
    pipeline.reset()
    size = quarter(image.shape[:2])
    small = resize(pipeline.look(Frame(resize(image, size))).alpha, size)
    cells = [image] + [np.dstack([np.uint8(255 * method(small, image) + 0.5)] * 3) for method in METHODS.values()]
    shown = []
    for title, cell in zip(("picture", *METHODS), cells, strict=True):
        part = cv2.resize(cell[HAIR], None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
        strip = np.full((24, part.shape[1], 3), 255, np.uint8)
        cv2.putText(strip, title, (4, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (20, 20, 20), 1, cv2.LINE_AA)
        shown.append(cv2.copyMakeBorder(np.vstack([strip, part]), 0, 0, 2, 2, cv2.BORDER_CONSTANT, value=(255,) * 3))
    data = cv2.imencode(".jpg", np.hstack(shown)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])[1]
    path.write_bytes(data.tobytes())


def sweep(pipeline: Pipeline, data: Path) -> None:
    """Print settings of the published filter on ``held-out``."""
    scenes = [(small_mattes(s, pipeline), s) for s in held_out(data, 15)]
    for name, method in (("gray", fast_guided_gray), ("colour", fast_guided_colour)):
        for radius in (1, 2, 4):
            for eps in (1e-4, 1e-3, 1e-2):
                tried = partial(method, radius=radius, eps=eps)
                found = {kind: score(tried, [(m[kind], s) for m, s in scenes]) for kind in scenes[0][0]}
                print(name, radius, eps, *(f"{kind}: {values}" for kind, values in found.items()))


def main() -> None:
    """Parse options, measure, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="network of the second kind of small matte")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("POCKETMATTE_DATA", "data")))
    parser.add_argument("--out", type=Path, default=RESULTS / "refine.csv")
    parser.add_argument("--sweep", action="store_true", help="print settings of the published filter instead")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with load(options.model, foreground="none", threads=1) as pipeline:
        if options.sweep:
            sweep(pipeline, options.data)
            return
        draw_hair(pipeline, PICTURE)
        times = milliseconds()
        for truth, scenes in TRUTHS.items():
            pairs = [(small_mattes(scene, pipeline), scene) for scene in scenes(options.data)]
            for kind in pairs[0][0] if truth != "drawn 1080p" else ("ideal",):  # nothing was trained on drawings
                for name, method in METHODS.items():
                    found = score(method, [(mattes[kind], scene) for mattes, scene in pairs])
                    row = {"truth": truth, "small": kind, "method": name, "n": len(pairs)}
                    row |= {key: f"{value:.6g}" for key, value in found.items()}
                    row |= {"ms_per_mp": f"{times[name]:.1f}", "date": date.today().isoformat(), "commit": commit()}
                    print(*row.values())
                    rows.append(row)
    with options.out.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    launch(main)
