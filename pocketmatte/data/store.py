"""All training pictures decoded once: plain arrays, in the order of their sets and stems."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pocketmatte.core import PocketmatteError
from pocketmatte.data.recipes import (
    SINGLES,
    PeopleSet,
    background_sets,
    is_validation,
    list_images,
    list_pairs,
    people_sets,
    read_trust,
)

Array = npt.NDArray[Any]
SOFT, TRUST = "soft", "trust"  # folders of labels that `pocketmatte data label` improved; training prefers them


@dataclass(frozen=True)
class Person:
    """``image`` uint8 RGB ``[H,W,3]``, ``alpha`` uint8 ``[H,W]``; ``trust`` uint8 ``[H,W]``, 255 = sure."""

    name: str
    image: Array
    alpha: Array
    trust: Array
    recipe: PeopleSet


@dataclass(frozen=True)
class Store:
    """Training or held-out pictures; ``backgrounds`` are uint8 RGB ``[H,W,3]`` without people, those numbered in
    ``singles`` show one large animal or thing."""

    people: list[Person] = field(default_factory=list)
    backgrounds: list[Array] = field(default_factory=list)
    singles: list[int] = field(default_factory=list)


def read_rgb(path: Path) -> Array:
    """Decode to uint8 RGB. Raises :class:`PocketmatteError` naming the file when it cannot be read."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise PocketmatteError(f"cannot decode {path}")
    return np.asarray(image)


def read_gray(path: Path) -> Array:
    """Decode to uint8 ``[H,W]``. Raises :class:`PocketmatteError` naming the file when it cannot be read."""
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise PocketmatteError(f"cannot decode {path}")
    return np.asarray(image)


def shrink(image: Array, side: int) -> Array:
    """The picture with its shorter side at most ``side``, averaging areas."""
    scale = side / min(image.shape[:2])
    if scale >= 1:
        return image
    height, width = (max(1, round(n * scale)) for n in image.shape[:2])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))


def load_store(
    root: Path, side: int = 288, *, validation: bool = False, only: int | None = None, threads: int = 4
) -> Store:
    """Decode the training pictures under ``root`` (or the held-out ones) with their shorter side at most ``side``.

    Training takes labels from ``soft/`` and ``trust/`` where a set has them, validation never does. ``only`` keeps
    that many pictures of each set, for a quick trial. Raises :class:`PocketmatteError` when there is nothing to learn
    from.
    """
    trust = read_trust(root)

    def person(task: tuple[PeopleSet, str, Path, Path]) -> Person:
        recipe, stem, image_path, alpha_path = task
        improved = [alpha_path.parents[1] / part / f"{stem}.webp" for part in (SOFT, TRUST)]
        if not validation and improved[0].is_file():
            alpha_path = improved[0]
        image, alpha = shrink(read_rgb(image_path), side), shrink(read_gray(alpha_path), side)
        if image.shape[:2] != alpha.shape:
            raise PocketmatteError(f"{alpha_path} and its picture differ in size")
        sure = np.full(alpha.shape, round(255 * trust.get((recipe.name, stem), recipe.trust)), np.uint8)
        if not validation and improved[1].is_file():
            sure = shrink(read_gray(improved[1]), side)
        return Person(f"{recipe.name}/{stem}", image, alpha, sure, recipe)

    tasks = []
    for recipe in people_sets(root):
        pairs = [p for p in list_pairs(root / "train" / recipe.name) if is_validation(recipe.name, p[0]) == validation]
        tasks += [(recipe, *pair) for pair in pairs[:only]]
    scenes: list[Path] = []
    for folder in background_sets(root):
        scenes += [p for p in list_images(folder) if is_validation(folder.name, p.stem) == validation][:only]
    singles = [number for number, path in enumerate(scenes) if path.parent.name in SINGLES]
    with ThreadPoolExecutor(threads) as pool:
        people = list(pool.map(person, tasks))
        backgrounds = list(pool.map(lambda path: shrink(read_rgb(path), side), scenes))
    if not validation and not (people and backgrounds):
        raise PocketmatteError(
            f"{root} holds {len(people)} people and {len(backgrounds)} backgrounds to learn from; both are needed"
        )
    return Store(people, backgrounds, singles)


def relabel(store: Store, alphas: Sequence[Array], trusts: Sequence[Array]) -> Store:
    """The same pictures with other labels, in the order of ``store.people``."""
    people = [replace(p, alpha=a, trust=t) for p, a, t in zip(store.people, alphas, trusts, strict=True)]
    return replace(store, people=people)
