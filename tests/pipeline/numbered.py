"""A synthetic camera that paints the number of every frame into its picture, and a session that reads it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from fractions import Fraction

import numpy as np

from pocketmatte.core import Frame, Size
from pocketmatte.runtime.base import Placement, Tensor, TensorInfo

SIZE = Size(16, 64)
BITS = 12
RATE = Fraction(100)


def painted(number: int) -> np.ndarray:
    """The number as vertical bars, least bit to the left: white is 1."""
    image = np.zeros((*SIZE, 3), np.uint8)
    for bit in range(BITS):
        if number >> bit & 1:
            image[:, 4 * bit : 4 * bit + 4] = 255
    return image


def read_number(plane: np.ndarray) -> int:
    """The number painted into a picture or mask (``[16,64]``, 0..1)."""
    return sum(1 << bit for bit in range(BITS) if plane[SIZE.height // 2, 4 * bit + 1] > 0.5)


class NumberedCamera:
    """Frames at camera pace, or as fast as they are taken with ``rate`` None. See pocketmatte.io.live.Source."""

    def __init__(self, count: int, rate: Fraction | None = RATE) -> None:
        self.count, self.rate, self.size = count, rate or RATE, SIZE
        self.paced, self.notes, self.media = rate is not None, [], None
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[Frame]:
        started = time.monotonic()
        for number in range(self.count):
            if self.paced:
                time.sleep(max(0.0, started + number / self.rate - time.monotonic()))
            if self.closed.is_set():
                return
            yield Frame(painted(number), number / self.rate, number)

    def close(self) -> None:
        self.closed.set()


class ReadingSession:
    """Answers with the picture's own brightness as alpha, so the mask carries the number; ``delay`` seconds each."""

    inputs = (TensorInfo("image", (1, *SIZE, 3), np.dtype(np.float32)),)
    outputs = (TensorInfo("alpha", (1, *SIZE, 1), np.dtype(np.float32)),)

    def __init__(self, delay: float = 0.0) -> None:
        self.delay, self.runs = delay, 0

    def run(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        self.runs += 1
        if self.delay:
            time.sleep(self.delay)
        return {"alpha": np.asarray(inputs["image"], np.float32)[..., :1].copy()}

    def describe(self) -> Placement:
        return Placement("test", "1", "cpu", 1)

    def close(self) -> None:
        pass
