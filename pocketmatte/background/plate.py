"""The empty scene: its colours and how much the camera's noise moves them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

from pocketmatte.core import PocketmatteError, Size, UInt8Image

Array = npt.NDArray[Any]
Statistic = Literal["median", "mean"]

NOISE = 3.0  # grey levels; what one picture alone is believed to have
LEAST_NOISE = 1.0
_KEPT = 32  # frames a median is made of: more make it no better and cost memory
_MAD = 1.4826  # standard deviation of a normal distribution per median absolute deviation


@dataclass
class Plate:
    """``color`` float32 ``[H,W,3]`` in 0..255 RGB; ``noise`` float32 ``[H,W]``, its standard deviation per channel."""

    color: Array
    noise: Array

    @property
    def size(self) -> Size:
        """Height and width."""
        return Size(*self.color.shape[:2])

    def resized(self, size: Size) -> Plate:
        """The scene at another size. Noise is taken along as it is, though shrinking averages some of it away."""
        if size == self.size:
            return Plate(self.color.copy(), self.noise.copy())
        target = (size.width, size.height)
        color = cv2.resize(self.color, target, interpolation=cv2.INTER_AREA)
        noise = cv2.resize(self.noise, target, interpolation=cv2.INTER_AREA)
        return Plate(np.asarray(color, np.float32), np.asarray(noise, np.float32))


def plate_from_picture(picture: UInt8Image) -> Plate:
    """A photo of the empty scene, uint8 RGB ``[H,W,3]``, with a noise that fits most cameras."""
    return Plate(picture.astype(np.float32), np.full(picture.shape[:2], NOISE, np.float32))


def learn_plate(frames: Iterable[UInt8Image], count: int = 100, statistic: Statistic = "median") -> Plate:
    """The scene behind the first ``count`` frames uint8 RGB ``[H,W,3]``.

    ``median``: of up to 32 frames spread over them; whoever walks through leaves no trace as long as every spot is
    free in most of them. ``mean``: of all of them, for a scene that is really empty. Raises :class:`PocketmatteError`
    for no frames, frames of several sizes, or an unknown ``statistic``.
    """
    if statistic not in get_args(Statistic):
        raise PocketmatteError(f"unknown statistic {statistic!r}; known: {', '.join(get_args(Statistic))}")
    if count < 1:
        raise PocketmatteError(f"expected at least 1 frame to learn from, found {count}")
    plate = _median(frames, count) if statistic == "median" else _mean(frames, count)
    noise = cv2.blur(plate.noise, (5, 5), borderType=cv2.BORDER_REPLICATE)
    return Plate(plate.color, np.maximum(noise, LEAST_NOISE))


def _median(frames: Iterable[UInt8Image], count: int) -> Plate:
    step = max(1, count // _KEPT)
    kept: list[UInt8Image] = []
    for number, image in zip(range(count), frames, strict=False):
        _same_size(kept[0] if kept else image, image)
        if number % step == 0:
            kept.append(image.copy())
    if not kept:
        raise PocketmatteError("no frames to learn the empty scene from")
    if len(kept) == 1:
        return plate_from_picture(kept[0])
    stack = np.stack(kept)
    color = np.empty(stack.shape[1:], np.float32)
    noise = np.empty(stack.shape[1:3], np.float32)
    for row in range(0, stack.shape[1], 16):  # in strips: a median needs several copies of what it sorts
        strip = stack[:, row : row + 16].astype(np.float32)
        color[row : row + 16] = np.median(strip, axis=0)
        noise[row : row + 16] = _MAD * np.median(np.abs(strip - color[row : row + 16]), axis=0).mean(axis=2)
    return Plate(color, noise)


def _mean(frames: Iterable[UInt8Image], count: int) -> Plate:
    total: Array | None = None
    squares: Array | None = None
    seen = 0
    for _, image in zip(range(count), frames, strict=False):
        values = image.astype(np.float32)
        if total is None or squares is None:
            total, squares = np.zeros(values.shape, np.float64), np.zeros(values.shape, np.float64)
        _same_size(total, values)
        total += values
        squares += values**2
        seen += 1
    if total is None or squares is None:
        raise PocketmatteError("no frames to learn the empty scene from")
    color = total / seen
    variance = np.maximum(squares / seen - color**2, 0)
    noise = np.sqrt(variance).mean(axis=2) if seen > 1 else np.full(color.shape[:2], NOISE)
    return Plate(color.astype(np.float32), noise.astype(np.float32))


def _same_size(first: Array, other: Array) -> None:
    if first.shape != other.shape:
        found = f"{first.shape[1]}x{first.shape[0]} and {other.shape[1]}x{other.shape[0]}"
        raise PocketmatteError(f"frames of several sizes ({found}): the camera must stand still and stay as it is")
