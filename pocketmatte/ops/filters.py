"""Blur filters of any size at a cost that does not grow with the size, and a background blur free of the person."""

from __future__ import annotations

from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from pocketmatte.core import Alpha, UInt8Image
from pocketmatte.ops.band import to_levels
from pocketmatte.ops.resize import halve, unhalve

Array = npt.NDArray[Any]

STRENGTH = 0.02
# Weight by alpha level: a pixel with a tenth of the person in it counts a fifth. Never 0, it is divided by.
_OUTSIDE = (((255 - np.arange(256)) / 255) ** 16 + 1e-5).astype(np.float32)


def box(image: Array, size: int) -> Array:
    """Mean over ``size`` x ``size`` pixels, ``[H,W]`` or ``[H,W,C]``, edges repeated; any ``size``."""
    return np.asarray(cv2.blur(image, (size, size), borderType=cv2.BORDER_REPLICATE)).reshape(image.shape)


def gaussian(image: Array, sigma: float) -> Array:
    """Gaussian of ``sigma`` pixels, ``[H,W]`` or ``[H,W,C]`` (C <= 4). Wide ones run on a reduced picture."""
    if sigma <= 0:
        return image.copy()
    times = _halvings(sigma, 4.0)
    step = 1 << times
    # Averaging step x step pixels and interpolating back are blurs themselves; their variance is taken off.
    variance = max(sigma * sigma - (step * step - 1) / 12 - (step * step - 1) / 6, 0.01) / step**2
    small = cv2.GaussianBlur(halve(image, times), (0, 0), variance**0.5, borderType=cv2.BORDER_REPLICATE)
    return unhalve(small, times, image.shape).reshape(image.shape)


def disc(image: Array, radius: float) -> Array:
    """Mean over a disc of ``radius`` pixels, as an open lens blurs, ``[H,W]`` or ``[H,W,C]`` (C <= 4).

    Wide discs run on a reduced picture.
    """
    if radius <= 0:
        return image.copy()
    times = _halvings(radius, 6.0)
    small = cv2.filter2D(halve(image, times), -1, _disc_kernel(radius / (1 << times)), borderType=cv2.BORDER_REPLICATE)
    return unhalve(small, times, image.shape).reshape(image.shape)


def blur_background(
    image: UInt8Image, alpha: Alpha, strength: float = STRENGTH, shape: Literal["disc", "gaussian"] = "disc"
) -> UInt8Image:
    """The background out of focus: image uint8 ``[H,W,3]``, alpha float32 ``[H,W]`` in 0..1 -> uint8 ``[H,W,3]``.

    ``strength``: radius of the blur as a share of the longer side. Pixels count by how little of the person is in
    them (normalised convolution, Knutsson and Westin 1993), so the person's colours do not glow into the background.
    What stands behind the person is of no use but to be covered by :func:`~pocketmatte.ops.composite.composite`.
    """
    radius = strength * max(alpha.shape)
    if radius < 0.5:
        return image.copy()
    times = _halvings(radius, 6.0)
    small, levels = halve(image, times), halve(to_levels(alpha), times)
    joined = cv2.cvtColor(small, cv2.COLOR_RGB2RGBA).astype(np.float32)
    joined[..., 3] = 1
    weighted = np.asarray(cv2.multiply(joined, cv2.merge([cv2.LUT(levels, _OUTSIDE)] * 4)))
    blurred = (disc if shape == "disc" else gaussian)(weighted, radius / (1 << times))
    colours = cv2.convertScaleAbs(blurred[..., :3] / blurred[..., 3:])
    return np.asarray(unhalve(colours, times, image.shape), np.uint8)


def _halvings(radius: float, most: float) -> int:
    """How often to halve until ``radius`` is at most ``most`` pixels."""
    return max(0, int(np.ceil(np.log2(radius / most))))


def _disc_kernel(radius: float) -> npt.NDArray[np.float32]:
    """A disc whose rim is anti-aliased, sum 1."""
    half = int(np.ceil(radius))
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    kernel = np.clip(radius + 0.5 - np.hypot(y, x), 0, 1)
    return np.asarray(kernel / kernel.sum(), np.float32)
