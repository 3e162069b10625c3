"""Publishing to an RTMP or RTSP server: never in the way of the pictures, and back by itself when the server is."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pocketmatte.core import Frame, PocketmatteError, Size
from pocketmatte.io.live import SinkRequest, Source
from pocketmatte.io.stream_address import FORMATS, reason_of, shown, unreachable
from pocketmatte.io.stream_connection import FAILURES, Connection
from pocketmatte.io.stream_sound import FileSound, HasSound, Sound
from pocketmatte.io.video_color import FromRgb

if TYPE_CHECKING:
    import av

QUEUE = 8  # pictures that may wait to be sent; the oldest go first
FIRST_WAIT, LONGEST_WAIT = 0.5, 16.0  # seconds between two attempts to connect, doubled after every failure
_PROVEN = 1.0  # seconds of pictures after which a connection counts as good, and the wait as short again
_FAREWELL = 3.0  # seconds given to what still waits when the sink is closed


@dataclass(frozen=True)
class StreamStatus:
    """How a stream does. ``state``: ``sending``, ``waiting`` for the server, or ``closed``. Latency in seconds, from
    the finished picture to its last byte handed to the network; ``dropped`` pictures were never sent."""

    address: str
    state: str
    sent: int
    dropped: int
    reconnects: int
    latency: float
    worst_latency: float

    def line(self) -> str:
        """For a status line."""
        return (
            f"{self.address} {self.state}: {self.sent} frames sent, {self.dropped} dropped, {self.reconnects} "
            f"reconnects, latency {1e3 * self.latency:.0f} ms, worst {1e3 * self.worst_latency:.0f} ms"
        )


class StreamSink:
    """See :class:`pocketmatte.io.live.Sink`. :meth:`write` puts a picture into a short queue; a thread encodes and
    sends it. While the server is away the newest pictures replace older ones, and attempts to connect come after
    0.5, 1, 2... up to 16 seconds. ``wait`` is the first of them.

    A source that waits for its reader (a file in mode ``exact``) is sent at its own pace: then, and only then,
    :meth:`write` waits until the picture is due. Raises :class:`PocketmatteError` when the server does not answer the
    first time: an address that never worked is a mistake, not a disturbance.
    """

    def __init__(self, address: str, request: SinkRequest, wait: float = FIRST_WAIT) -> None:
        self.address = address
        self.notes: list[str] = []
        self._form = FORMATS[address.partition(":")[0].lower()]
        height, width = request.size
        self._size, self._even = request.size, Size(height + height % 2, width + width % 2)
        self._rate, self._say = request.rate, request.say
        self._convert = FromRgb("yuv420p")
        self._paced = request.source is None or request.source.paced
        self._started: float | None = None
        self._first_wait = wait
        self._waiting: deque[tuple[av.VideoFrame, Fraction, float]] = deque()
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._state = "sending"
        self._sent = self._dropped = self._reconnects = 0
        self._latency = self._worst = 0.0
        self._sound = sound_of(request.source)
        try:
            connection = self._connect()
        except FAILURES as error:
            self._close_sound()
            raise unreachable(address, "publish to", error) from error
        if connection.note:
            self.notes.append(f"{shown(address)}: {connection.note}")
        self._thread = threading.Thread(target=self._work, args=(connection,), daemon=True)
        self._thread.start()

    def _connect(self) -> Connection:
        return Connection(self.address, self._form, self._even, self._rate, self._sound)

    @property
    def status(self) -> StreamStatus:
        """How it does right now."""
        mean = self._latency / self._sent if self._sent else 0.0
        return StreamStatus(
            shown(self.address), self._state, self._sent, self._dropped, self._reconnects, mean, self._worst
        )

    def write(self, frame: Frame) -> None:
        """Queue one picture; see the class."""
        if self._closing.is_set():
            raise PocketmatteError(f"{shown(self.address)} was closed; no more frames can be sent")
        if frame.size != self._size or frame.pts is None:
            raise PocketmatteError(
                f"{shown(self.address)}: got a frame of {frame.size}, expected {self._size} with a time"
            )
        image = frame.image
        if self._even != self._size:
            pad = ((0, self._even.height - self._size.height), (0, self._even.width - self._size.width), (0, 0))
            image = np.pad(image, pad, mode="edge")
        picture = self._convert(image)  # a copy: the caller may reuse its picture
        if not self._paced:
            self._pace(frame.pts)
        with self._changed:
            if len(self._waiting) >= QUEUE:
                self._waiting.popleft()
                self._dropped += 1
            self._waiting.append((picture, frame.pts, time.monotonic()))
            self._changed.notify_all()

    def _pace(self, pts: Fraction) -> None:
        now = time.monotonic()
        if self._started is None or now > self._started + float(pts) + 1:  # a slow reader is not hurried later
            self._started = now - float(pts)
        if (wait := self._started + float(pts) - now) > 0:
            self._closing.wait(wait)

    def wanted(self) -> bool:
        """Whether anybody watches cannot be known."""
        return True

    def _take(self) -> tuple[av.VideoFrame, Fraction, float] | None:
        """The next picture; ``None`` when there are no more."""
        with self._changed:
            while not self._waiting and not self._closing.is_set():
                self._changed.wait()
            return self._waiting.popleft() if self._waiting else None

    def _work(self, connection: Connection | None) -> None:
        wait = self._first_wait
        while True:
            if connection is None:
                if self._closing.wait(wait):
                    break
                wait = min(2 * wait, LONGEST_WAIT)
                if (connection := self._reconnect(wait)) is None:
                    continue
            if (entry := self._take()) is None:
                break
            picture, pts, since = entry
            if not self._attempt(partial(connection.send, picture, pts)):
                connection.discard()
                connection = None
                self._dropped += 1
                continue
            if connection.sent > _PROVEN * self._rate:
                wait = self._first_wait
            self._sent += 1
            latency = time.monotonic() - since
            self._latency += latency
            self._worst = max(self._worst, latency)
        if connection is not None:
            self._attempt(connection.finish)
        self._state = "closed"

    def _attempt(self, work: Callable[[], None]) -> bool:
        try:
            work()
        except FAILURES as error:
            self._state = "waiting"
            if not self._closing.is_set():
                self._say(f"{shown(self.address)}: connection lost ({reason_of(error)}); trying again")
            return False
        return True

    def _reconnect(self, wait: float) -> Connection | None:
        try:
            connection = self._connect()
        except FAILURES as error:
            self._say(f"{shown(self.address)}: {reason_of(error)}; next attempt in {wait:.1f} s")
            return None
        with self._changed:  # what waited meanwhile is old
            self._dropped += len(self._waiting)
            self._waiting.clear()
        self._reconnects += 1
        self._state = "sending"
        self._say(f"{shown(self.address)}: connected again")
        return connection

    def close(self) -> None:
        """Send what waits and end the stream, for three seconds at most."""
        if self._closing.is_set():
            return
        self._closing.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join(_FAREWELL)
        if self._thread.is_alive():
            self.notes.append(f"{shown(self.address)}: the server does not answer; the end of the stream is lost")
        else:
            self._close_sound()
        self._dropped += len(self._waiting)
        self._waiting.clear()
        self.notes.append(self.status.line())

    def _close_sound(self) -> None:
        if self._sound is not None:
            self._sound.close()


def sound_of(source: Source | None) -> Sound | None:
    """The sound that belongs to the pictures of ``source``, ``None`` without any."""
    if isinstance(source, HasSound):
        return source.listen()
    if source is not None and source.media is not None:
        return FileSound(Path(source.media))
    return None


def open_stream(address: str, request: SinkRequest) -> StreamSink:
    """``rtmp://HOST/APP/KEY``, ``rtmps://...`` or ``rtsp://HOST/PATH``. Raises :class:`PocketmatteError`."""
    return StreamSink(address, request)
