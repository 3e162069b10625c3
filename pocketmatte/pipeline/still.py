"""Frames in which nothing happens, for which the last mask still holds and the network need not be asked.

The picture is compared with the one the mask was *made from*, not with the one before: slow movement adds up and is
noticed. Coarse cells average the camera's noise away; one cell that changed is enough, so a hand that moves alone is
seen. A mask is never kept for longer than ``most`` frames.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pocketmatte.core import UInt8Image

CELL = 8  # cells of the network's grid along each side of a coarse cell
LIMIT = 3.0  # grey levels of a coarse cell's mean, in any colour
MOST = 30


class StillWatch:
    """Tells frames that look like the one last kept. Not for several threads at once."""

    def __init__(self, limit: float = LIMIT, most: int = MOST) -> None:
        self._limit, self._most = limit, most
        self.reset()

    def reset(self) -> None:
        """The next frame is new."""
        self._kept: npt.NDArray[Any] | None = None
        self._count = 0

    def is_still(self, guide: UInt8Image) -> bool:
        """Whether ``guide`` uint8 ``[h,w,3]`` shows what the last new one showed; else it becomes the last new one."""
        height, width = (max(1, round(side / CELL)) for side in guide.shape[:2])
        coarse = cv2.resize(guide, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
        self._count += 1
        if self._kept is not None and self._kept.shape == coarse.shape and self._count < self._most:
            change = float(np.abs(coarse - self._kept).max())
        else:
            change = np.inf
        if change < self._limit:
            return True
        self._kept, self._count = coarse, 0
        return False
