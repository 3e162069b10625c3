"""Better labels by a model's opinion: human masks keep their meaning and get a soft edge, faults lose trust."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pocketmatte.data.recipes import PeopleSet
from pocketmatte.data.store import Person, Store, relabel

Array = npt.NDArray[Any]
Predict = Callable[[Array], Array]  # uint8 RGB [n,S,S,3] -> alpha float32 [n,S,S] in 0..1
_BAND = 0.016  # half the width of the edge band, as a share of the shorter side
_DOUBT = {"human": 0.6, "teacher": 0.35}  # what is left of a label's trust where the model flatly contradicts it


def soften(alpha: Array, trust: Array, opinion: Array, recipe: PeopleSet) -> tuple[Array, Array]:
    """New ``alpha`` and ``trust`` (uint8 ``[H,W]``) of a label, given a model's ``opinion`` float32 ``[H,W]`` in 0..1.

    A human mask takes the opinion within a thin band along its edge, but only where the model sees an edge there too.
    Away from edges a contradiction lowers the trust; for sets of low trust, which leave out parts of people, it almost
    takes it away where the model sees somebody that the label does not.
    """
    radius = max(2, round(min(alpha.shape) * _BAND))
    band, seen = _near_edge(alpha > 127, radius), _near_edge(opinion > 0.5, 2 * radius)
    clash = (np.abs(opinion - alpha / np.float32(255)) > 0.5) & ~band
    share = np.full(alpha.shape, 1, np.float32)
    share[clash] = _DOUBT[recipe.label]
    if recipe.trust < 0.8:
        share[clash & (opinion > 0.5)] = 0.15
    if recipe.label == "human":
        weight = cv2.GaussianBlur((band & seen).astype(np.float32), (0, 0), radius / 3)
        alpha = (alpha + (opinion * 255 - alpha) * weight + 0.5).astype(np.uint8)
    return alpha, (trust * share + 0.5).astype(np.uint8)


def _near_edge(mask: Array, radius: int) -> Array:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    inside = mask.astype(np.uint8)
    return np.asarray(cv2.dilate(inside, kernel) != cv2.erode(inside, kernel, borderValue=1))


def soften_store(store: Store, predict: Predict, size: int, batch: int = 32, threads: int = 4) -> Store:
    """Apply :func:`soften` to every label; ``predict`` sees the pictures squashed to ``size``."""

    def better(person: Person, opinion: Array) -> tuple[Array, Array]:
        full = cv2.resize(opinion, person.alpha.shape[::-1], interpolation=cv2.INTER_LINEAR)
        return soften(person.alpha, person.trust, full, person.recipe)

    labels: list[tuple[Array, Array]] = []
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(store.people), batch):
            part = store.people[start : start + batch]
            squashed = pool.map(lambda p: cv2.resize(p.image, (size, size), interpolation=cv2.INTER_AREA), part)
            labels += pool.map(better, part, predict(np.stack(list(squashed))))
    return relabel(store, [alpha for alpha, _ in labels], [trust for _, trust in labels])
