"""The fixed recipe of the first portrait segmentation projects, kept as the yardstick: grey levels, one threshold.

Mean of 100 frames, 5x5 blur, absolute difference above 25, closing with a 53x53 ellipse, largest outline filled, mask
blurred 25x25. Nothing adapts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np

from pocketmatte.background.plate import learn_plate
from pocketmatte.core import Alpha, UInt8Image

_BLUR, _THRESHOLD, _CLOSE, _SOFT = (5, 5), 25, (53, 53), (25, 25)


class OriginalSubtractor:
    """Learns from its first frames, then ``step`` as the others."""

    def __init__(self, frames: Iterable[UInt8Image], count: int = 100) -> None:
        plate = learn_plate((np.repeat(_grey(f)[..., None], 3, axis=2) for f in frames), count, "mean")
        self._mean = cv2.GaussianBlur(plate.color[..., 0].astype(np.uint8), _BLUR, 0)

    def step(self, image: UInt8Image) -> Alpha:
        """Picture uint8 RGB ``[H,W,3]`` -> alpha float32 ``[H,W]``: the largest thing that differs."""
        difference = cv2.absdiff(cv2.GaussianBlur(_grey(image), _BLUR, 0), self._mean)
        mask: Any = cv2.threshold(difference, _THRESHOLD, 255, cv2.THRESH_BINARY)[1]
        mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, _CLOSE))
        outlines = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[-2]
        result = np.zeros(image.shape[:2], np.uint8)
        if outlines:
            cv2.drawContours(result, [max(outlines, key=cv2.contourArea)], -1, 255, cv2.FILLED)
        return cv2.GaussianBlur(result, _SOFT, 0).astype(np.float32) * np.float32(1 / 255)


def _grey(image: UInt8Image) -> Any:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
