"""The pictures that files are certified on, and the others that int8 is calibrated on: fixed lists, never a test set.

``held-out`` pictures come from the data folder: certification from the validation split that no training sees,
calibration from the training split, both named in ``pictures.json``. Where that folder is not at hand, ``drawn``
people from two seeds take their place; a certificate says which.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from pocketmatte.core import Alpha, PocketmatteError, Size, UInt8Image
from pocketmatte.data.drawn import draw_person, draw_scene
from pocketmatte.data.recipes import IMAGE_SUFFIXES, is_validation
from pocketmatte.data.store import read_gray, read_rgb, shrink
from pocketmatte.io.images import read_image

LIST = Path(__file__).with_name("pictures.json")
PORTRAIT = Path(__file__).parents[1] / "assets" / "astronaut.jpg"
SIDE = 512  # pictures are kept with a shorter side of at most this
_DRAWN = {"certification": (20261122, 24, 8), "calibration": (20261123, 24, 8)}  # seed, people, scenes
Use = Literal["certification", "calibration"]


@dataclass(frozen=True)
class Picture:
    """``image`` uint8 RGB, ``truth`` float32 0..1 of its size; ``None``: no truth is known."""

    name: str
    image: UInt8Image
    truth: Alpha | None


@dataclass(frozen=True)
class PictureSet:
    """``name`` and ``version`` of the list, a ``digest`` of the names in it, and the pictures."""

    name: str
    digest: str
    pictures: tuple[Picture, ...]

    def describe(self) -> dict[str, str | int]:
        """What a certificate says about the set."""
        return {"set": self.name, "n": len(self.pictures), "sha256": self.digest}


def load_pictures(use: Use) -> PictureSet:
    """The listed pictures where all of them are at hand, else the drawn ones."""
    listed = json.loads(LIST.read_text())
    root = Path(os.environ.get("POCKETMATTE_DATA") or "")
    names: list[str] = listed[use]
    found = [_find(root, name) for name in names] if root != Path() else [None]
    if all(found):
        pictures = tuple(_read(root, name, path) for name, path in zip(names, found, strict=True) if path)
        return PictureSet(f"held-out-{listed['version']}", _digest(names), pictures)
    pictures = _draw(use)
    return PictureSet(f"drawn-{listed['version']}", _digest([p.name for p in pictures]), pictures)


def read_folder(folder: Path, limit: int = 256) -> PictureSet:
    """At most ``limit`` pictures of a folder, evenly chosen, for ``--calibrate``. Raises on a folder without any."""
    if not folder.is_dir():
        raise PocketmatteError(f"--calibrate {folder} is no folder; name one with pictures")
    inner = folder / "images" if (folder / "images").is_dir() else folder
    paths = sorted(p for p in inner.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
    if not paths:
        raise PocketmatteError(f"{inner} holds no pictures; expected {', '.join(IMAGE_SUFFIXES)}")
    chosen = [paths[i] for i in np.linspace(0, len(paths) - 1, min(limit, len(paths))).round().astype(int)]
    pictures = tuple(Picture(p.stem, shrink(read_image(p).image, SIDE), None) for p in chosen)
    return PictureSet(f"folder {inner.name}", _digest([p.name for p in pictures]), pictures)


def choose(root: Path, people: dict[Use, int], scenes: dict[Use, int]) -> dict[Use, list[str]]:
    """How the lists of ``pictures.json`` were made: so many of each set by the hash of their names."""
    lists: dict[Use, list[str]] = {"certification": [], "calibration": []}
    for part, counts in (("train", people), ("backgrounds", scenes)):
        for folder in sorted(p for p in (root / part).iterdir() if p.is_dir()):
            stems = [p.stem for p in (folder / "images" if part == "train" else folder).iterdir()]
            stems.sort(key=lambda stem: hashlib.sha256(f"{folder.name}/{stem}".encode()).hexdigest())
            for use, count in counts.items():
                held = use == "certification"
                fitting = [s for s in stems if is_validation(folder.name, s) == held]
                lists[use] += [f"{part}/{folder.name}/{stem}" for stem in fitting[:count]]
    return lists


def _find(root: Path, name: str) -> Path | None:
    part, folder, stem = name.split("/", 2)
    base = root / part / folder / ("images" if part == "train" else "")
    return next((p for s in IMAGE_SUFFIXES if (p := base / f"{stem}{s}").is_file()), None)


def _read(root: Path, name: str, path: Path) -> Picture:
    image = shrink(read_rgb(path), SIDE)
    if name.startswith("backgrounds/"):
        return Picture(name, image, np.zeros(image.shape[:2], np.float32))
    labels = path.parents[1]
    folder = next(f for f in ("alphas", "masks") if (labels / f).is_dir())
    truth = next(p for s in IMAGE_SUFFIXES if (p := labels / folder / f"{path.stem}{s}").is_file())
    return Picture(name, image, shrink(read_gray(truth), SIDE).astype(np.float32) / np.float32(255))


def _draw(use: Use) -> tuple[Picture, ...]:
    seed, people, scenes = _DRAWN[use]
    rng = np.random.default_rng(seed)
    side = Size(320, 288)
    drawn = [draw_person(*side, rng) for _ in range(people)]
    pictures = [
        Picture(f"drawn/{seed}/{i}", image, alpha.astype(np.float32) / np.float32(255))
        for i, (image, alpha) in enumerate(drawn)
    ]
    empty = np.zeros(side, np.float32)
    pictures += [Picture(f"drawn/{seed}/scene{i}", draw_scene(*side, rng), empty) for i in range(scenes)]
    portrait = read_image(PORTRAIT).image
    half = portrait.shape[1] // 2
    # one half each, so that the two uses share no pixel
    part = portrait[:, :half] if use == "certification" else portrait[:, half:]
    return (*pictures, Picture(f"portrait/{use}", np.ascontiguousarray(part), None))


def _digest(names: list[str]) -> str:
    return hashlib.sha256("\n".join(names).encode()).hexdigest()
