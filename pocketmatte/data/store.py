"""All training pictures decoded once into memory; worker processes share the pages."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from pocketmatte.data.recipes import BACKGROUNDS, PEOPLE, is_validation, list_images, list_pairs


@dataclass(frozen=True)
class Person:
    """``image`` uint8 RGB ``[H,W,3]``, ``alpha`` uint8 ``[H,W]``."""

    image: np.ndarray
    alpha: np.ndarray
    full_body: bool
    cut_out: bool
    weight: float


@dataclass
class Store:
    """Training or validation pictures. ``strips`` are people-free boxes (y0, y1, x0, x1) of training photos."""

    people: list[Person] = field(default_factory=list)
    backgrounds: list[np.ndarray] = field(default_factory=list)
    objects: list[np.ndarray] = field(default_factory=list)
    strips: list[tuple[np.ndarray, tuple[int, int, int, int]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._index()

    def _index(self) -> None:
        self._all = np.cumsum([p.weight for p in self.people])
        self._cut = [p for p in self.people if p.cut_out]
        self._cut_sum = np.cumsum([p.weight for p in self._cut])

    def draw(self, rng: np.random.Generator, cut_out: bool = False) -> Person:
        """A random person, by weight; with ``cut_out`` only from sets whose labels are clean enough to paste."""
        people, sums = (self._cut, self._cut_sum) if cut_out else (self.people, self._all)
        return people[int(np.searchsorted(sums, rng.random() * sums[-1], side="right"))]


def read_rgb(path: Path) -> np.ndarray:
    """Decode to uint8 RGB. Raises ``ValueError`` naming the file when it cannot be read."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise ValueError(f"cannot decode {path}")
    return image


def _fit(image: np.ndarray, limit: int) -> np.ndarray:
    scale = limit / max(image.shape[:2])
    if scale >= 1:
        return image
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def _free_strip(alpha: np.ndarray) -> tuple[int, int, int, int] | None:
    """The widest run of columns without a person, with a margin; ``None`` when it is too narrow to be useful."""
    free = (alpha > 8).mean(0) < 0.002
    best, start = (0, 0), None
    for x, ok in enumerate([*free.tolist(), False]):
        if ok and start is None:
            start = x
        elif not ok and start is not None:
            if x - start > best[1] - best[0]:
                best = (start, x)
            start = None
    margin = alpha.shape[1] // 40
    x0, x1 = best[0] + (margin if best[0] else 0), best[1] - (margin if best[1] < alpha.shape[1] else 0)
    return (0, alpha.shape[0], x0, x1) if x1 - x0 >= 96 else None


def load_store(root: Path, validation: bool = False, limit: int = 480, only: int | None = None) -> Store:
    """Decode the training pictures under ``root`` (or the held-out ones) with their long side at most ``limit``.

    ``only`` keeps that many pictures of each set, for a quick trial.
    """
    store = Store()

    def person(task: tuple[Path, Path, bool, bool, float]) -> Person:
        image, alpha, full, cut, weight = task
        mask = cv2.imread(str(alpha), cv2.IMREAD_GRAYSCALE)
        if mask is None:
            raise ValueError(f"cannot decode {alpha}")
        return Person(_fit(read_rgb(image), limit), _fit(mask, limit), full, cut, weight)

    tasks = []
    for recipe in PEOPLE:
        folder = root / "train" / recipe.name
        if not folder.is_dir():
            raise FileNotFoundError(f"training set {recipe.name} is missing: {folder}")
        pairs = [p for p in list_pairs(folder) if is_validation(recipe.name, p[0]) == validation][:only]
        tasks += [(i, a, recipe.full_body, recipe.cut_out, recipe.weight) for _, i, a in pairs]
    scenes = []
    singles = []
    for name in BACKGROUNDS:
        scenes += [p for p in list_images(root / "backgrounds" / name) if is_validation(name, p.stem) == validation][:only]
        if name == "imagenet_samples":
            singles = list(range(len(scenes) - len([p for p in list_images(root / "backgrounds" / name) if is_validation(name, p.stem) == validation][:only]), len(scenes)))
    with ThreadPoolExecutor(4) as pool:
        store.people = list(pool.map(person, tasks))
        store.backgrounds = list(pool.map(lambda p: _fit(read_rgb(p), limit), scenes))
    store.objects = [store.backgrounds[i] for i in singles]
    for p in store.people:
        if p.full_body and (box := _free_strip(p.alpha)):
            store.strips.append((p.image, box))
    store._index()
    return store
