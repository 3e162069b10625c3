"""Put a person on a background; straight and premultiplied RGBA.

Straight: the colour channels hold the person's own colour, whatever alpha is. Premultiplied: they are multiplied by
alpha. Everything here takes and gives straight colours unless a name says ``premultiplied``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pocketmatte.core import Alpha, UInt8Image
from pocketmatte.ops.band import Band, output, to_levels, unsure
from pocketmatte.ops.color import linear_to_srgb, srgb_to_linear

Array = npt.NDArray[Any]

_FEW = 16  # one pixel in so many may be mixed for work on these alone to pay
_MARGIN = 2  # pixels round the visible ones that keep their colour, so that viewers may interpolate


def composite(
    foreground: UInt8Image, alpha: Alpha, background: UInt8Image, *, out: UInt8Image | None = None
) -> UInt8Image:
    """``a F + (1 - a) B``: colours uint8 ``[H,W,3]``, alpha float32 ``[H,W]`` in 0..1 -> uint8 ``[H,W,3]``.

    Alpha is rounded to 255 levels; where it is 0 or 1 the result is exactly B or F, elsewhere within 1.5 levels of the
    formula. ``out`` receives the result (it may be ``background``).
    """
    _check(foreground, alpha, background)
    levels = to_levels(alpha)
    bands = list(unsure(levels))
    if sum(band.index.size for band in bands) * _FEW <= levels.size:
        return _composite_few(foreground, levels, background, bands, output(out, foreground.shape, np.uint8))
    weight = cv2.merge([levels] * 3)
    front = cv2.multiply(foreground, weight, scale=1 / 255)
    back = cv2.multiply(background, cv2.bitwise_not(weight), scale=1 / 255)
    return np.asarray(cv2.add(front, back, dst=output(out, foreground.shape, np.uint8)), np.uint8)


def _composite_few(
    foreground: UInt8Image, levels: Array, background: UInt8Image, bands: Sequence[Band], out: UInt8Image
) -> UInt8Image:
    """:func:`composite` where almost every pixel is one or the other."""
    foreground, background = np.ascontiguousarray(foreground), np.ascontiguousarray(background)
    mixed = []
    for band in bands:
        share = band.take(levels).astype(np.float32) * np.float32(1 / 255)
        sides = zip(cv2.split(band.take(foreground)), cv2.split(band.take(background)), strict=True)
        mixed.append([back + share * (front.astype(np.float32) - back) for front, back in sides])
    if out is not background:
        np.copyto(out, background)
    cv2.copyTo(foreground, levels, out)
    for band, planes in zip(bands, mixed, strict=True):
        band.put_colours(out, planes)
    return out


def composite_linear(foreground: UInt8Image, alpha: Alpha, background: UInt8Image) -> UInt8Image:
    """Like :func:`composite`, but light is mixed, not sRGB numbers: thin hair before a bright background stays thin.

    Rounds once, at the end.
    """
    _check(foreground, alpha, background)
    levels = to_levels(alpha)
    result = np.ascontiguousarray(background).copy()
    cv2.copyTo(foreground, cv2.inRange(levels, 255, 255), result)
    for band in unsure(levels):
        a = band.take(np.ascontiguousarray(alpha))[..., None]
        front, back = (srgb_to_linear(band.take(np.ascontiguousarray(x))) for x in (foreground, background))
        band.put_colours(result, cv2.split(linear_to_srgb(back + a * (front - back))))
    return result


def to_rgba(foreground: UInt8Image, alpha: Alpha) -> UInt8Image:
    """Straight RGBA uint8 ``[H,W,4]`` of colours uint8 ``[H,W,3]`` and alpha float32 ``[H,W]`` in 0..1.

    Alpha is rounded. Colours further than two pixels from anything visible become 0: the file is smaller, and no
    background hides in it; nearer ones stay, for viewers that interpolate straight colours.
    """
    _check(foreground, alpha, foreground)
    levels = to_levels(alpha)
    side = 2 * _MARGIN + 1
    near = cv2.dilate(levels, np.ones((side, side), np.uint8))
    kept = cv2.copyTo(foreground, near)
    result = cv2.cvtColor(kept, cv2.COLOR_RGB2RGBA)
    cv2.mixChannels([levels], [result], [0, 3])
    return np.asarray(result, np.uint8)


def premultiply(straight: UInt8Image) -> UInt8Image:
    """Straight RGBA uint8 ``[H,W,4]`` -> premultiplied RGBA, rounded to nearest."""
    weight = straight[..., 3:].astype(np.uint16)
    colours = (straight[..., :3] * weight + 127) // 255
    return np.concatenate([colours.astype(np.uint8), straight[..., 3:]], axis=2)


def unpremultiply(premultiplied: UInt8Image) -> UInt8Image:
    """Premultiplied RGBA uint8 ``[H,W,4]`` -> straight RGBA, rounded and limited to 255; black where alpha is 0."""
    weight = premultiplied[..., 3:].astype(np.uint32)
    colours = (premultiplied[..., :3] * np.uint32(255) + weight // 2) // np.maximum(weight, 1)
    colours = np.where(weight > 0, np.minimum(colours, 255), 0).astype(np.uint8)
    return np.concatenate([colours, premultiplied[..., 3:]], axis=2)


def _check(foreground: UInt8Image, alpha: Alpha, background: UInt8Image) -> None:
    if not foreground.shape[:2] == alpha.shape == background.shape[:2]:
        raise ValueError(
            f"sizes differ: foreground {foreground.shape[:2]}, alpha {alpha.shape}, background {background.shape[:2]}"
        )
