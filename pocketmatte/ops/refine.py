"""Bring a network's small alpha to the picture's size so that its edge follows the picture's edge.

Fast guided filter (He and Sun 2015, "Fast Guided Filter"; colour guide as in He, Sun and Tang 2013): in each small
window the alpha is fitted as a linear function of the colour, ``alpha = A . colour + b``. The fit is made at the
network's size, its coefficients are enlarged and applied to the full-size colours. Cost is linear in pixels.

Four things are added, each against a known fault of the plain filter:

* the share of a window's alpha that its colours do not explain stays with the interpolated alpha, so texture on both
  sides of an edge does not become noise in the matte;
* the result may leave the interpolated alpha the less the surer that is, so sure regions stay sure and show neither
  texture nor a grey veil;
* the guide is blurred before the fit as much as the network's alpha is, so the fit does not learn the blur;
* contrast round one half is raised to make up for the shrinkage that the regularisation causes.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pocketmatte.core import Alpha, Size, UInt8Image
from pocketmatte.ops.band import output, to_levels, unsure
from pocketmatte.ops.resize import halve, resize

Array = npt.NDArray[Any]

RADIUS = 2  # window of the fit, in cells of the small alpha
EPS = 2e-4  # regularisation: variance of colour (0..1) below which the picture's edges are not trusted
SHARPEN = 1.3
_GUIDE_BLUR = 0.8  # blur of a network's alpha beyond its grid, in cells
_GUIDE_SIDE = 5  # cells that blur reaches over
_FREEDOM = 2.0  # an interpolated alpha of x may become anything from _FREEDOM * x - (_FREEDOM - 1) to _FREEDOM * x
_SURE = 0.5 / 255  # windows whose alpha varies less need no fit
_MAX_SIDE = 4096  # of the small alpha; more detail than that is no use to a fit and OpenCV's remap has limits


def refine_guided(
    alpha: Alpha,
    image: UInt8Image,
    *,
    guide: UInt8Image | None = None,
    radius: int = RADIUS,
    eps: float = EPS,
    sharpen: float = SHARPEN,
    out: Alpha | None = None,
) -> Alpha:
    """Small alpha float32 ``[h,w]`` in 0..1 and its picture uint8 ``[H,W,3]`` -> alpha float32 ``[H,W]`` in 0..1.

    The alpha must cover the whole picture (crop letterbox borders first); its aspect may differ. ``guide`` is the
    picture at the alpha's size, ``[h,w,3]``, if the caller has it already (saves a resize). ``radius`` of the fit is
    in cells of the small alpha, ``eps`` in squared colour (0..1), ``sharpen`` >= 1 is the contrast gain at one half.
    ``out`` receives the result. Works for every size and content: all 0 and all 1 come back exactly, NaN counts as 0.
    """
    image = np.ascontiguousarray(image)
    height, width = image.shape[:2]
    wanted = Size(min(alpha.shape[0], height, _MAX_SIDE), min(alpha.shape[1], width, _MAX_SIDE))
    small = resize(np.nan_to_num(np.asarray(alpha, np.float32), posinf=1.0), wanted)
    small = np.clip(small, 0.0, 1.0)
    base = edge_sharpen(small, sharpen)
    result = output(out, (height, width), np.float32)
    cv2.resize(base, (width, height), dst=result, interpolation=cv2.INTER_LINEAR)

    if next(unsure(to_levels(base)), None) is None:
        return result
    if guide is None or guide.shape[:2] != wanted:
        guide = _shrink(image, wanted)
    fitted = _fit_where_unsure(guide, small, base, radius, eps)
    _apply(fitted, image, sharpen, result)
    return result


def edge_sharpen(alpha: Alpha, gain: float = SHARPEN) -> Alpha:
    """Raise the contrast of an alpha float32 (any shape, 0..1) round one half; 0, 0.5 and 1 stay."""
    steeper = (alpha - np.float32(0.5)) * np.float32(gain) + np.float32(0.5)
    return np.clip(steeper, 0.0, 1.0, out=steeper)


def _shrink(image: UInt8Image, size: Size) -> UInt8Image:
    """Area average, but by halves first: a guide may be a little softer than the exact mean, and this is faster."""
    ratio = min(image.shape[0] / size.height, image.shape[1] / size.width)
    return resize(halve(image, max(0, int(math.log2(ratio)))), size)


def _fit_where_unsure(guide: UInt8Image, alpha: Alpha, base: Alpha, radius: int, eps: float) -> Array:
    """:func:`_fit` near the pixels that :func:`_apply` will ask about; 0 elsewhere. ``base`` is what it interpolates.

    A pixel lies between four cells; it is sure when these are alike.
    """
    near = np.ones((3, 3), np.uint8)
    levels = to_levels(base)
    asked = (cv2.dilate(levels, near) > 0) & (cv2.erode(levels, near) < 255)
    wanted = cv2.dilate(asked.astype(np.uint8), np.ones((2 * radius + 1, 2 * radius + 1), np.uint8))
    x, y, across, down = cv2.boundingRect(wanted)
    margin = radius + _GUIDE_SIDE // 2  # what the windows and the blur of the guide reach
    box = (
        slice(max(0, y - margin), min(alpha.shape[0], y + down + margin)),
        slice(max(0, x - margin), min(alpha.shape[1], x + across + margin)),
    )
    fitted = np.zeros((*alpha.shape, 4), np.float32)
    fitted[box] = _fit(np.ascontiguousarray(guide[box]), np.ascontiguousarray(alpha[box]), wanted[box], radius, eps)
    return fitted


def _fit(guide: UInt8Image, alpha: Alpha, wanted: Array, radius: int, eps: float) -> Array:
    """Ridge regression of alpha on colour in every window: float32 ``[h,w,4]`` = slopes for r, g, b (0..255), offset.

    Where the alpha of a window is constant, the slopes are 0 and the offset is that alpha. Windows round cells where
    uint8 ``wanted`` is 0 are left out.
    """
    window = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    index = np.flatnonzero((cv2.dilate(alpha, window) - cv2.erode(alpha, window) > _SURE) & (wanted > 0))
    # r, g, b, alpha in one array: OpenCV is fastest on four channels
    joined = cv2.cvtColor(cv2.GaussianBlur(guide, (_GUIDE_SIDE, _GUIDE_SIDE), _GUIDE_BLUR), cv2.COLOR_RGB2RGBA).astype(
        np.float32
    )
    joined *= 1 / 255
    joined[..., 3] = alpha
    turned, repeated = np.empty_like(joined), np.empty_like(joined)
    cv2.mixChannels([joined], [turned], [1, 0, 2, 1, 0, 2, 3, 3])  # g, b, r, alpha
    cv2.mixChannels([joined], [repeated], [3, 0, 3, 1, 3, 2, 3, 3])  # alpha, alpha, alpha, alpha
    mean, square, cross, with_alpha = (
        np.ascontiguousarray(np.take(_window_mean(x, radius).reshape(-1, 4), index, axis=0).T)
        for x in (joined, cv2.multiply(joined, joined), cv2.multiply(joined, turned), cv2.multiply(joined, repeated))
    )
    variance = square - mean * mean
    covariance = cross[:3] - mean[:3] * mean[[1, 2, 0]]  # rg, gb, br
    common = with_alpha[:3] - mean[:3] * mean[3]
    slope = _solve(variance[:3] + np.float32(eps), covariance, common)
    # How much of the alpha the colours explain; the rest stays with the interpolated alpha.
    trust = np.clip((slope * common).sum(axis=0) / (variance[3] + np.float32(1e-4)), 0, 1)

    packed = np.empty((index.size, 4), np.float32)
    packed[:, :3] = (slope * (trust * np.float32(1 / 255))).T
    packed[:, 3] = (mean[3] - (slope * mean[:3]).sum(axis=0)) * trust
    fitted, trusted = np.zeros((*alpha.shape, 4), np.float32), np.zeros(alpha.shape, np.float32)
    fitted.reshape(-1, 4)[index] = packed
    trusted.reshape(-1)[index] = trust
    smooth = _window_mean(fitted, radius)
    smooth[..., 3] += (1 - _window_mean(trusted, radius)) * alpha
    return smooth


def _window_mean(values: Array, radius: int) -> Array:
    """Mean of float32 ``[h,w]`` or ``[h,w,4]`` over each window. OpenCV's box filter sums in double and is slower."""
    side = 2 * radius + 1
    weights = np.full(side, 1 / side, np.float32)
    return np.asarray(cv2.sepFilter2D(values, -1, weights, weights), np.float32)


def _solve(variance: Array, covariance: Array, right: Array) -> Array:
    """Symmetric 3x3 systems by elimination, float32 ``[3,n]``; ``covariance`` holds entries 01, 12, 20."""
    (v0, v1, v2), (c01, c12, c20), (r0, r1, r2) = variance, covariance, right
    f1, f2 = c01 / v0, c20 / v0
    d1, e12, d2 = v1 - f1 * c01, c12 - f1 * c20, v2 - f2 * c20
    s1 = r1 - f1 * r0
    g = e12 / d1
    x2 = (r2 - f2 * r0 - g * s1) / (d2 - g * e12)
    x1 = (s1 - e12 * x2) / d1
    return np.stack([(r0 - c01 * x1 - c20 * x2) / v0, x1, x2])


def _apply(fitted: Array, image: UInt8Image, sharpen: float, out: Alpha) -> None:
    """Overwrite ``out``, the interpolated alpha, where it is unsure."""
    scale = (fitted.shape[0] / out.shape[0], fitted.shape[1] / out.shape[1])
    for band in unsure(to_levels(out)):
        ((a0, a1, a2, offset),) = band.sample([fitted], scale)
        c0, c1, c2 = cv2.split(band.take(image))
        value = edge_sharpen(a0 * c0 + a1 * c1 + a2 * c2 + offset, sharpen)
        ceiling = band.take(out) * np.float32(_FREEDOM)
        band.put_alpha(out, np.minimum(np.maximum(value, ceiling - np.float32(_FREEDOM - 1)), ceiling))
