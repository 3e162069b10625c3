"""A camera by its number, through OpenCV (V4L2 on Linux, AVFoundation on macOS, Media Foundation on Windows)."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from threading import Lock

import cv2
import numpy as np

from pocketmatte.core import Frame, PocketmatteError, Size
from pocketmatte.io.live import DEFAULT_RATE

_ADDRESS = re.compile(r"camera:(\d*)(?:\?(\d+)x(\d+)(?:@(\d+(?:\.\d+)?))?)?")
_MISSED = 30  # empty answers in a row after which the camera counts as gone
_MICROSECOND = 1_000_000


class Camera:
    """See :class:`pocketmatte.io.live.Source`; ``capture`` is open, ``name`` is for messages.

    Time begins with the first frame and is that of the computer's clock when the frame arrived, to the microsecond.
    """

    paced = True
    media: str | None = None

    def __init__(
        self,
        capture: cv2.VideoCapture,
        name: str,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._capture, self._name, self._clock, self._sleep = capture, name, clock, sleep
        self._lock = Lock()
        self._closed = False
        self.notes: list[str] = []
        self.size = Size(int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)), int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)))
        rate = capture.get(cv2.CAP_PROP_FPS)
        self.rate = Fraction(rate).limit_denominator(1001) if 1 <= rate <= 1000 else DEFAULT_RATE

    def __iter__(self) -> Iterator[Frame]:
        started: float | None = None
        last = Fraction(-1)
        index = missed = 0
        while not self._closed:
            with self._lock:
                good, image = (False, None) if self._closed else self._capture.read()
            if not good or image is None:
                missed += 1
                if self._closed:
                    return
                if missed >= _MISSED:
                    raise PocketmatteError(f"{self._name} stopped after {index} frames: was it unplugged?")
                self._sleep(0.01)
                continue
            missed = 0
            now = self._clock()
            started = now if started is None else started
            pts = max(Fraction(round((now - started) * _MICROSECOND), _MICROSECOND), last + Fraction(1, _MICROSECOND))
            picture = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
            if picture.shape[:2] != self.size:  # some drivers announce another size than they send
                picture = np.asarray(cv2.resize(picture, self.size[::-1], interpolation=cv2.INTER_AREA), np.uint8)
            yield Frame(picture, pts, index)
            last = pts
            index += 1

    def close(self) -> None:
        """Give the camera back."""
        self._closed = True
        with self._lock:
            self._capture.release()


def open_camera(address: str) -> Camera:
    """``camera:N``, ``camera:N?WIDTHxHEIGHT`` or ``camera:N?WIDTHxHEIGHT@RATE``; the camera may choose the nearest.

    Raises :class:`PocketmatteError` when there is no such camera or another program holds it.
    """
    found = _ADDRESS.fullmatch(address)
    if not found:
        raise PocketmatteError(f"{address}: expected camera:0, camera:0?1280x720 or camera:0?1280x720@30")
    number, width, height, rate = found.groups()
    index = int(number or 0)
    device = Path(f"/dev/video{index}")
    if sys.platform == "linux" and not device.exists():  # OpenCV would print a page of warnings
        have = ", ".join(f"camera:{p.name[5:]}" for p in sorted(Path("/dev").glob("video[0-9]*"))) or "none"
        raise PocketmatteError(f"camera {index} is not there ({device}); cameras found: {have}")
    capture = cv2.VideoCapture(index)
    if width:
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, int(width))
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, int(height))
    if rate:
        capture.set(cv2.CAP_PROP_FPS, float(rate))
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest frame, not the oldest
    if not capture.isOpened() or not capture.read()[0]:
        capture.release()
        raise PocketmatteError(
            f"camera {index} gives no picture: does another program use it, and may this one ({device})?"
            if sys.platform == "linux"
            else f"camera {index} gives no picture: is it there, free, and allowed in the privacy settings?"
        )
    return Camera(capture, f"camera {index}")
