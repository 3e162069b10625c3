"""Foreground colour estimation: what colour the person has where the background shines through.

Straight alpha needs the unmixed colour F of ``I = a F + (1 - a) B``; keeping I itself leaves a fringe of the old
background round hair and shoulders. Alpha is only read. Where it is 1 the result is the picture itself; where it is 0
the result is a smooth continuation of the person's colours, so that scaling a saved cut-out brings no old background
back.

Both estimators first gather pure colours of either side on a reduced picture, then let each unsure pixel correct them
by the smallest change that makes ``a F + (1 - a) B`` the pixel's own colour.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pocketmatte.core import Alpha, UInt8Image
from pocketmatte.ops.band import Band, output, to_levels, unsure
from pocketmatte.ops.resize import halve, unhalve

Array = npt.NDArray[Any]

_FAST_SIDE = 160  # colours are gathered on a picture halved as long as its longer side stays above this
_ML_PIXELS = 2_000_000  # or, for the multi-level method, until it has no more pixels than this
_ML_SIDE = 16_384  # limit of OpenCV's remap, with room
_CAUTION = 0.1  # keeps the corrected colours near the gathered ones, for alpha may be wrong
_FOURTH_POWER = ((np.arange(256) / 255) ** 4).astype(np.float32)
_FLAT, _SMALL_LEVEL, _SMALL_ROUNDS, _ROUNDS = 1e-5, 32, 10, 2  # multi-level method: the paper's values


def estimate_foreground_fast(image: UInt8Image, alpha: Alpha, *, out: UInt8Image | None = None) -> UInt8Image:
    """Foreground colours for live use: image uint8 ``[H,W,3]``, alpha float32 ``[H,W]`` in 0..1 -> uint8 ``[H,W,3]``.

    Colours are gathered nearest first by pull-push (Gortler et al. 1996, "The Lumigraph") and corrected as in blur
    fusion (Forte and Pitié 2021, "Approximate Fast Foreground Colour Estimation"). ``out`` receives the result. A
    picture without any foreground gives black.
    """
    image, alpha = _check(image, alpha)
    return _finish(image, alpha, *_gather(image, to_levels(alpha)), out)


def recompose(image: UInt8Image, alpha: Alpha, background: UInt8Image, *, out: UInt8Image | None = None) -> UInt8Image:
    """The person of a picture on a new background in one go: ``image`` and ``background`` uint8 ``[H,W,3]``, ``alpha``
    float32 ``[H,W]`` in 0..1 -> uint8 ``[H,W,3]``.

    What :func:`estimate_foreground_fast` and :func:`~pocketmatte.ops.composite.composite` give together, within 2
    levels (nothing is rounded in between) and cheaper: colours are worked out only where both sides show. ``out``
    receives the result (it may be ``background``).
    """
    image, alpha = _check(image, alpha)
    background = _check(background, alpha)[0]
    levels = to_levels(alpha)
    foreground, old, times = _gather(image, levels)
    result = output(out, image.shape, np.uint8)
    mixed = []
    for band in unsure(levels):
        new = cv2.split(band.take(background))
        share, planes = _correct(band, image, alpha, foreground - old, old, times)
        mixed.append((band, [n + share * (np.clip(f, 0, 255, out=f) - n) for f, n in zip(planes, new, strict=True)]))
    if out is not background:
        np.copyto(result, background)
    cv2.copyTo(image, levels, result)
    for band, planes in mixed:
        band.put_colours(result, planes)
    return result


def estimate_foreground_ml(image: UInt8Image, alpha: Alpha, *, out: UInt8Image | None = None) -> UInt8Image:
    """Foreground colours for stills, about 30 times slower than the fast way; same arguments and result.

    Fast multi-level foreground estimation (Germer et al. 2020), as Jacobi iterations on a pyramid of halves: colours
    of neighbours are alike unless alpha differs, and explain the pixel. Pictures above 2 megapixels are solved at
    reduced size and corrected at full size.
    """
    image, alpha = _check(image, alpha)
    times = 0
    while alpha.size >> 2 * times > _ML_PIXELS or max(alpha.shape) >> times > _ML_SIDE:
        times += 1
    foreground, background = _multi_level(halve(image, times).astype(np.float32), halve(alpha, times))
    return _finish(image, alpha, foreground, background, times, out)


def estimate_foreground(image: UInt8Image, alpha: Alpha, radius: int = 90) -> UInt8Image:
    """Plain blur fusion in two passes at full size (Forte and Pitié 2021), the published method to compare with.

    ``image`` uint8 ``[H,W,3]``, ``alpha`` float32 ``[H,W]`` in 0..1, ``radius``: side of the first box in pixels.
    Returns uint8 ``[H,W,3]``.
    """
    a, picture = alpha[..., None], image.astype(np.float32)
    foreground = background = picture
    for side in (radius, 7):
        share = cv2.blur(alpha, (side, side))[..., None]
        near = cv2.blur(foreground * a, (side, side)) / (share + 1e-5)
        background = cv2.blur(background * (1 - a), (side, side)) / (1 - share + 1e-5)
        foreground = np.clip(near + a * (picture - a * near - (1 - a) * background), 0, 255)
    return (foreground + 0.5).astype(np.uint8)


def _gather(image: UInt8Image, levels: npt.NDArray[np.uint8]) -> tuple[Array, Array, int]:
    """Colours of either side of a picture on a reduced one, both float32 ``[h,w,4]``, and how often it was halved."""
    times = max(0, (max(levels.shape) // _FAST_SIDE).bit_length() - 1)
    small, levels = halve(image, times), halve(levels, times)
    return _pull_push(small, levels), _pull_push(small, 255 - levels), times


def _pull_push(image: UInt8Image, levels: npt.NDArray[np.uint8]) -> Array:
    """Colour of the nearest pixels of high alpha (uint8 ``levels``), everywhere: float32 ``[H,W,4]``, 4th channel idle.

    The weight is the fourth power of alpha: mixed colours count only where there is nothing better.
    """
    joined = cv2.cvtColor(image, cv2.COLOR_RGB2RGBA).astype(np.float32)
    joined[..., 3] = 1
    level: Array = np.asarray(cv2.multiply(joined, cv2.merge([cv2.LUT(levels, _FOURTH_POWER)] * 4)))
    pyramid = [level]
    while max(level.shape[:2]) > 1:
        level = halve(level, 1)
        pyramid.append(level)
    colour: Array = level / (level[..., 3:] + np.float32(1e-12))
    for level in reversed(pyramid[:-1]):
        rest = cv2.merge([1 - cv2.extractChannel(level, 3)] * 4)
        colour = np.asarray(cv2.add(level, cv2.multiply(rest, unhalve(colour, 1, level.shape))))
    return colour


def _multi_level(image: Array, alpha: Alpha) -> tuple[Array, Array]:
    """Foreground and background float32 ``[H,W,4]`` (4th channel idle) of an image float32 ``[H,W,3]``."""
    pyramid = [(image, alpha)]
    while max(pyramid[-1][1].shape) > 1:
        pyramid.append((halve(pyramid[-1][0], 1), halve(pyramid[-1][1], 1)))
    sides = np.stack([pyramid[-1][0].transpose(2, 0, 1)] * 2)  # [foreground | background, channel, y, x]
    for picture, a in reversed(pyramid[:-1]):
        sides = np.stack([[unhalve(plane, 1, a.shape) for plane in side] for side in sides])
        rounds = _SMALL_ROUNDS if max(a.shape) <= _SMALL_LEVEL else _ROUNDS
        sides = _relax(np.ascontiguousarray(picture.transpose(2, 0, 1)), a, sides, rounds)
    foreground, background = (cv2.merge([*side, side[0]]) for side in sides)
    return foreground, background


def _relax(picture: Array, alpha: Alpha, sides: Array, rounds: int) -> Array:
    """Jacobi iterations on one level; each solves the paper's 2x2 system in every pixel.

    With f and b the mean colours of the four neighbours, weighted by ``_FLAT`` + difference of alpha, and s the sum of
    these weights, the solution is F = f + a r / (n + s), B = b + (1 - a) r / (n + s), where r = I - a f - (1 - a) b
    and n = a² + (1 - a)².
    """
    across, down = (np.abs(np.diff(alpha, axis=axis)) + np.float32(_FLAT) for axis in (1, 0))

    def neighbours(values: Array) -> Array:
        total = np.zeros_like(values)
        total[..., 1:] += across * values[..., :-1]
        total[..., :-1] += across * values[..., 1:]
        total[..., 1:, :] += down * values[..., :-1, :]
        total[..., :-1, :] += down * values[..., 1:, :]
        return total

    weight = neighbours(np.ones_like(alpha))
    shares = np.stack([alpha, 1 - alpha])[:, None]
    gains = shares / ((shares * shares).sum(axis=0) + weight)
    for _ in range(rounds):
        near = neighbours(sides) / weight
        sides = np.clip(near + gains * (picture - (shares * near).sum(axis=0)), 0, 255)
    return sides


def _finish(
    image: UInt8Image, alpha: Alpha, foreground: Array, background: Array, times: int, out: UInt8Image | None
) -> UInt8Image:
    """Gathered colours, ``times`` halved -> the full-size result: gathered, corrected or the picture's, by alpha."""
    result = output(out, image.shape, np.uint8)
    levels = to_levels(alpha)
    hidden = cv2.cvtColor(cv2.convertScaleAbs(foreground), cv2.COLOR_RGBA2RGB)
    unhalve(hidden, times, image.shape, out=result)
    cv2.copyTo(image, levels, result)  # mixed pixels are written below
    for band in unsure(levels):
        band.put_colours(result, _correct(band, image, alpha, foreground - background, background, times)[1])
    return result


def _correct(
    band: Band, image: UInt8Image, alpha: Alpha, difference: Array, background: Array, times: int
) -> tuple[Array, list[Array]]:
    """Alpha and the person's colours in a band: those gathered, changed as little as explains the pixel.

    ``difference`` of the gathered colours and ``background`` are ``times`` halved. Colours may leave 0..255.
    """
    spread, behind = band.sample([difference, background], (0.5**times, 0.5**times))
    a = band.take(alpha)
    gain = a / (a * a + (1 - a) * (1 - a) + np.float32(_CAUTION))
    pixel = cv2.split(band.take(image))
    return a, [b + d + gain * (p - b - a * d) for p, b, d in zip(pixel, behind, spread, strict=False)]


def _check(image: UInt8Image, alpha: Alpha) -> tuple[UInt8Image, Alpha]:
    if image.shape != (*alpha.shape, 3):
        raise ValueError(f"picture is {image.shape}, alpha {alpha.shape}: expected [H,W,3] and [H,W]")
    return np.ascontiguousarray(image), np.ascontiguousarray(alpha, np.float32)
