"""Reading a stream of a server (RTSP, RTMP, HTTP): camera pace, little delay, and back by itself after a break."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av

from pocketmatte.core import Frame, PocketmatteError, Size
from pocketmatte.io.live import DEFAULT_RATE
from pocketmatte.io.stream_address import TIMEOUT, options_for, reason_of, shown, unreachable
from pocketmatte.io.stream_sound import Listener, LiveSound
from pocketmatte.io.video_color import ToRgb

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

FAILURES = (av.error.FFmpegError, OSError, ValueError)
PATIENCE = 20.0  # seconds during which a server that is gone may come back
_WAITS = (0.5, 1.0, 2.0, 4.0)  # seconds between attempts; the last one again and again
_JUMP = (Fraction(-1, 2), Fraction(10))  # seconds by which time stamps may move between pictures and be believed
_LEAST_STEP = Fraction(1, 1000)


class StreamSource:
    """See :class:`pocketmatte.io.live.Source` and :class:`pocketmatte.io.stream_sound.HasSound`.

    Time begins at 0 with the first picture and goes on through breaks by the clock on the wall; ``index`` jumps over
    what was missed. A server that is gone is tried again for ``patience`` seconds. A stream that its server ended (and
    that does not come back) ends quietly with a note, one that broke raises. A file on a web server has an end: it is
    played at its own pace.
    """

    paced = True

    def __init__(self, address: str, patience: float = PATIENCE) -> None:
        self.address, self._patience = address, patience
        self.notes: list[str] = []
        self.sound = LiveSound()
        self._to_rgb = ToRgb()
        self._busy = threading.Lock()  # held inside FFmpeg
        self._closed = threading.Event()
        self._container: InputContainer | None = None
        try:
            video = self._open()
            first = next(self._decode(video, lambda packet: None), None)
        except FAILURES as error:
            self.close()
            raise unreachable(address, "read", error) from error
        if first is None:
            self.close()
            raise PocketmatteError(f"{shown(address)} ended before its first picture")
        self._video, self._pending = video, first
        self.size = Size(first.height, first.width)
        self.rate = _rate(video)
        self.media: str | None = address if self.sound.stream is not None else None
        assert self._container is not None
        # Some RTSP servers state a length too, but send at camera pace and may be gone before it.
        self._finite: bool = bool(self._container.duration) and address.lower().startswith("http")
        self._last: Fraction | None = None

    def _open(self) -> VideoStream:
        """Connect. Raises one of :data:`FAILURES`, also when there are no pictures."""
        options = options_for(self.address.partition(":")[0].lower())
        container = av.open(self.address, "r", options=options, timeout=(TIMEOUT, TIMEOUT))
        with self.sound.lock:  # a listener may be reading what the old connection said of the sound
            old, self._container = self._container, container
            self.sound.stream = next(iter(container.streams.audio), None)
            if old is not None:
                old.close()
        if not container.streams.video:
            raise ValueError("it has no pictures")
        video = container.streams.video[0]
        video.codec_context.thread_type = "SLICE"  # with whole pictures per thread every thread delays by one
        return video

    def listen(self) -> Listener:
        """The sound from now on."""
        return self.sound.listen()

    def _decode(self, video: VideoStream, hear: Callable[[Any], None]) -> Iterator[av.VideoFrame]:
        """Pictures until the server ends the stream; raises when the connection breaks. Damaged ones are left out."""
        assert self._container is not None
        wanted = [video, *([self.sound.stream] if self.sound.stream is not None else [])]
        packets = self._container.demux(wanted)
        while not self._closed.is_set():
            frames: list[av.VideoFrame] = []
            with self._busy:
                if self._closed.is_set() or (packet := next(packets, None)) is None:
                    return
                if packet.stream.index != video.index:
                    hear(packet)
                else:
                    with suppress(av.error.InvalidDataError):
                        frames = video.codec_context.decode(packet)
            yield from frames

    def __iter__(self) -> Iterator[Frame]:
        video, index, shift = self._video, -1, None
        started = time.monotonic()
        pending: av.VideoFrame | None = self._pending

        def hear(packet: Any) -> None:
            if shift is not None:
                self.sound.put(packet, shift)

        while True:
            failure: Exception | None = None
            frames = self._decode(video, hear)
            try:
                while (picture := pending or next(frames, None)) is not None:
                    pending = None
                    stamp = _stamp(picture, started)
                    if shift is None:
                        shift = stamp - self._resumed(started)
                    step = stamp - shift - (self._last or 0)
                    if self._last is not None and not _JUMP[0] < step < _JUMP[1]:  # the sender began anew
                        shift = stamp - self._resumed(started)
                    pts = stamp - shift if self._last is None else max(stamp - shift, self._last + _LEAST_STEP)
                    gap = 1 if self._last is None else max(1, round((pts - self._last) * self.rate))
                    self._last, index = pts, index + gap
                    if self._finite and (wait := started + float(pts) - time.monotonic()) > 0:
                        self._closed.wait(wait)
                    yield Frame(self._to_rgb(picture, self.size), pts, index)
            except FAILURES as error:
                failure = error
            if self._closed.is_set() or (self._finite and failure is None):
                break
            again = self._again(failure)
            if again is None:
                break
            video, shift = again, None
        self.close()

    def _resumed(self, started: float) -> Fraction:
        """The time of the first picture of a connection."""
        if self._last is None:
            return Fraction(0)
        return max(self._last + 1 / self.rate, Fraction(time.monotonic() - started).limit_denominator(1000))

    def _again(self, failure: Exception | None) -> VideoStream | None:
        """Connect again; ``None`` when the stream is over. Raises when it broke and does not come back."""
        name = shown(self.address)
        until, attempt = time.monotonic() + self._patience, 0
        while not self._closed.is_set():
            wait = _WAITS[min(attempt, len(_WAITS) - 1)]
            if self._closed.wait(min(wait, max(0.0, until - time.monotonic()))):
                break
            try:
                with self._busy:
                    video = self._open()
                self.notes.append(f"{name}: the connection broke and was made again")
                return video
            except FAILURES as error:
                attempt += 1
                if time.monotonic() < until:
                    continue
                if failure is None:
                    self.notes.append(f"{name} ended")
                    return None
                raise PocketmatteError(
                    f"{name} broke off ({reason_of(failure)}) and did not come back within {self._patience:.0f} s: "
                    f"{reason_of(error)}"
                ) from failure
        return None

    def close(self) -> None:
        """Hang up. A thread that is waiting for the server does so itself when it is heard of again."""
        self._closed.set()
        if self._busy.acquire(timeout=0.2):
            try:
                with self.sound.lock:
                    self.sound.stream = None
                    if self._container is not None:
                        self._container.close()
                        self._container = None
            finally:
                self._busy.release()


def _stamp(picture: av.VideoFrame, started: float) -> Fraction:
    """What the picture says, else the clock: some web cameras send none."""
    if picture.pts is None or picture.time_base is None:
        return Fraction(time.monotonic() - started).limit_denominator(1000)
    return picture.pts * picture.time_base


def _rate(stream: VideoStream) -> Fraction:
    """Nominal frames per second; streams that do not say it often claim their clock's 90000."""
    rate = stream.average_rate or stream.guessed_rate
    return rate if rate is not None and 1 <= rate <= 240 else DEFAULT_RATE


def open_stream_source(address: str) -> StreamSource:
    """``rtsp://...``, ``rtmp://...``, ``http://...`` and so on. Raises :class:`PocketmatteError`."""
    return StreamSource(address)
