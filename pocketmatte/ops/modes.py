"""Blend modes of two opaque pictures, as the W3C Compositing and Blending recommendation defines them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from pocketmatte.core import UInt8Image

Array = npt.NDArray[Any]


def _multiply(back: Array, front: Array) -> Array:
    return np.asarray(back * front)


def _screen(back: Array, front: Array) -> Array:
    return np.asarray(back + front - back * front)


def _overlay(back: Array, front: Array) -> Array:
    return np.asarray(np.where(back <= 0.5, 2 * back * front, _screen(2 * back - 1, front)))


def _soft_light(back: Array, front: Array) -> Array:
    curve = np.where(back <= 0.25, ((16 * back - 12) * back + 4) * back, np.sqrt(back))
    darker = back - (1 - 2 * front) * back * (1 - back)
    return np.asarray(np.where(front <= 0.5, darker, back + (2 * front - 1) * (curve - back)))


MODES: dict[str, Callable[[Array, Array], Array]] = {
    "multiply": _multiply,
    "screen": _screen,
    "overlay": _overlay,
    "soft-light": _soft_light,
}


@lru_cache
def _table(mode: str) -> npt.NDArray[np.uint8]:
    """The result of every pair of levels, uint8 ``[65536]``, index = backdrop * 256 + source."""
    level = np.arange(256) / 255
    values = MODES[mode](level[:, None], level[None, :])
    table = (np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8).reshape(-1)
    table.flags.writeable = False
    return table


def mix_mode(mode: str, front: UInt8Image, back: UInt8Image) -> UInt8Image:
    """``front`` laid on ``back`` by ``mode`` (a name in :data:`MODES`), both uint8 ``[H,W,3]``, rounded once."""
    return np.take(_table(mode), (back.astype(np.uint16) << 8) | front)
