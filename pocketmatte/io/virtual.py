"""A virtual camera that other programs see, through pyvirtualcam: v4l2loopback on Linux, OBS's camera elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from pocketmatte.core import Frame, PocketmatteError, Size
from pocketmatte.io.live import SinkRequest
from pocketmatte.io.loopback import MODPROBE, RELOAD, choose, loopbacks
from pocketmatte.io.virtual_watch import OnDemand, readers_of

INSTALL = "pip install 'pocketmatte[virtual]'"


class VirtualCamera:
    """See :class:`pocketmatte.io.live.Sink`. ``device`` such as ``/dev/video10``, ``None`` for the first free one.

    What a v4l2loopback device would not show as it is sent is refused before the device is opened.

    Sides are made even by repeating the last column or row: with odd ones, receivers show stripes or nothing.
    ``backend`` names one of pyvirtualcam's. On Linux :meth:`wanted` tells whether a program has the device open, as
    far as this user may see that; elsewhere it is always ``True``.
    """

    def __init__(
        self,
        size: Size,
        rate: Fraction,
        device: str | None = None,
        backend: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        try:
            import pyvirtualcam
        except ImportError as error:
            raise PocketmatteError(f"a virtual camera needs pyvirtualcam, which is not installed: {INSTALL}") from error
        self._even = Size(size.height + size.height % 2, size.width + size.width % 2)
        self._size = size
        self.notes: list[str] = []
        device = choose(device, self._even) if sys.platform == "linux" else device
        try:
            self._camera: Any = pyvirtualcam.Camera(
                self._even.width, self._even.height, float(rate), device=device, backend=backend
            )
        except (RuntimeError, OSError, ValueError) as error:
            raise PocketmatteError(_no_device(device, error)) from error
        self.device: str = self._camera.device
        path = Path(self.device)
        self._demand: OnDemand | None = None
        if sys.platform == "linux" and path.exists():
            self._demand = OnDemand(lambda: readers_of(path), clock)
        if any(found.device == path and found.exclusive is False for found in loopbacks()):
            self.notes.append(f"browsers do not see {self.device}: load the module with exclusive_caps=1: {RELOAD}")

    def write(self, frame: Frame) -> None:
        """Send one picture. Raises :class:`PocketmatteError` when the device is gone."""
        if frame.size != self._size:
            raise PocketmatteError(f"{self.device}: got a picture of {frame.size}, expected {self._size}")
        image = frame.image
        if self._even != self._size:
            pad = ((0, self._even.height - self._size.height), (0, self._even.width - self._size.width), (0, 0))
            image = np.pad(image, pad, mode="edge")
        try:
            self._camera.send(np.ascontiguousarray(image))
        except (RuntimeError, OSError) as error:
            raise PocketmatteError(f"the virtual camera {self.device} takes no more pictures: {error}") from error

    def wanted(self) -> bool:
        """Whether a program looks; short probes do not count."""
        return self._demand is None or self._demand.wanted()

    def close(self) -> None:
        """Give the device back."""
        self._camera.close()


def _no_device(device: str | None, error: Exception) -> str:
    if sys.platform != "linux":
        return f"no virtual camera: {error}; install OBS Studio, start its virtual camera once, then quit OBS"
    what = f"{device} is no free v4l2loopback device" if device else "no v4l2loopback device found"
    return f"no virtual camera: {what} ({error})\nload the module first: {MODPROBE}"


def open_virtual(address: str, request: SinkRequest) -> VirtualCamera:
    """``virtual:`` or ``virtual:/dev/video10``. Raises :class:`PocketmatteError` that says how to load the module."""
    return VirtualCamera(request.size, request.rate, address.partition(":")[2] or None)
