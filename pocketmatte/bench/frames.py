"""Frames to measure with, made of the pictures that ship: no data is needed and everybody has the same ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pocketmatte.core import Size, UInt8Image
from pocketmatte.io.images import read_image
from pocketmatte.ops.resize import resize

_ASSETS = Path(__file__).parent.parent / "assets"


def drifting_frames(size: Size, count: int = 8) -> list[UInt8Image]:
    """``count`` uint8 RGB pictures of ``size``: the sample portrait, moving by a few pixels from one to the next."""
    picture = read_image(_ASSETS / "astronaut.jpg").image
    margin = 1.1
    scale = margin * max(size.height / picture.shape[0], size.width / picture.shape[1])
    big = resize(picture, Size(round(scale * picture.shape[0]), round(scale * picture.shape[1])))
    room_y, room_x = big.shape[0] - size.height, big.shape[1] - size.width
    frames = []
    for i in range(count):
        y, x = (min(room_y, 2 * i), min(room_x, 3 * i))
        frames.append(np.ascontiguousarray(big[y : y + size.height, x : x + size.width]))
    return frames


def backdrop() -> UInt8Image:
    """The background picture that ships, uint8 RGB."""
    return read_image(_ASSETS / "background.jpg").image
