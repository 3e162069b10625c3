"""Errors of a soft matte against a soft truth, over the whole picture; 0 = equal.

Both are float ``[H,W]`` in 0..1. ``mad`` and ``mse`` are plain means (papers print them times 1000); ``grad`` and
``conn`` are sums over the picture divided by 1000, as papers print them, and so grow with the picture: compare them
only on the same pictures at the same size.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from pocketmatte.core import Alpha
from pocketmatte.evaluate.mask_metrics import check_pair

SIGMA = 1.4  # of the Gaussian derivative, pixels
CUT = 0.01  # the filter ends where its Gaussian falls below this
LEVELS = tuple(np.float32(step / 10) for step in range(1, 11))
SLACK = 0.15  # an alpha may exceed its connected level by this without counting as disconnected


class MatteErrors(NamedTuple):
    """``mad``, ``mse``: means. ``grad``, ``conn``: sums / 1000."""

    mad: float
    mse: float
    grad: float
    conn: float


def mad(pred: Alpha, truth: Alpha) -> float:
    """Mean absolute difference, 0..1."""
    check_pair(pred, truth)
    return float(np.mean(np.abs(pred - truth), dtype=np.float64))


def mse(pred: Alpha, truth: Alpha) -> float:
    """Mean squared difference, 0..1."""
    check_pair(pred, truth)
    return float(np.mean(np.square(pred - truth), dtype=np.float64))


def _gaussian_pair(sigma: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """A Gaussian and its derivative, each of unit Euclidean norm, so that their product has it too."""
    half = math.ceil(sigma * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * sigma * CUT)))
    x = np.arange(-half, half + 1, dtype=np.float64)
    smooth = np.exp(-(x**2) / (2 * sigma**2))
    slope = x * smooth
    return smooth / np.linalg.norm(smooth), slope / np.linalg.norm(slope)


_SMOOTH, _SLOPE = _gaussian_pair(SIGMA)


def _gradient_size(alpha: Alpha) -> Alpha:
    def derive(across: npt.NDArray[np.float64], down: npt.NDArray[np.float64]) -> Alpha:
        out = cv2.sepFilter2D(alpha, cv2.CV_32F, across, down, borderType=cv2.BORDER_REPLICATE)
        return np.asarray(out, np.float32)

    alpha = np.ascontiguousarray(alpha, np.float32)
    return np.asarray(cv2.magnitude(derive(_SLOPE, _SMOOTH), derive(_SMOOTH, _SLOPE)), np.float32)


def grad(pred: Alpha, truth: Alpha) -> float:
    """Sum of squared differences of the gradient sizes, / 1000 (Rhemann et al. 2009).

    "A perceptually motivated online benchmark for image matting". The gradient is the picture filtered with
    first-order Gaussian derivatives, sigma 1.4, of unit Euclidean norm; the frame's edge is replicated.
    """
    check_pair(pred, truth)
    return float(np.sum(np.square(_gradient_size(pred) - _gradient_size(truth)), dtype=np.float64)) / 1000


def _connected_level(pred: Alpha, truth: Alpha) -> Alpha:
    """For each pixel the highest level up to which it stays in the largest region that both mattes fill."""
    shared = np.minimum(pred, truth)
    level = np.zeros(shared.shape, np.float32)
    joined = np.ones(shared.shape, np.bool_)
    before = shared.size
    for step in LEVELS:
        region = shared >= step
        count = int(np.count_nonzero(region))
        if not count:
            break
        if count != before:  # regions are nested: the same number of pixels is the same region
            regions, labels = cv2.connectedComponents(region.view(np.uint8), connectivity=4)
            # Counting the labels here is several times faster than OpenCV's variant with statistics.
            largest = 1 + int(np.argmax(np.bincount(labels.ravel())[1:])) if regions > 2 else 1
            joined &= labels == largest
            before = count
        level[joined] = step
    return level


def conn(pred: Alpha, truth: Alpha) -> float:
    """Sum of differences in how connected each pixel is to the largest common opaque region, / 1000 (Rhemann 2009).

    Levels 0.1 .. 1, 4-neighbours; a pixel's connectedness is 1 minus the part of its alpha above its connected level,
    where a part below 0.15 is forgiven. A piece of matte that floats apart and is not in the truth costs its alpha.
    """
    check_pair(pred, truth)
    # The levels are compared in float32, where an 8-bit 153 / 255 is exactly 0.6.
    pred, truth = pred.astype(np.float32, copy=False), truth.astype(np.float32, copy=False)
    level = _connected_level(pred, truth)

    def loose(alpha: Alpha) -> Alpha:
        above = alpha - level
        return np.where(above >= np.float32(SLACK), above, np.float32(0))

    return float(np.sum(np.abs(loose(pred) - loose(truth)), dtype=np.float64)) / 1000


def matte_errors(pred: Alpha, truth: Alpha) -> MatteErrors:
    """All errors of one picture. Raises ``ValueError`` on shapes that differ."""
    return MatteErrors(mad(pred, truth), mse(pred, truth), grad(pred, truth), conn(pred, truth))
