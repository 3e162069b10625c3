"""Drawn people before drawn scenery: a data folder for trying the training commands where no data set is at hand."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pocketmatte.core import PocketmatteError
from pocketmatte.data.recipes import PEOPLE

Array = npt.NDArray[Any]
_SETS = ("ccp", "figaro")  # folders carry the names of known sets, because a set without a recipe is refused


def draw_data(root: Path, people: int = 48, backgrounds: int = 32, side: int = 96, seed: int = 0) -> None:
    """Write ``root/train`` and ``root/backgrounds`` with so many pictures, about ``side`` pixels large.

    Raises :class:`PocketmatteError` when ``root`` is not empty.
    """
    if root.exists() and any(root.iterdir()):
        raise PocketmatteError(f"{root} is not empty; choose another folder")
    rng = np.random.default_rng(seed)
    recipes = {recipe.name: recipe for recipe in PEOPLE}
    rows = []
    for index in range(people):
        name = _SETS[index % len(_SETS)]
        image, alpha = draw_person(side + int(rng.integers(side // 4)), side, rng)
        stem = f"{index:04d}"
        for part, picture in (("images", image[..., ::-1]), ("alphas", alpha)):
            _write(root / "train" / name / part / f"{stem}.png", picture)
        teacher = recipes[name].label == "teacher"
        rows.append([name, stem, recipes[name].label, *([0.02, 0.93] if teacher else ["", ""])])
    for index in range(backgrounds):
        _write(root / "backgrounds" / "drawn" / f"{index:04d}.png", draw_scene(side, side, rng)[..., ::-1])
    with (root / "train" / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["set", "stem", "label", "uncertainty", "agreement"])
        writer.writerows(rows)


def draw_scene(height: int, width: int, rng: np.random.Generator) -> Array:
    """A blotchy background with a few boxes, uint8 RGB ``[height,width,3]``."""
    coarse = rng.integers(20, 236, (4, 5, 3)).astype(np.uint8)
    scene = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))
    for _ in range(int(rng.integers(1, 4))):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        corner = (x + int(rng.integers(8, 30)), y + int(rng.integers(8, 30)))
        cv2.rectangle(scene, (x, y), corner, rng.integers(0, 256, 3).tolist(), -1)
    return scene


def draw_person(height: int, width: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """A head on shoulders: uint8 RGB ``[height,width,3]`` and its alpha uint8 ``[height,width]``."""
    image, alpha = draw_scene(height, width, rng), np.zeros((height, width), np.uint8)
    x, top = int(width * rng.uniform(0.35, 0.65)), int(height * rng.uniform(0.15, 0.3))
    head = (int(width * 0.13), int(height * 0.15))
    skin, cloth = (int(rng.integers(150, 240)), int(rng.integers(110, 190)), 120), rng.integers(0, 256, 3).tolist()
    body = ((x, height), (int(width * rng.uniform(0.25, 0.38)), height - top - 2 * head[1]))
    for centre, axes, colour in (*[(*body, cloth)], ((x, top + head[1]), head, skin)):
        cv2.ellipse(image, centre, axes, 0, 0, 360, colour, -1, cv2.LINE_AA)
        cv2.ellipse(alpha, centre, axes, 0, 0, 360, 255, -1, cv2.LINE_AA)
    return image, alpha


def _write(path: Path, picture: Array) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", np.ascontiguousarray(picture))[1].tobytes())
