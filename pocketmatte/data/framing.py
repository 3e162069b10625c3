"""How a picture lands in a training square: random crops, scales, turns, mirrorings, perspective. NumPy, whole batches.

All matrices are ``[n,3,3]`` and map continuous picture coordinates to the square's. Squashing to the square is part of
it, because that is what the network sees of a frame of any shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pocketmatte.data.bank import DEPTHS, Bank
from pocketmatte.data.sampling import Views

Array = npt.NDArray[Any]
_WIDEST = np.log(16 / 9)  # frames between 9:16 and 16:9


@dataclass(frozen=True)
class Crops:
    """Parts of pictures. ``window`` and ``body`` (the person in it) are ``[n,4]``: top, bottom, left, right.

    ``person``: whether anybody worth placing was found. ``cut``: whether the window ends inside the person.
    """

    picture: Array
    window: Array
    body: Array
    person: Array
    cut: Array


def _chance(rng: np.random.Generator, n: int, p: float) -> Array:
    return rng.random(n) < p


def draw_crops(bank: Bank, picture: Array, rng: np.random.Generator, half_body: float, frame: float) -> Crops:
    """Windows of ``picture`` (indices of people): of full-body photos head to waist with probability ``half_body``,
    of others the upper part, as a wide frame would show it, with probability ``frame``; else the whole picture."""
    n = len(picture)
    height, width = bank.height[picture, 0].astype(float), bank.width[picture, 0].astype(float)
    window = np.stack([np.zeros(n), height, np.zeros(n), width], 1)
    body = bank.box[picture].copy()
    person = body[:, 0] >= 0
    top, tall = body[:, 0], body[:, 1] - body[:, 0]

    depth = rng.uniform(0.22, 0.62, n)
    reach = bank.reach[picture, np.rint(depth * (DEPTHS - 1)).astype(int)]
    row = top + tall * depth
    start = np.maximum(0, top - tall * rng.uniform(0.02, 0.15, n))
    across = (reach[:, 1] - reach[:, 0]) / 2 * rng.uniform(1.05, 1.9, n)
    half = np.maximum(across, (row - start) * rng.uniform(0.3, 0.7, n))
    centre = reach.mean(1) + rng.uniform(-0.35, 0.35, n) * half
    left, right = np.maximum(0, centre - half), np.minimum(width, centre + half)
    fits = (right - left >= 24) & (row - start >= 24)
    cut = bank.full_body[picture] & person & fits & _chance(rng, n, half_body)
    window[cut] = np.stack([start, row, left, right], 1)[cut]
    body[cut] = np.stack([top, row, *reach.T], 1)[cut]

    rows = height * rng.uniform(0.38, 1, n)
    begin = rng.random(n) * np.minimum(np.maximum(top, 0), height - rows)
    wide = ~cut & person & _chance(rng, n, frame)
    window[wide, 0], window[wide, 1] = begin[wide], (begin + rows)[wide]
    return Crops(picture, window, body, person, cut)


def _linear(sx: Array, sy: Array, rng: np.random.Generator) -> Array:
    """2x2 parts: scale, a little more aspect, mirror, turn."""
    n = len(sx)
    aspect = np.exp(rng.normal(0, 0.12, n) / 2)
    sx, sy = sx * aspect * np.where(_chance(rng, n, 0.5), -1, 1), sy / aspect
    angle = np.where(_chance(rng, n, 0.6), np.deg2rad(rng.normal(0, 7, n)), 0)
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([np.stack([c * sx, -s * sy], 1), np.stack([s * sx, c * sy], 1)], 1)


def _matrices(
    linear: Array, source: Array, target: Array, size: int, perspective: float, rng: np.random.Generator
) -> Array:
    """Homographies that send the point ``source`` to ``target``; with some probability seen at a slant."""
    n = len(linear)
    matrix = np.zeros((n, 3, 3))
    matrix[:, :2, :2] = linear
    matrix[:, :2, 2] = target - np.einsum("nij,nj->ni", linear, source)
    matrix[:, 2, 2] = 1
    slant = rng.normal(0, 0.08, (n, 2)) * 2 / size * _chance(rng, n, perspective)[:, None]
    lens = np.tile(np.eye(3), (n, 1, 1))
    lens[:, 2, :2] = np.clip(slant, -0.5 / size, 0.5 / size)
    to_middle = np.array([[1, 0, -size / 2], [0, 1, -size / 2], [0, 0, 1.0]])
    return np.asarray(np.linalg.inv(to_middle) @ lens @ to_middle @ matrix)


def view_windows(crops: Crops, size: int, rng: np.random.Generator, perspective: float = 0.25) -> Views:
    """Show most of each window, squashed to the square: zoomed in a little, shifted, turned, mirrored."""
    n = len(crops.picture)
    top, bottom, left, right = crops.window.T
    scale = np.exp(np.abs(rng.normal(0, 0.22, n)))
    linear = _linear(size / (right - left) * scale, size / (bottom - top) * scale, rng)
    slack = (scale - 1) * size / 2 + 0.04 * size
    target = size / 2 + rng.uniform(-1, 1, (n, 2)) * slack[:, None]
    source = np.stack([(left + right) / 2, (top + bottom) / 2], 1)
    matrix = _matrices(linear, source, target, size, perspective, rng)
    return Views(crops.picture, matrix, np.full(n, 1e6))


def single_views(bank: Bank, n: int, size: int, rng: np.random.Generator) -> Views:
    """Most of a picture of one large animal or thing, framed as people are."""
    picture = bank.singles[rng.integers(len(bank.singles), size=n)]
    nothing = np.zeros(n)
    window = np.stack([nothing, bank.height[picture, 0], nothing, bank.width[picture, 0]], 1)
    return view_windows(Crops(picture, window, window, nothing > 0, nothing > 0), size, rng)


def paste_people(bank: Bank, crops: Crops, size: int, rng: np.random.Generator) -> Views:
    """Put each person into the square, 0.5 to 1.25 of it high, in a frame of any aspect.

    A person whose picture (or window) ends below mostly ends below the square too, not in mid-air.
    """
    n = len(crops.picture)
    tall, wide, ends = _extent(bank, crops)
    squash = np.exp(rng.uniform(-_WIDEST, _WIDEST, n) / 2 * _chance(rng, n, 0.7))
    high = rng.uniform(0.5, 1.25, n) * size
    scale = np.minimum(high / tall, 1.5 * size * squash**2 / wide)
    linear = _linear(scale / squash**2, scale, rng)
    half = scale * tall / 2
    x = rng.uniform(0.2, 0.8, n) * size
    low, far = np.minimum(half, size / 2), np.maximum(size - half, size / 2)
    free = low + rng.random(n) * (far - low)
    grounded = ends & _chance(rng, n, 0.9)
    y = np.where(grounded, size - half + rng.uniform(0.02, 0.3, n) * np.minimum(size, 2 * half), free)
    return _pasted(crops, linear, np.stack([x, y], 1), size, rng)


def _whom(crops: Crops) -> Array:
    """The person in each crop, where nobody was found the whole of it: top, bottom, left, right."""
    return np.asarray(np.where(crops.person[:, None], crops.body, crops.window))


def _extent(bank: Bank, crops: Crops) -> tuple[Array, Array, Array]:
    """Height and width of each person, and whether the picture (or window) ends before the person does."""
    top, bottom, left, right = _whom(crops).T
    return bottom - top, right - left, crops.cut | (bottom >= bank.height[crops.picture, 0] - 3)


def _pasted(crops: Crops, linear: Array, target: Array, size: int, rng: np.random.Generator) -> Views:
    """The middle of each person at ``target``."""
    top, bottom, left, right = _whom(crops).T
    source = np.stack([(left + right) / 2, (top + bottom) / 2], 1)
    matrix = _matrices(linear, source, target, size, 0.25, rng)
    return Views(crops.picture, matrix, np.where(crops.cut, bottom, 1e6), cut=True)


@dataclass(frozen=True)
class Groups:
    """How people stand side by side, ``[n]`` each: their ``count``, the share of a place that each fills (``width``),
    how the frame ``squash``-es them, where the ``feet`` of those stand who have any, how much higher (``back``) the
    first half stands, 0 for a single row; all but the first two in shares of the square. ``places`` ``[n,MOST]``: who
    comes next stands there, counted from the left."""

    count: Array
    width: Array
    squash: Array
    feet: Array
    back: Array
    places: Array


FEWEST, MOST = 3, 6  # people in a group


def draw_groups(n: int, rng: np.random.Generator) -> Groups:
    """``n`` groups of three to six."""
    count = rng.integers(FEWEST, MOST + 1, n)
    order = rng.random((n, MOST)) + 10.0 * (np.arange(MOST) >= count[:, None])
    back = rng.uniform(0.08, 0.22, n) * _chance(rng, n, 0.35)
    squash = np.exp(-rng.uniform(0, _WIDEST, n))
    return Groups(count, rng.uniform(1.0, 1.8, n), squash, rng.uniform(0.7, 1.05, n), back, order.argsort(1))


def paste_in_group(bank: Bank, crops: Crops, groups: Groups, number: int, size: int, rng: np.random.Generator) -> Views:
    """Put the ``number``-th of each group, counted from 0, into its place: all as wide, hence near, as each other.

    Like :func:`paste_people` otherwise.
    """
    n = len(crops.picture)
    tall, wide, ends = _extent(bank, crops)
    room = 0.94 / groups.count
    across = size * room * groups.width * np.exp(rng.normal(0, 0.12, n)) / wide
    highest = np.where(ends, 1.25, groups.feet * rng.uniform(0.8, 1.0, n))  # heads stay in the picture
    down = np.minimum(across / groups.squash, highest * size / tall)
    linear = _linear(down * groups.squash, down, rng)
    half = down * tall / 2
    x = size * (0.03 + room * (groups.places[:, number] + rng.uniform(0.3, 0.7, n)))
    lifted = size * groups.back * (number < groups.count // 2)
    y = np.where(ends, size + rng.uniform(0.02, 0.15, n) * size, size * groups.feet) - lifted - half
    return _pasted(crops, linear, np.stack([x, y], 1), size, rng)


def background_views(bank: Bank, n: int, size: int, rng: np.random.Generator, strips: float = 0.25) -> Views:
    """People-free views: parts of background pictures, or with probability ``strips`` of training photos."""
    picture = rng.integers(bank.people, bank.people + bank.backgrounds, n)
    box = np.stack([np.zeros(n), bank.height[picture, 0], np.zeros(n), bank.width[picture, 0]], 1)
    if len(bank.strips):
        chosen = bank.strips[rng.integers(len(bank.strips), size=n)]
        use = _chance(rng, n, strips)
        picture, box = np.where(use, chosen[:, 0].astype(int), picture), np.where(use[:, None], chosen[:, 1:], box)
    room = np.stack([box[:, 1] - box[:, 0], box[:, 3] - box[:, 2]], 1)
    part = np.minimum(np.maximum(24, room.min(1, keepdims=True) * rng.uniform(0.45, 1, (n, 2))), room)
    corner = box[:, [0, 2]] + rng.random((n, 2)) * (room - part)
    linear = np.zeros((n, 2, 2))
    linear[:, 0, 0] = size / part[:, 1] * np.where(_chance(rng, n, 0.5), -1, 1)
    linear[:, 1, 1] = size / part[:, 0]
    middle = (corner + part / 2)[:, ::-1]
    matrix = _matrices(linear, middle, np.full((n, 2), size / 2), size, 0, rng)
    return Views(picture, matrix, np.full(n, 1e6))


def poster_views(bank: Bank, crops: Crops, size: int, rng: np.random.Generator) -> Views:
    """Whole windows, upright and small: a photo on the wall, whose people are background."""
    n = len(crops.picture)
    top, bottom, left, right = crops.window.T
    scale = rng.uniform(0.18, 0.45, n) * size / np.maximum(bottom - top, right - left)
    linear = _linear(scale, scale, rng)
    target = rng.uniform(0.1, 0.9, (n, 2)) * size
    source = np.stack([(left + right) / 2, (top + bottom) / 2], 1)
    return Views(crops.picture, _matrices(linear, source, target, size, 0.5, rng), np.full(n, 1e6), cut=True)
