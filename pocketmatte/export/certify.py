"""Measures an exported file against the network it was made of, on the same pictures and over 200 steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pocketmatte.core import Alpha, Size, UInt8Image
from pocketmatte.evaluate.mask_metrics import mask_scores, to_mask
from pocketmatte.evaluate.matte_metrics import mad
from pocketmatte.export.candidate import Candidate
from pocketmatte.export.pictures import PORTRAIT, PictureSet
from pocketmatte.io.images import read_image
from pocketmatte.ops.resize import resize
from pocketmatte.ops.shift import estimate_shift

STEPS = 200
DIGITS = 6


@dataclass(frozen=True)
class Reference:
    """The trained network's answers: ``mattes`` for the pictures given ``priors``, ``clip`` for the 200 steps."""

    pictures: PictureSet
    truths: list[Alpha]
    priors: list[Alpha | None]
    mattes: list[Alpha]
    clip: list[Alpha]
    scores: list[tuple[float, float]]
    stress: list[Alpha]


def refer(source: Candidate, pictures: PictureSet, steps: int = STEPS) -> Reference:
    """Ask the network itself. A video network gets a previous matte, its own, with every other picture."""
    images = [p.image for p in pictures.pictures]
    first = source.answer(images, [None] * len(images))
    priors: list[Alpha | None] = [None] * len(images)
    if source.spec.states:
        priors = [matte if number % 2 else None for number, matte in enumerate(first)]
        first = source.answer(images, priors)
    truths = [
        matte if picture.truth is None else _at(picture.truth, source.spec.input.size)
        for picture, matte in zip(pictures.pictures, first, strict=True)
    ]
    clip = list(source.follow(moving_clip(steps))) if source.spec.states else []
    stress = source.answer(stress_pictures(), [None] * len(stress_pictures()))
    return Reference(
        pictures, truths, priors, first, clip, [_score(m, t) for m, t in zip(first, truths, strict=True)], stress
    )


def _at(alpha: Alpha, size: Size) -> Alpha:
    return np.ascontiguousarray(np.clip(resize(alpha, size, "area"), 0, 1))


def _score(matte: Alpha, truth: Alpha) -> tuple[float, float]:
    found = mask_scores(to_mask(matte), to_mask(truth))
    return found.miou, found.biou


def summary(reference: Reference, mattes: Sequence[Alpha], scores: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Accuracy of mattes against the truth: pictures with people, and how much is found on those without."""
    people = [i for i, t in enumerate(reference.truths) if t.max() > 0.5]
    empty = [float(m.mean()) for m, t in zip(mattes, reference.truths, strict=True) if t.max() <= 0.5]
    miou = np.array([scores[i][0] for i in people])
    return {
        "people": len(people),
        "miou": round(float(miou.mean()), DIGITS),
        "miou_p5": round(float(np.percentile(miou, 5)), DIGITS),
        "miou_worst": round(float(miou.min()), DIGITS),
        "biou": round(float(np.mean([scores[i][1] for i in people])), DIGITS),
        "mad": round(float(np.mean([mad(mattes[i], reference.truths[i]) for i in people])), DIGITS),
        "empty": round(float(np.mean(empty)) if empty else 0.0, DIGITS),
    }


def compare(candidate: Candidate, reference: Reference) -> dict[str, Any]:
    """The entry of one file in a certificate: its accuracy, what it lost, and how far its mattes are from the source's.

    ``lost.worst`` is the largest loss of any one picture. ``shift``: mean translation (down, right) in pixels at
    network size. ``drift``: mean difference of the alphas over a clip on which both feed back their own.
    """
    images = [p.image for p in reference.pictures.pictures]
    mattes = candidate.answer(images, reference.priors)
    scores = [_score(m, t) for m, t in zip(mattes, reference.truths, strict=True)]
    people = [i for i, t in enumerate(reference.truths) if t.max() > 0.5]
    before, after = summary(reference, reference.mattes, reference.scores), summary(reference, mattes, scores)
    losses = {i: reference.scores[i][0] - scores[i][0] for i in people}
    worst = max(losses, key=lambda i: losses[i])
    differences = [float(np.abs(a - b).max()) for a, b in zip(mattes, reference.mattes, strict=True)]
    shifts = np.array([estimate_shift(reference.mattes[i], mattes[i]) for i in people])
    stress = candidate.answer(stress_pictures(), [None] * len(reference.stress))
    row: dict[str, Any] = {
        "accuracy": after,
        "lost": {
            "mean": round(before["miou"] - after["miou"], DIGITS),
            "p5": round(before["miou_p5"] - after["miou_p5"], DIGITS),
            "worst": round(losses[worst], DIGITS),
            "worst_picture": reference.pictures.pictures[worst].name,
            "boundary": round(before["biou"] - after["biou"], DIGITS),
        },
        "mad": round(float(np.mean([mad(a, b) for a, b in zip(mattes, reference.mattes, strict=True)])), 8),
        "largest_difference": round(max(differences), DIGITS),
        "empty_more": round(after["empty"] - before["empty"], DIGITS),
        "shift": [round(float(v), 4) for v in shifts.mean(axis=0)],
        "stress_mad": round(float(max(mad(a, b) for a, b in zip(stress, reference.stress, strict=True))), 8),
    }
    if reference.clip:
        row["drift"] = _drift(candidate, reference.clip)
    return row


def _drift(candidate: Candidate, clip: Sequence[Alpha]) -> dict[str, float]:
    first: Alpha | None = None
    errors = []
    for mine, source in zip(candidate.follow(moving_clip(len(clip))), clip, strict=True):
        first = mine if first is None else first
        errors.append(mad(mine, source))
    again = next(candidate.follow(moving_clip(1)))
    assert first is not None
    return {
        "steps": len(errors),
        "largest": round(max(errors), 8),
        "first_20": round(float(np.mean(errors[:20])), 8),
        "last_20": round(float(np.mean(errors[-20:])), 8),
        "after_reset": round(float(np.abs(again - first).max()), 8),
    }


def moving_clip(steps: int) -> Iterator[UInt8Image]:
    """The sample portrait through a hand-held camera: a window that wanders, zooms and returns."""
    portrait = read_image(PORTRAIT).image
    height, width = portrait.shape[:2]
    for step in range(steps):
        turn = 2 * np.pi * step / 100
        side = int(min(height, width) * (0.7 + 0.08 * np.sin(turn)))
        y = int((height - side) * (0.5 + 0.45 * np.sin(2 * turn)))
        x = int((width - side) * (0.5 + 0.45 * np.cos(turn)))
        yield np.ascontiguousarray(portrait[y : y + side, x : x + side])


def stress_pictures() -> list[UInt8Image]:
    """White, black, a coarse and a fine checkerboard, and extreme noise: what drives activations furthest."""
    y, x = np.mgrid[:256, :256]
    noise = np.random.default_rng(5).integers(0, 2, (256, 256, 3)) * 255
    boards = [np.repeat((((y // n) + (x // n)) % 2 * 255)[..., None], 3, 2) for n in (32, 1)]
    return [np.asarray(p, np.uint8) for p in (np.full((256, 256, 3), 255), np.zeros((256, 256, 3)), *boards, noise)]


def largest_activation(network: nn.Module, source: Candidate, reference: Reference) -> tuple[float, str]:
    """The largest number that enters or leaves any layer on the stress pictures and a few others, and that layer."""
    found: tuple[float, str] = (0.0, "")

    def watch(name: str) -> Any:
        def hook(_: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            nonlocal found
            for tensor in (*inputs, output):
                if isinstance(tensor, Tensor):
                    top = float(tensor.abs().max())
                    if not top <= found[0]:
                        found = (top, name)

        return hook

    layers = [(n, m) for n, m in network.named_modules() if not list(m.children())]
    handles = [layer.register_forward_hook(watch(name)) for name, layer in layers]
    try:
        images = [*stress_pictures(), *(p.image for p in reference.pictures.pictures[:8])]
        full: Alpha | None = np.ones(source.spec.input.size, np.float32) if source.spec.states else None
        with torch.no_grad():
            source.answer(images, [full] * len(images))
    finally:
        for handle in handles:
            handle.remove()
    return found
