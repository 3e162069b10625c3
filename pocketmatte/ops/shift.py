"""Sub-pixel shift between two pictures: finds resizers and exports that move the mask by half a pixel."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt


def estimate_shift(first: npt.NDArray[Any], second: npt.NDArray[Any], rounds: int = 5) -> tuple[float, float]:
    """How far ``second`` lies below and to the right of ``first``: ``(dy, dx)`` in pixels, for shifts under about 2.

    Both ``[H,W]`` or ``[H,W,C]`` of one size. Global translation by least squares on smoothed gradients (Lucas and
    Kanade 1981), re-warped ``rounds`` times. A picture without gradients in a direction gives 0 there.
    """
    if first.shape != second.shape:
        raise ValueError(f"pictures differ in size: {first.shape} and {second.shape}")
    a, b = (cv2.GaussianBlur(_grey(x), (0, 0), 1.5) for x in (first, second))
    height, width = a.shape
    inner = tuple(slice(3, -3) if n > 8 else slice(None) for n in a.shape)
    total = np.zeros(2)
    for _ in range(rounds):
        matrix = np.array([[1, 0, total[1]], [0, 1, total[0]]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        moved = cv2.warpAffine(b, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        slopes = np.stack([cv2.Sobel(a + moved, cv2.CV_64F, x, 1 - x, ksize=1)[inner].ravel() / 4 for x in (0, 1)])
        change = (a - moved)[inner].ravel()
        total += np.linalg.pinv(slopes @ slopes.T, rcond=1e-6, hermitian=True) @ (slopes @ change)
    return float(total[0]), float(total[1])


def _grey(picture: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    values = picture.astype(np.float32)
    return np.asarray(values.mean(axis=2) if values.ndim == 3 else values, np.float32)
