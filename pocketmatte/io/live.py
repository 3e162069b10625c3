"""Live sources and sinks by address: what they promise, and the one way to open them.

An address is ``SCHEME:REST`` with a scheme of :data:`SOURCES` or :data:`SINKS`, else the name of a file. To add a
kind, write a module with the opener and name it in the table; nothing is imported before its address is opened.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from pocketmatte.core import Frame, PocketmatteError, Size
from pocketmatte.io.window_bar import Slider

DEFAULT_RATE = Fraction(30)


@runtime_checkable
class Source(Protocol):
    """Pictures from somewhere, one pass.

    ``paced``: frames come by themselves at camera pace and are lost when nobody takes them; otherwise the source
    waits for its reader. ``size`` is that of every frame, ``rate`` the nominal frames per second. ``notes`` says what
    the user should know (after the end: why it ended early). ``media`` is a file or address whose sound belongs to
    the pictures, ``None`` when there is none.
    """

    paced: bool
    size: Size
    rate: Fraction
    notes: list[str]
    media: str | None

    def __iter__(self) -> Iterator[Frame]:
        """Frames uint8 RGB ``[H,W,3]``; ``pts`` in seconds rises strictly, ``index`` counts what the device made, so
        that gaps tell of lost frames. Ends, or raises :class:`PocketmatteError`, when the device or server is gone;
        ends after :meth:`close` from another thread."""
        ...

    def close(self) -> None:
        """Give the device back. May be called twice, and from any thread."""
        ...


@runtime_checkable
class Sink(Protocol):
    """Where finished pictures go. ``notes`` says what the user should know after the end."""

    notes: list[str]

    def write(self, frame: Frame) -> None:
        """Show or send one finished picture, RGB uint8 ``[H,W,3]``; ``pts`` rises strictly.

        Raises :class:`PocketmatteError` when that is no longer possible. What was written before stays usable.
        """
        ...

    def wanted(self) -> bool:
        """Whether anybody looks. While no sink is wanted nothing is inferred. ``True`` where that cannot be known."""
        ...

    def close(self) -> None:
        """Complete what was written. May be called twice."""
        ...


@dataclass(frozen=True)
class SinkRequest:
    """What a sink is opened for: picture ``size``, nominal ``rate``, the ``source`` of the pictures (its ``media`` has
    the sound), whether an existing file may be replaced (``force``), the ``sliders`` of a window, and ``say``, called
    from any thread with a line for the user while the sink runs."""

    size: Size
    rate: Fraction = DEFAULT_RATE
    source: Source | None = None
    force: bool = False
    sliders: tuple[Slider, ...] = ()
    say: Callable[[str], None] = field(default=lambda line: None)


@dataclass(frozen=True)
class Kind:
    """One scheme: ``module`` holds ``opener``; ``example`` and ``help`` are for messages and documentation.

    An opener of a source takes the whole address, one of a sink the address and a :class:`SinkRequest`.
    """

    module: str
    opener: str
    example: str
    help: str


FILE = "file"  # the kind of an address without a known scheme
SOURCES: dict[str, Kind] = {
    "camera": Kind("pocketmatte.io.camera", "open_camera", "camera:0", "a camera by its number"),
    "clip": Kind("pocketmatte.io.camera_clip", "open_clip", "clip:FILE", "a video file played at camera pace"),
    FILE: Kind("pocketmatte.io.camera_file", "open_file", "FILE", "a video file, every frame"),
    **{
        scheme: Kind("pocketmatte.io.stream_source", "open_stream_source", f"{scheme}://...", "a stream of a server")
        for scheme in ("rtsp", "rtsps", "rtmp", "rtmps", "http", "https")
    },
}
SINKS: dict[str, Kind] = {
    "window": Kind("pocketmatte.io.window", "open_window", "window:", "a window on the screen"),
    "virtual": Kind("pocketmatte.io.virtual", "open_virtual", "virtual:", "a virtual camera for other programs"),
    FILE: Kind("pocketmatte.io.recording", "open_recording", "FILE.mp4", "a recording"),
    **{
        scheme: Kind("pocketmatte.io.stream_sink", "open_stream", f"{scheme}://...", "a stream server to publish to")
        for scheme in ("rtmp", "rtmps", "rtsp")
    },
}


def scheme_of(address: str, kinds: dict[str, Kind]) -> str:
    """The key of ``kinds`` that opens ``address``.

    Raises :class:`PocketmatteError` for an address ``scheme://...`` whose scheme is unknown.
    """
    scheme, colon, _ = address.partition(":")
    if colon and scheme.lower() in kinds:
        return scheme.lower()
    if "://" in address:
        known = ", ".join(kind.example for kind in kinds.values())
        raise PocketmatteError(f"cannot open {address}: nothing is known for {scheme}://; expected one of {known}")
    return FILE


def path_of(address: str) -> Path | None:
    """The file an address names: a bare file name, ``file:FILE`` or ``clip:FILE``, else ``None``."""
    scheme, colon, rest = address.partition(":")
    if colon and scheme.lower() in ("clip", FILE):
        return Path(rest)
    return None if colon and scheme.lower() in {**SOURCES, **SINKS} else Path(address)


def open_source(address: str) -> Source:
    """Open where pictures come from. Raises :class:`PocketmatteError` when it is not there or not readable."""
    opened: Source = _opener(SOURCES[scheme_of(address, SOURCES)])(address)
    return opened


def open_sink(address: str, request: SinkRequest) -> Sink:
    """Open where pictures go. Raises :class:`PocketmatteError` when that cannot be, or a package is missing."""
    opened: Sink = _opener(SINKS[scheme_of(address, SINKS)])(address, request)
    return opened


def _opener(kind: Kind) -> Callable[..., Any]:
    opener: Callable[..., Any] = getattr(importlib.import_module(kind.module), kind.opener)
    return opener
