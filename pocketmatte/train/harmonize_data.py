"""Lessons for the harmoniser: the person in a photo is recoloured, the photo itself is the answer.

Everything is drawn from ``(seed, index)`` alone, so a sample never depends on what was drawn before it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pocketmatte.data.recipes import PeopleSet, is_validation, list_pairs, people_sets
from pocketmatte.data.store import read_gray, read_rgb
from pocketmatte.ops.color import linear_to_srgb, srgb_to_linear

Array = npt.NDArray[Any]
STRENGTHS = {"mild": 0.5, "middle": 1.0, "strong": 1.5}
SIDE = 160  # photos are kept at this size, squashed
_LEVELS = np.arange(256, dtype=np.uint8)
_LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class Recolour:
    """``table`` float32 ``[256,3]`` maps each channel 0..255, then ``matrix`` float32 ``[3,3]`` mixes the channels."""

    table: Array
    matrix: Array

    def __call__(self, image: Array) -> Array:
        """uint8 RGB ``[H,W,3]`` -> uint8 of the same shape, clipped and rounded."""
        mixed = cv2.transform(cv2.LUT(image, self.table[None]), self.matrix)
        return np.asarray(cv2.convertScaleAbs(np.maximum(mixed, 0)))


def draw_recolour(rng: np.random.Generator, strength: float) -> Recolour:
    """Another light and another camera; every amount is uniform in ``strength`` times the range stated here.

    Exposure +-1.1 stops and white balance (red against blue +-0.42 stops, green +-0.15 stops) in linear light; then
    gamma 2^+-0.45, contrast 2^+-0.4 about middle grey, an S-curve of +-0.3, a bump of +-0.035 at five knots of each
    channel; then saturation 2^+-0.6 and a turn of hue of +-7 degrees.
    """

    def amount(limit: float, size: int | None = None) -> Any:
        return rng.uniform(-limit, limit, size) * strength

    stops, warm, tint = amount(1.1), amount(0.42), amount(0.15)
    gains = 2.0 ** (stops + np.array([warm, tint, -warm]))
    x = linear_to_srgb(srgb_to_linear(_LEVELS)[:, None] * gains) / 255
    x = np.maximum(x, 0) ** (2.0 ** amount(0.45))
    x = 0.46 + (x - 0.46) * 2.0 ** amount(0.4)
    x = x - amount(0.3) * np.sin(2 * np.pi * np.clip(x, 0, 1)) / (2 * np.pi)
    knots = amount(0.035, 15).reshape(3, 5)
    x += np.stack([np.interp(x[:, c], np.linspace(0, 1, 5), knots[c]) for c in range(3)], 1)
    grey = np.tile(_LUMA, (3, 1))
    turn = np.deg2rad(amount(7.0))
    axis = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)  # turning about the grey axis (Rodrigues)
    rotation = np.eye(3) + np.sin(turn) * axis + (1 - np.cos(turn)) * axis @ axis
    matrix = (grey + 2.0 ** amount(0.6) * (np.eye(3) - grey)) @ rotation
    return Recolour(np.clip(255 * x, 0, 255).astype(np.float32), matrix.astype(np.float32))


def mix(image: Array, other: Array, alpha: Array) -> Array:
    """``other`` where alpha (uint8 ``[H,W]``) is 255, ``image`` where it is 0, a rounded mixture between."""
    a = cv2.merge([alpha] * 3)
    return np.asarray(
        cv2.add(cv2.multiply(other, a, scale=1 / 255), cv2.multiply(image, cv2.bitwise_not(a), scale=1 / 255))
    )


@dataclass(frozen=True)
class Photos:
    """RGBA uint8 ``[SIDE,SIDE,4]`` each, alpha in the last channel."""

    pictures: list[Array]

    @classmethod
    def load(cls, root: Path, only: int | None = None) -> Photos:
        """All training photos whose labels are clean enough to cut people out; ``only`` that many of each set."""

        def views(photo: tuple[PeopleSet, str, Path, Path]) -> list[Array]:
            recipe, _, image_path, alpha_path = photo
            image, alpha = read_rgb(image_path), read_gray(alpha_path)
            rows = np.flatnonzero((alpha > 127).any(1))
            if not (recipe.full_body and rows.size):
                return [_squash(image, alpha)]
            low, high = rows[0], rows[-1]  # and once more from head to waist
            window = slice(max(0, low - (high - low) // 12), low + (high - low) * 55 // 100)
            return [_squash(image, alpha), _squash(image[window], alpha[window])]

        with ThreadPoolExecutor(4) as pool:
            found = pool.map(views, photo_list(root, validation=False, only=only))
            return cls([view for photo in found for view in photo])

    def draw(self, seed: int, index: int, size: int) -> tuple[Array, Array]:
        """One lesson: composite and matte uint8 ``[size,size,4]``, the right answer uint8 ``[size,size,3]``."""
        rng = np.random.default_rng([seed, index])
        for _ in range(20):
            picture = self._view(rng, size)
            if 0.04 < picture[..., 3].mean() / 255 < 0.95:
                break
        truth, alpha = np.ascontiguousarray(picture[..., :3]), np.ascontiguousarray(picture[..., 3])
        if rng.random() < 0.3:  # scenes in other light, so that the network must look at them
            truth = draw_recolour(rng, rng.uniform(0.2, 0.7))(truth)
        strength = 0.0 if rng.random() < 0.06 else rng.uniform(0.2, 1.7)
        if rng.random() < 0.4:  # the seam must not tell: labels leave a rim of the person outside
            alpha = grow(alpha)
        person = draw_recolour(rng, strength)(truth)
        return np.dstack([mix(truth, person, alpha), alpha]), truth

    def _view(self, rng: np.random.Generator, size: int) -> Array:
        picture = self.pictures[rng.integers(len(self.pictures))]
        height, width = rng.integers(int(0.62 * SIDE), SIDE + 1, 2)
        top, left = rng.integers(SIDE - height + 1), rng.integers(SIDE - width + 1)
        part = cv2.resize(picture[top : top + height, left : left + width], (size, size))
        return np.asarray(part[:, ::-1] if rng.random() < 0.5 else part)


def photo_list(root: Path, *, validation: bool, only: int | None = None) -> list[tuple[PeopleSet, str, Path, Path]]:
    """Set, stem, picture and alpha of every usable photo of one split, in a fixed order."""
    found = []
    for recipe in people_sets(root):
        if recipe.cut_out:
            pairs = list_pairs(root / "train" / recipe.name)
            kept = [pair for pair in pairs if is_validation(recipe.name, pair[0]) == validation]
            found += [(recipe, *pair) for pair in kept[:only]]
    return found


def grow(alpha: Array) -> Array:
    """The matte uint8 ``[H,W]`` widened by about one per cent of the picture, with a soft edge."""
    radius = max(1, round(max(alpha.shape) / 100))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return np.asarray(np.maximum(alpha, cv2.GaussianBlur(cv2.dilate(alpha, kernel), (0, 0), radius / 2)))


def _squash(image: Array, alpha: Array) -> Array:
    return np.asarray(cv2.resize(np.dstack([image, alpha]), (SIDE, SIDE), interpolation=cv2.INTER_AREA))
