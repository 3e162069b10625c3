"""Out-of-focus backgrounds: bokeh with glowing highlights, blur that varies with depth, mosaics."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pocketmatte.core import Alpha, Size, UInt8Image
from pocketmatte.ops.color import linear_to_srgb, srgb_to_linear
from pocketmatte.ops.filters import disc
from pocketmatte.ops.foreground import estimate_foreground_fast
from pocketmatte.ops.resize import halve, resize, unhalve

Array = npt.NDArray[Any]

_DISC = 12  # the disc is drawn on a picture halved until its radius is at most this many pixels
_GLOW = 24.0  # how much more a white pixel counts than a dark one
_LUMA = np.array([[0.2126, 0.7152, 0.0722]], np.float32)


def clean_plate(image: UInt8Image, alpha: Alpha) -> UInt8Image:
    """The picture without the person: image uint8 ``[H,W,3]``, alpha float32 ``[H,W]`` in 0..1 -> uint8 ``[H,W,3]``.

    Unmixed at soft edges, a smooth continuation behind the person; blur it freely, nothing bleeds.
    """
    return estimate_foreground_fast(image, 1 - alpha)


def bokeh(plate: UInt8Image, radius: float) -> UInt8Image:
    """A picture without people as an open lens shows it: uint8 ``[H,W,3]``, ``radius`` of the disc in pixels.

    Light is averaged, not sRGB numbers, and bright pixels count more: a camera that clips a lamp at white hides how
    bright it is; given back some of that brightness, it becomes the disc that a lens makes of it.
    """
    if radius < 0.5:
        return plate.copy()
    times = max(0, int(np.ceil(np.log2(radius / _DISC))))
    light = srgb_to_linear(halve(plate, times))
    weight = 1 + _GLOW * cv2.transform(light, _LUMA).reshape(light.shape[:2]) ** 4
    joined = cv2.merge([*(plane * weight for plane in cv2.split(light)), weight])
    blurred = disc(joined, radius / (1 << times))
    small = cv2.convertScaleAbs(linear_to_srgb(blurred[..., :3] / blurred[..., 3:]))
    return np.asarray(unhalve(small, times, plate.shape), np.uint8)


def blur_by(plate: UInt8Image, amount: npt.NDArray[np.float32], radius: float, steps: int = 4) -> UInt8Image:
    """Blur that differs from place to place: ``amount`` float32 ``[H,W]`` in 0..1 times ``radius`` pixels.

    Mixes ``steps`` blurred versions of the picture (uint8 ``[H,W,3]``), the two nearest at each pixel.
    """
    position = np.clip(np.nan_to_num(amount), 0, 1) * np.float32(steps)
    result = plate.copy()
    for step in range(1, steps + 1):
        share = np.clip(position - np.float32(step - 1), 0, 1)
        if not share.any():
            break
        blurred = disc(plate, radius * step / steps)
        levels = cv2.merge([cv2.convertScaleAbs(share, alpha=255)] * 3)
        front, back = (cv2.multiply(p, w, scale=1 / 255) for p, w in ((blurred, levels), (result, 255 - levels)))
        result = np.asarray(cv2.add(front, back), np.uint8)
    return result


def pixelate(picture: UInt8Image, cells: int) -> UInt8Image:
    """Mosaic of square cells, ``cells`` along the longer side: uint8 ``[H,W,3]`` -> the same size."""
    height, width = picture.shape[:2]
    unit = max(height, width) / max(1, cells)
    size = Size(*(max(1, min(n, round(n / unit))) for n in (height, width)))
    small = resize(picture, size)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)
