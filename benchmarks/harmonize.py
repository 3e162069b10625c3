"""How well the harmoniser gives a recoloured person its own light back, how fast, and how steady on a clip.

Run:  python -m benchmarks.harmonize [--data FOLDER] [--clip FILE] [--spec FILE] [--out results/harmonize.json]
                                     [--sheet PICTURE]

In every held-out photo under FOLDER (default ``$POCKETMATTE_DATA``) the person is recoloured by
``draw_recolour(default_rng([7, n]), strength)``, n being the number of the photo; the photo itself is the truth.
Reported are means over photos of the PSNR over the person (alpha as weight), the PSNR of the mean squared error, and
the share of photos in which a method beats doing nothing. ``color-transfer`` is Reinhard's formula from the person's
statistics to those of the scene round it, ``half`` the same half-way. The harmoniser runs at strengths 1 (its
default) and 1.2. ``widened`` recolours a rim round the person as well, so that no pixel of the old light is left at
the seam.

The clip is matted by the default model and put before a held-out scene. Its numbers are grey levels: how much the
transform's effect on the person changes from frame to frame, and how far smoothing is from the frame's own answer.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.accuracy import commit
from benchmarks.command import launch
from pocketmatte.data.recipes import data_root
from pocketmatte.data.store import load_store, read_gray, read_rgb, shrink
from pocketmatte.effects.color_transform import ColorTransform, identity
from pocketmatte.effects.harmonize import Harmonizer
from pocketmatte.io.video_source import VideoSource
from pocketmatte.ops.color import lab_to_rgb, rgb_to_lab
from pocketmatte.ops.composite import composite
from pocketmatte.ops.resize import resize
from pocketmatte.pipeline.harmonizer import SHIPPED, load_harmonizer, read_harmonizer_spec
from pocketmatte.pipeline.pipeline import load
from pocketmatte.train.harmonize_data import STRENGTHS, draw_recolour, grow, mix, photo_list

Array = npt.NDArray[Any]
SHOWN = ("nothing", "color-transfer", "harmonize")
FRAMES = 120


def reinhard(image: Array, alpha: Array) -> tuple[Array, Array]:
    """Colour transfer of the person (alpha uint8) to the statistics of the rest of the picture; whole and half-way."""
    lab = rgb_to_lab(image)
    inside, outside = lab[alpha > 242], lab[alpha < 13]
    if min(len(inside), len(outside)) < 50:
        return image, image
    ratio = outside.std(0) / np.maximum(inside.std(0), 0.5)
    moved = (lab - inside.mean(0)) * ratio + outside.mean(0)
    half = (lab + moved) / 2
    return lab_to_rgb(moved.astype(np.float32)), lab_to_rgb(half.astype(np.float32))


def mse(guess: Array, truth: Array, alpha: Array) -> float:
    """Over the person, in squared grey levels."""
    error = ((guess.astype(np.float32) - truth) ** 2).mean(2)
    return float((error * alpha).sum() / alpha.sum())


def psnr(error: float) -> float:
    """In dB; half a grey level is as good as none."""
    return float(10 * np.log10(255**2 / max(error, 0.25)))


def answers(person: Array, alpha: Array, scene: Array, harmonizer: Harmonizer) -> dict[str, Array]:
    """What each method makes of the recoloured person."""
    harmonizer.reset()
    whole, half = reinhard(mix(scene, person, alpha), alpha)
    learned = harmonizer.transform(person, (alpha / 255).astype(np.float32), scene) or ColorTransform(identity())
    return {
        "nothing": person,
        "color-transfer": whole,
        "color-transfer half": half,
        "harmonize": learned.apply(person),
        "harmonize strength 1.2": learned.scaled(1.2).apply(person),
    }


def score(root: Path, harmonizer: Harmonizer, sheet: Path | None) -> dict[str, Any]:
    """The table: strength -> method -> numbers."""
    errors: dict[str, dict[str, list[float]]] = {}
    strips = []
    photos = photo_list(root, validation=True)
    for number, (recipe, _, image_path, alpha_path) in enumerate(photos):
        truth, alpha = shrink(read_rgb(image_path), 320), shrink(read_gray(alpha_path), 320)
        if alpha.max() < 250:
            continue
        wide = grow(alpha)
        for strength, amount in STRENGTHS.items():
            person = draw_recolour(np.random.default_rng([7, number]), amount)(truth)
            for suffix, matte in (("", alpha), (" widened", wide)):
                found = answers(person, matte, truth, harmonizer)
                for method, guess in found.items():
                    for row in (strength + suffix, *([] if suffix else [f"{strength} {recipe.name}"])):
                        errors.setdefault(row, {}).setdefault(method, []).append(mse(guess, truth, alpha))
                if strength == "middle" and not suffix and number % max(1, len(photos) // 10) == 3:
                    tiles = [truth, *(mix(truth, found[m], alpha) for m in SHOWN)]
                    strips.append(np.vstack([cv2.resize(tile, (150, 200)) for tile in tiles]))
    if sheet:
        cv2.imwrite(str(sheet), np.hstack(strips)[..., ::-1])
    return {row: {m: _summary(e, found["nothing"]) for m, e in found.items()} for row, found in errors.items()}


def _summary(found: list[float], nothing: list[float]) -> dict[str, float]:
    return {
        "n": len(found),
        "psnr": round(statistics.mean(map(psnr, found)), 2),
        "mse": round(statistics.mean(found), 1),
        "psnr of mean mse": round(psnr(statistics.mean(found)), 2),
        "better than nothing": round(statistics.mean(e < n for e, n in zip(found, nothing, strict=True)), 3),
    }


def flicker(clip: Path, root: Path, spec: Path) -> dict[str, Any]:
    """Frame-to-frame change of the effect with and without smoothing."""
    scene = load_store(root, validation=True, only=4).backgrounds[5]
    found: dict[str, Any] = {}
    with load(threads=2) as pipeline, VideoSource(clip) as source:
        shots = []
        for frame, _ in zip(source, range(FRAMES), strict=False):
            matte = pipeline.step(frame)
            colours = frame.image if matte.foreground is None else matte.foreground
            alpha = resize(matte.alpha, (360, 640))
            shots.append((np.ascontiguousarray(resize(colours, (360, 640))), alpha))
    backdrop = np.ascontiguousarray(resize(scene, (360, 640)))
    direct: list[ColorTransform] = []
    for smooth in (0.0, 0.8, 0.9, 0.95):
        harmonizer = load_harmonizer(spec, smooth=smooth)
        transforms = [
            harmonizer.transform(colours, alpha, backdrop) or ColorTransform(identity()) for colours, alpha in shots
        ]
        direct = direct or transforms
        change, away = [], []
        for index, (colours, alpha) in enumerate(shots):
            now = transforms[index].apply(colours).astype(np.float32)
            weight = alpha / max(float(alpha.sum()), 1.0)
            away.append(float((np.abs(now - direct[index].apply(colours)).mean(2) * weight).sum()))
            if index:
                before = transforms[index - 1].apply(colours)
                change.append(float((np.abs(now - before).mean(2) * weight).sum()))
        found[f"smooth {smooth}"] = {
            "frames": len(shots),
            "mean change": round(statistics.mean(change), 3),
            "worst change": round(max(change), 3),
            "mean distance from unsmoothed": round(statistics.mean(away), 3),
        }
    return found


def speed(spec: Path) -> dict[str, float]:
    """Milliseconds per 1280x720 frame on one thread, the person filling the picture; processor time, not wall time."""
    cv2.setNumThreads(1)
    rng = np.random.default_rng(1)
    person, scene = (rng.integers(0, 256, (720, 1280, 3), np.uint8) for _ in range(2))
    alpha = np.ones((720, 1280), np.float32)
    harmonizer = load_harmonizer(spec, threads=1, smooth=0.9)
    transform = harmonizer.transform(person, alpha, scene)
    assert transform is not None
    stages: dict[str, Callable[[], object]] = {
        "whole": lambda: harmonizer(person, alpha, scene),
        "look and network": lambda: harmonizer.transform(person, alpha, scene),
        "apply": lambda: transform.apply(person),
        "composite, for comparison": lambda: composite(person, alpha, scene),
    }
    found = {}
    for name, run in stages.items():
        times = []
        for _ in range(45):
            started = time.process_time()
            run()
            times.append(time.process_time() - started)
        found[name] = round(1e3 * statistics.median(times[5:]), 2)
    return found


def main() -> None:
    """Parse options, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--clip", type=Path)
    parser.add_argument("--spec", type=Path, default=SHIPPED)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    root = data_root(options.data)
    spec = read_harmonizer_spec(options.spec)
    report: dict[str, Any] = {
        "command": "python -m benchmarks.harmonize",
        "date": date.today().isoformat(),
        "commit": commit(),
        "processor": platform.processor() or platform.machine(),
        "model": {"version": spec.version, "parameters": spec.parameters, "macs": spec.macs},
        "strengths": STRENGTHS,
        "milliseconds at 720p, one thread": speed(options.spec),
        "person": score(root, load_harmonizer(options.spec), options.sheet),
    }
    if options.clip:
        report["flicker"] = {"clip": options.clip.stem, **flicker(options.clip, root, options.spec)}
    for row, methods in report["person"].items():
        print(f"{row:28}", "  ".join(f"{m} {v['psnr']:.2f} dB" for m, v in methods.items()))
    print(json.dumps({k: v for k, v in report.items() if k not in ("person", "strengths")}, indent=1))
    if options.out:
        options.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    launch(main)
