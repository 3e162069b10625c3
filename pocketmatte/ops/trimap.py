"""Trimap: sure background, unsure, sure foreground."""

from __future__ import annotations

import cv2
import numpy as np

from pocketmatte.core import Alpha, UInt8Image

BACKGROUND, UNSURE, FOREGROUND = 0, 128, 255


def make_trimap(alpha: Alpha, radius: int, low: float = 0.05, high: float = 0.95) -> UInt8Image:
    """Alpha float32 ``[H,W]`` in 0..1 -> trimap uint8 ``[H,W]`` of 0, 128 and 255.

    Unsure is all between ``low`` and ``high`` and all within ``radius`` pixels of it or of the other side. The
    picture's rim is no edge; an empty or full alpha has no unsure pixel. The cost does not depend on the radius.
    """
    trimap = np.full(alpha.shape, UNSURE, np.uint8)
    for sure, value in ((alpha >= high, FOREGROUND), (alpha <= low, BACKGROUND)):
        if sure.all():
            trimap[:] = value
            break
        depth = cv2.distanceTransform(sure.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
        trimap[depth > radius] = value
    return trimap
