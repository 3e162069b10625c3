"""Opening a video file, with one clear line for everything that is not one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.stream import Disposition

from pocketmatte.core import PocketmatteError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream


def open_container(path: Path) -> InputContainer:
    """Open a file for reading. Raises :class:`PocketmatteError` when it is missing, empty or no video container."""
    if not path.exists():
        raise PocketmatteError(f"{path}: no such video file")
    if path.is_dir():
        raise PocketmatteError(f"{path} is a folder, expected a video file")
    try:
        if path.stat().st_size == 0:
            raise PocketmatteError(f"{path} is empty (0 bytes), expected a video file")
        # Absolute: FFmpeg takes "a:b.mp4" for a protocol. Only files: a play list in disguise must not open an address.
        return av.open(os.fspath(path.absolute()), "r", container_options={"protocol_whitelist": "file"})
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise PocketmatteError(
            f"{path} cannot be read as a video: {_reason(error)}; is it complete (a recording that was cut off "
            "lacks its index) and really a video?"
        ) from error


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The moving picture of a file. Raises :class:`PocketmatteError` when there is only sound (or cover art)."""
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        what = "only sound" if container.streams.audio else "no video stream"
        raise PocketmatteError(f"{path} holds {what}, expected a video with pictures")
    for stream in streams:
        if stream.disposition & Disposition.default:
            return stream
    return streams[0]


def ends_inside_packet(path: Path) -> bool:
    """Whether an MPEG transport stream, which states no length, breaks off within a packet (ISO/IEC 13818-1, 2.4.3).

    Packets have 188 bytes, in some files with 4 before (M2TS) or 16 behind; each begins with 0x47.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    for size, extra in ((188, 0), (192, 4), (204, 0)):
        for start in range(size):
            marks = head[start + extra :: size]
            if len(marks) > 2 and not marks.strip(b"\x47"):
                return (path.stat().st_size - start) % size != 0
    return False


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).lower()
