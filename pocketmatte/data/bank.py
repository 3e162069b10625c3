"""Every training picture in one flat tensor on the device that composes: no decoding, no copying while training.

One pixel is one int64 word of eight bytes: colour (3), alpha, trust, estimated foreground colour (3). Pictures keep
their own sizes and lie one after the other, each followed by three halvings of itself, so that a sampler reads from
the level that does not alias. :mod:`pocketmatte.data.sampling` reads it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pocketmatte.data.store import Person, Store
from pocketmatte.ops.foreground import estimate_foreground_fast

Array = npt.NDArray[Any]
LEVELS = 4
DEPTHS = 17  # how far down a person may be cut: 0, 1/16 ... 1 of the person's height
_STRIP_SIDE = 64  # a people-free part of a training photo is used as background when it is this wide


@dataclass(frozen=True)
class Bank:
    """``pixels`` int64 ``[P]`` on a device; the tables are NumPy on the CPU, indexed by picture.

    The first ``people`` pictures are people, the rest backgrounds. ``start``, ``height``, ``width`` are ``[N,LEVELS]``.
    ``box`` float ``[people,4]``: top, bottom, left, right of the person in pixels (top < 0: nobody found). ``reach``
    ``[people,DEPTHS,2]``: leftmost and rightmost column of the person above each depth. ``strips`` ``[K,5]``: picture
    and the box (top, bottom, left, right) of a part without people. ``singles`` ``[S]``: the backgrounds with one large
    animal or thing.
    """

    pixels: Tensor
    people: int
    start: Array
    height: Array
    width: Array
    box: Array
    reach: Array
    weight: Array
    full_body: Array
    cut_out: Array
    strips: Array
    singles: Array

    @property
    def backgrounds(self) -> int:
        """Number of people-free pictures."""
        return len(self.start) - self.people


def build_bank(store: Store, device: torch.device | str = "cpu", threads: int = 4) -> Bank:
    """Lay ``store`` out on ``device``; estimates foreground colours once per picture."""
    count = len(store.people)
    sizes = [p.alpha.shape for p in store.people] + [b.shape[:2] for b in store.backgrounds]
    height = np.array([[max(1, h >> level) for level in range(LEVELS)] for h, _ in sizes])
    width = np.array([[max(1, w >> level) for level in range(LEVELS)] for _, w in sizes])
    cells = (height * width).ravel()
    start = (np.cumsum(cells) - cells).reshape(-1, LEVELS)
    pixels = np.empty(int(cells.sum()), np.int64)

    def fill(index: int) -> None:
        image = _words(store.people[index]) if index < count else _background_words(store.backgrounds[index - count])
        for level in range(LEVELS):
            h, w = int(height[index, level]), int(width[index, level])
            small = image if level == 0 else _area(image, w, h)
            pixels[start[index, level] : start[index, level] + h * w] = (
                np.ascontiguousarray(small).view(np.int64).ravel()
            )

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, range(len(sizes))))
    found = [_outline(p.alpha) for p in store.people]
    whole = [p.recipe.cut_out and not _cut_by_frame(p.alpha) for p in store.people]
    strips = [(i, *box) for i, p in enumerate(store.people) if p.recipe.full_body and (box := _free_strip(p.alpha))]
    return Bank(
        torch.from_numpy(pixels).to(device),
        count,
        start,
        height,
        width,
        np.array([box for box, _ in found], np.float64).reshape(-1, 4),
        np.array([reach for _, reach in found], np.float64).reshape(-1, DEPTHS, 2),
        np.array([p.recipe.weight for p in store.people]),
        np.array([p.recipe.full_body for p in store.people], bool),
        np.array(whole, bool),
        np.array(strips, np.float64).reshape(-1, 5),
        np.array(store.singles, np.int64) + count,
    )


def _words(person: Person) -> Array:
    alpha = np.asarray(person.alpha, np.float32) * np.float32(1 / 255)
    colours = estimate_foreground_fast(person.image, alpha)
    return np.ascontiguousarray(np.dstack([person.image, person.alpha, person.trust, colours]))


def _background_words(image: Array) -> Array:
    words = np.zeros((*image.shape[:2], 8), np.uint8)
    words[..., :3], words[..., 4] = image, 255
    return words


def _area(image: Array, width: int, height: int) -> Array:
    """Average to a smaller size. OpenCV resizes at most four channels at once."""
    halves = [
        cv2.resize(np.ascontiguousarray(part), (width, height), interpolation=cv2.INTER_AREA)
        for part in (image[..., :4], image[..., 4:])
    ]
    return np.concatenate([part.reshape(height, width, 4) for part in halves], 2)


def _outline(alpha: Array) -> tuple[tuple[float, float, float, float], Array]:
    """The person's box (top < 0 when there is none worth cutting out) and the reach at each depth."""
    body = alpha > 127
    rows, columns = np.flatnonzero(body.any(1)), np.flatnonzero(body.any(0))
    if rows.size < 8 or columns.size < 8:
        return (-1.0, 0.0, 0.0, 0.0), np.zeros((DEPTHS, 2))
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    reach = []
    for depth in range(DEPTHS):
        low = top + max(1, round((bottom - top) * depth / (DEPTHS - 1)))
        across = np.flatnonzero(body[top:low].any(0))
        reach.append((float(across[0]), float(across[-1]) + 1))
    return (float(top), float(bottom), float(columns[0]), float(columns[-1]) + 1), np.array(reach)


def _cut_by_frame(alpha: Array) -> bool:
    """Whether the picture's top or sides cut the person so much that a paste would show straight edges in mid-air."""
    body = alpha > 127
    return bool(body[:2].mean() > 0.2 or max(body[:, :2].mean(), body[:, -2:].mean()) > 0.6)


def _free_strip(alpha: Array) -> tuple[int, int, int, int] | None:
    """The widest run of columns without a person, with a margin; ``None`` when it is too narrow to be useful."""
    free = (alpha > 8).mean(0) < 0.002
    edges = np.flatnonzero(np.diff(np.concatenate([[0], free.astype(np.int8), [0]])))
    if not edges.size:
        return None
    left, right = max(edges.reshape(-1, 2).tolist(), key=lambda run: run[1] - run[0])
    height, width = alpha.shape
    margin = width // 40
    left, right = left + (margin if left else 0), right - (margin if right < width else 0)
    return (0, height, left, right) if right - left >= _STRIP_SIDE else None
