"""Photographic presets for the finished picture: ``--preset NAME[:VALUE]``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from pocketmatte.core import PocketmatteError, UInt8Image
from pocketmatte.ops.curve import monotone_curve
from pocketmatte.ops.filters import box

# The customary sepia matrix (Microsoft's, in general use since), rows r, g, b of the result.
_SEPIA = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]], np.float32)
_FILM = "0 0 64 48 128 132 192 212 255 255"  # gentle S: deeper shadows, brighter lights


@dataclass(frozen=True)
class Preset:
    """A chosen preset and its value as text; hashable. Made by :func:`parse_preset`."""

    name: str
    value: str = ""

    def __call__(self, picture: UInt8Image) -> UInt8Image:
        """uint8 RGB ``[H,W,3]`` -> a new one of the same size."""
        return PRESETS[self.name](picture, self.value)


def parse_preset(text: str) -> Preset | None:
    """Read ``NAME[:VALUE]``; ``none`` gives ``None``. Raises :class:`PocketmatteError` saying what was expected."""
    name, _, value = text.partition(":")
    if name == "none":
        return None
    if name not in PRESETS:
        raise PocketmatteError(f"unknown preset {name!r}; known: none, {', '.join(PRESETS)}")
    preset = Preset(name, value)
    try:
        preset(np.zeros((1, 1, 3), np.uint8))
    except ValueError as error:
        raise PocketmatteError(f"preset {text!r}: {error}") from error
    return preset


def sepia(picture: UInt8Image, amount: str = "") -> UInt8Image:
    """Brown tones of old prints; ``amount`` 0..1 (default 1)."""
    share = _number(amount or "1", 0, 1)
    matrix = share * _SEPIA + (1 - share) * np.eye(3, dtype=np.float32)
    return np.asarray(cv2.transform(picture, matrix.astype(np.float32)), np.uint8)


def curve(picture: UInt8Image, points: str = "") -> UInt8Image:
    """Tone curve through ``points``, ``X Y X Y ...`` in 0..255 with rising X (default: a gentle S)."""
    numbers = [_number(word, 0, 255) for word in (points or _FILM).replace(",", " ").split()]
    pairs = list(zip(numbers[::2], numbers[1::2], strict=False))
    if len(numbers) % 2 or len(pairs) < 2 or any(a[0] >= b[0] for a, b in pairwise(pairs)):
        raise ValueError("expected at least two points X Y X Y ... with rising X, for example 0 0 128 150 255 255")
    return np.asarray(cv2.LUT(picture, (np.clip(monotone_curve(pairs), 0, 255) + 0.5).astype(np.uint8)), np.uint8)


def kuwahara(picture: UInt8Image, radius: str = "") -> UInt8Image:
    """Brush strokes: each pixel the mean of the calmest of four squares at it (Kuwahara et al. 1976).

    ``radius`` in pixels at 720 lines (default 4), scaled to the picture."""
    wanted = _number(radius or "4", 1, 50)
    side = 1 + max(1, round(wanted * min(picture.shape[:2]) / 720))
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    mean, square, colours = box(grey, side), box(grey * grey, side), box(picture, side)
    variance = square - mean * mean
    # A square of `side` centred half a side away has its corner here: shift the centred means, edges repeated.
    height, width = grey.shape
    rows, columns = np.arange(height), np.arange(width)
    before, after = side // 2, (side - 1) // 2
    best: np.ndarray | None = None
    result = colours
    for down in (-before, after):
        for right in (-before, after):
            y, x = np.clip(rows + down, 0, height - 1), np.clip(columns + right, 0, width - 1)
            moved, shown = variance[y][:, x], colours[y][:, x]
            if best is None:
                best, result = moved, shown
            else:
                better = np.less(moved, best)
                best = np.where(better, moved, best)
                result = np.where(better[..., None], shown, result)
    return np.ascontiguousarray(result)


PRESETS: dict[str, Callable[[UInt8Image, str], UInt8Image]] = {"sepia": sepia, "curve": curve, "kuwahara": kuwahara}


def _number(text: str, low: float, high: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise ValueError(f"expected a number from {low:g} to {high:g}, found {text!r}")
    return value
