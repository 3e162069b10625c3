"""Scores of a hard mask against a hard truth.

Masks are bool ``[H,W]``, True = person; :func:`to_mask` makes one from an alpha. Every score lies in 0..1, 1 = equal.
A class that neither mask holds is a 0/0: it scores 1, for both agree that nothing of it is there.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from pocketmatte.core import Alpha

Mask = npt.NDArray[np.bool_]

THRESHOLD = 0.5
BAND = 0.02  # width of the boundary band as a share of the picture's diagonal


class MaskScores(NamedTuple):
    """``miou`` mean of foreground and background IoU, ``iou`` of the foreground, ``biou`` boundary IoU, ``acc``."""

    miou: float
    iou: float
    biou: float
    acc: float


def to_mask(alpha: Alpha, threshold: float = THRESHOLD) -> Mask:
    """The pixels of ``alpha`` ``[H,W]`` above ``threshold``; exactly the threshold is background."""
    return np.asarray(alpha > threshold)


def check_pair(first: npt.NDArray[np.generic], second: npt.NDArray[np.generic]) -> None:
    """Raise ``ValueError`` unless both arrays are ``[H,W]``, of one shape and not empty."""
    if first.shape != second.shape or first.ndim != 2 or not first.size:
        raise ValueError(f"expected two arrays of one shape [H,W], got {first.shape} and {second.shape}")


def foreground_iou(pred: Mask, truth: Mask) -> float:
    """Intersection over union of the person; 1 when nobody is in either mask."""
    check_pair(pred, truth)
    both, either = int(np.count_nonzero(pred & truth)), int(np.count_nonzero(pred | truth))
    return both / either if either else 1.0


def mean_iou(pred: Mask, truth: Mask) -> float:
    """Mean of the foreground's and the background's IoU of one picture.

    A class absent from both masks has IoU 1. So an empty prediction of an empty truth scores 1, and one wrong pixel
    on an empty truth costs the whole foreground half (0.5): use the empty-picture figures for such pictures.
    """
    return (foreground_iou(pred, truth) + foreground_iou(~pred, ~truth)) / 2


def pixel_accuracy(pred: Mask, truth: Mask) -> float:
    """Share of pixels on which both masks agree."""
    check_pair(pred, truth)
    return int(np.count_nonzero(pred == truth)) / pred.size


def inner_band(mask: Mask, width: int) -> Mask:
    """The pixels of ``mask`` at most ``width`` pixels (chessboard distance) from its outside.

    This is the mask minus its erosion by ``width`` steps of a 3x3 square. Beyond the frame counts as outside, so a
    person cut off by the frame has a band along the frame's edge, as in the reference definition.
    """
    padded = cv2.copyMakeBorder(np.ascontiguousarray(mask, np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    # One erosion by a square of side 2w+1 equals w erosions by 3x3; OpenCV does squares separably.
    side = min(2 * width + 1, 2 * max(padded.shape) + 1)
    inner = cv2.erode(padded, np.ones((side, side), np.uint8))[1:-1, 1:-1]
    return np.asarray(mask & (inner == 0))


def band_width(height: int, width: int, share: float = BAND) -> int:
    """The boundary band in pixels: ``share`` of the diagonal, rounded, at least 1."""
    return max(1, round(share * math.hypot(height, width)))


def boundary_iou(pred: Mask, truth: Mask, share: float = BAND) -> float:
    """IoU of the two inner bands (Cheng et al. 2021, "Boundary IoU: Improving Object-Centric Image Segmentation").

    The band is ``share`` of the diagonal wide. 1 when both masks are empty.
    """
    check_pair(pred, truth)
    width = band_width(truth.shape[0], truth.shape[1], share)
    return foreground_iou(inner_band(pred, width), inner_band(truth, width))


def mask_scores(pred: Mask, truth: Mask) -> MaskScores:
    """All scores of one picture. Raises ``ValueError`` on shapes that differ."""
    return MaskScores(
        mean_iou(pred, truth), foreground_iou(pred, truth), boundary_iou(pred, truth), pixel_accuracy(pred, truth)
    )
