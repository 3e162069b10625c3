"""Pretended v4l2loopback devices: what /sys says of them, and a backend whose pictures another process can read."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from pyvirtualcam.camera import BACKENDS

from pocketmatte.io import loopback


def pretend(monkeypatch: pytest.MonkeyPatch, folder: Path, formats: dict[int, str], exclusive: str = "Y,N") -> None:
    """Devices by number, each with what its ``format`` file says; ``exclusive``: the module's flags."""
    system, devices, parameter = folder / "sys", folder / "dev", folder / "exclusive_caps"
    for path in (system, devices):
        path.mkdir()
    for number, text in formats.items():
        (system / f"video{number}").mkdir()
        (system / f"video{number}" / "format").write_text(text)
        (system / f"video{number}" / "max_openers").write_text("10")
    (system / "video99").mkdir()  # another camera
    parameter.write_text(exclusive + "\n")
    monkeypatch.setattr(loopback, "SYSTEM", system)
    monkeypatch.setattr(loopback, "DEVICES", devices)
    monkeypatch.setattr(loopback, "PARAMETER", parameter)


class FileBackend:
    """Instead of a driver: the picture sent last lies in the device's place, as a file that OpenCV reads."""

    opened: list[str]
    swapped = False  # red and blue, as a wrong pixel format would show it

    def __init__(self, width: int, height: int, fps: float, fourcc: int, device: str | None, **_: object) -> None:
        self.shape = (height, width, 3)
        self.path = Path(device or loopback.DEVICES / "video0")
        FileBackend.opened.append(str(self.path))

    def send(self, frame: np.ndarray) -> None:
        picture = np.array(frame).reshape(self.shape)[..., :: 1 if FileBackend.swapped else -1]
        part = self.path.with_name("part.png")
        cv2.imwrite(str(part), picture)
        part.replace(self.path)

    def close(self) -> None:
        pass

    def device(self) -> str:
        return str(self.path)

    def native_fourcc(self) -> int:
        return 0


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> type[FileBackend]:
    """The only backend pyvirtualcam has."""
    for name in list(BACKENDS):
        monkeypatch.delitem(BACKENDS, name)
    monkeypatch.setitem(BACKENDS, "file", FileBackend)
    FileBackend.opened, FileBackend.swapped = [], False
    return FileBackend
