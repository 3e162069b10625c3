"""What v4l2loopback says of its devices (Linux), read from /sys alone: no device is opened for it.

A device is free until a program feeds it, and takes whatever size and pixel format that program asks for. While it is
fed, or when it was told to keep a format, it silently stays with the one it has, and other pictures arrive as stripes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pocketmatte.core import PocketmatteError, Size

MODPROBE = "sudo modprobe v4l2loopback devices=1 exclusive_caps=1 card_label=pocketmatte"
RELOAD = f"sudo modprobe -r v4l2loopback; {MODPROBE}"
FORMAT = "YU12"  # what pyvirtualcam makes of RGB pictures before it hands them to the driver
SYSTEM = Path("/sys/class/video4linux")
PARAMETER = Path("/sys/module/v4l2loopback/parameters/exclusive_caps")
DEVICES = Path("/dev")


@dataclass(frozen=True)
class Loopback:
    """One device. ``pixels`` and ``size`` are those it keeps, ``None`` while it is free.

    ``exclusive``: it shows itself as a camera only, as browsers want it; ``None`` when the module does not say.
    """

    device: Path
    pixels: str | None
    size: Size | None
    exclusive: bool | None

    def refusal(self, size: Size | None = None) -> str | None:
        """Why pictures of ``size`` (``None``: any) would not get through; ``None`` when they do."""
        if self.pixels is None or (self.pixels == FORMAT and size in (None, self.size)):
            return None
        wanted = f"{FORMAT} {shown(size)}" if size else FORMAT
        return f"{self.device} keeps {self.pixels} {shown(self.size)}, pictures would be sent as {wanted}"


def shown(size: Size | None) -> str:
    """A size as video tools write it, ``640x480``."""
    return f"{size.width}x{size.height}" if size else "any size"


def loopbacks() -> list[Loopback]:
    """The v4l2loopback devices there are, by number; other cameras have no such files."""
    folders = [f for f in SYSTEM.glob("video*") if (f / "format").is_file() and (f / "max_openers").is_file()]
    folders.sort(key=lambda folder: int(re.sub(r"\D", "", folder.name) or 0))
    flags = _flags()
    return [
        Loopback(DEVICES / folder.name, *_kept(folder), flags[number] if number < len(flags) else None)
        for number, folder in enumerate(folders)
    ]


def choose(device: str | None, size: Size) -> str | None:
    """The device to ask pyvirtualcam for: the one named, or ``None`` (its choice) where any will do.

    Raises :class:`PocketmatteError` when pictures of that size would not get through."""
    known = [found for found in loopbacks() if device is None or found.device == Path(device)]
    refused = {found.device: why for found in known if (why := found.refusal(size))}
    if known and len(refused) == len(known):
        raise PocketmatteError(
            f"no virtual camera: {next(iter(refused.values()))}\n"
            f"close the program that feeds it, or load the module again: {RELOAD}"
        )
    if device is None and refused:
        return str(next(found.device for found in known if found.device not in refused))
    return device


def _kept(folder: Path) -> tuple[str | None, Size | None]:
    """``YU12:640x480@30`` -> what the device keeps; the file is empty while it is free."""
    found = re.match(r"\s*(.{4}):(\d+)x(\d+)", (folder / "format").read_text())
    return (found[1].strip(), Size(int(found[3]), int(found[2]))) if found else (None, None)


def _flags() -> list[bool]:
    """``exclusive_caps`` of each device in the order the module made them."""
    return [word == "Y" for word in PARAMETER.read_text().strip().split(",")] if PARAMETER.is_file() else []
