"""The sound that belongs to live pictures, on the pictures' clock, for any number of streams at once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

import av

from pocketmatte.io.video_audio import CopiedTrack
from pocketmatte.io.video_audio_encode import EncodedTrack
from pocketmatte.io.video_open import open_container
from pocketmatte.io.video_source import VideoSource

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext
    from av.audio.stream import AudioStream
    from av.container import OutputContainer

_WAITING = 1000  # packets a listener may leave unread, about 20 s
_LATE = Fraction(1, 2)  # seconds a packet may lie before the first picture of a connection and still be sent


class Sound(Protocol):
    """Packets of one sound track, front to back."""

    def stream(self) -> AudioStream | None:
        """The track that tells the codec; valid while :attr:`lock` is held."""
        ...

    lock: threading.Lock

    def packets(self, until: Fraction) -> Iterator[av.Packet[AudioStream]]:
        """The next packets that begin before ``until`` seconds on the pictures' clock, each one's own copy."""
        ...

    def close(self) -> None:
        """Give up what is held."""
        ...


@runtime_checkable
class HasSound(Protocol):
    """A source that hands on sound besides pictures."""

    def listen(self) -> Sound:
        """A listener of its own for every stream."""
        ...


@dataclass(frozen=True)
class _Decoding:
    codec_context: AudioCodecContext


class SoundTrack:
    """The sound of one connection: copied where the stream takes its codec, else converted to AAC.

    ``note`` says so. Must be made before the output's header is written. Times begin with ``origin`` of :meth:`send`.
    """

    def __init__(self, sound: Sound, output: OutputContainer, copied: frozenset[str]) -> None:
        self._sound = sound
        self.note = ""
        self._track: CopiedTrack | EncodedTrack | None = None
        with sound.lock:
            stream = sound.stream()
            if stream is None or not stream.codec_context.sample_rate:
                return
            codec = stream.codec_context.codec.canonical_name
            if codec in copied:
                self._track = CopiedTrack(stream, output, Fraction(0))
            else:
                self._track = EncodedTrack(_Decoding(_decoder(stream)), output, "aac", Fraction(0))
                self.note = f"{codec} sound was converted to aac"

    def send(self, until: Fraction, origin: Fraction) -> None:
        """Hand over the sound before ``until``; all times lose ``origin``."""
        for packet in self._sound.packets(until):
            if self._track is None or packet.pts is None:
                continue
            if packet.pts * packet.time_base < origin - _LATE:
                continue  # from a time when there was no connection
            packet.pts = packet.dts = max(0, packet.pts - round(origin / packet.time_base))
            self._track.put(packet)

    def finish(self) -> None:
        """Empty what converts."""
        if self._track is not None:
            with suppress(av.error.EOFError):  # nothing was ever converted
                self._track.finish()


def _decoder(stream: AudioStream) -> AudioCodecContext:
    """A decoder of its own: the stream's may serve another connection, or be emptied already."""
    given = stream.codec_context
    made = av.CodecContext.create(given.name, "r")
    assert isinstance(made, av.AudioCodecContext)
    made.extradata = given.extradata
    made.sample_rate = given.sample_rate
    made.layout = given.layout.name
    return made


def _copy(packet: av.Packet[AudioStream], shift: Fraction) -> av.Packet[AudioStream] | None:
    """The packet again, its times less ``shift`` seconds; ``None`` when it has none."""
    stamp = packet.dts if packet.dts is not None else packet.pts
    if stamp is None or not packet.size:
        return None
    copy = cast("av.Packet[AudioStream]", av.Packet(bytes(packet)))
    copy.time_base = packet.time_base
    copy.pts = copy.dts = stamp - round(shift / packet.time_base)
    copy.duration = packet.duration or 0
    return copy


class FileSound:
    """See :class:`Sound`: the first track of a file, read beside the pictures."""

    def __init__(self, path: Path) -> None:
        with VideoSource(path) as video:
            self._origin = video.origin  # what the pictures' times lost
        self.lock = threading.Lock()
        self._input = open_container(path)
        self._stream = next(iter(self._input.streams.audio), None)
        self._packets = self._read()
        self._head: av.Packet[AudioStream] | None = next(self._packets, None)

    def stream(self) -> AudioStream | None:
        """The track."""
        return self._stream

    def _read(self) -> Iterator[av.Packet[AudioStream]]:
        if self._stream is None:
            return
        with suppress(av.error.FFmpegError, OSError):  # a damaged file ends early, and the pictures say so
            for packet in self._input.demux(self._stream):
                if (copy := _copy(packet, self._origin)) is not None:
                    yield copy

    def packets(self, until: Fraction) -> Iterator[av.Packet[AudioStream]]:
        """See :class:`Sound`."""
        while (head := self._head) is not None and head.pts is not None and head.pts * head.time_base < until:
            self._head = next(self._packets, None)
            yield head

    def close(self) -> None:
        """Close the file."""
        self._head, self._packets = None, iter(())
        self._input.close()


class LiveSound:
    """What a live source hears, handed to every listener; the oldest packets go when a listener sleeps."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.stream: AudioStream | None = None
        self._listeners: list[Listener] = []

    def put(self, packet: av.Packet[AudioStream], shift: Fraction) -> None:
        """A packet came; its times lose ``shift`` seconds."""
        with self.lock:
            for listener in self._listeners:
                if (copy := _copy(packet, shift)) is not None:
                    listener.waiting.append(copy)

    def listen(self) -> Listener:
        """A new listener, which hears what comes from now on."""
        listener = Listener(self)
        with self.lock:
            self._listeners.append(listener)
        return listener

    def forget(self, listener: Listener) -> None:
        """Hand it nothing more."""
        with self.lock:
            if listener in self._listeners:
                self._listeners.remove(listener)


class Listener:
    """See :class:`Sound`: one reader of a :class:`LiveSound`."""

    def __init__(self, live: LiveSound) -> None:
        self._live = live
        self.lock = live.lock
        self.waiting: deque[av.Packet[AudioStream]] = deque(maxlen=_WAITING)

    def stream(self) -> AudioStream | None:
        """The track."""
        return self._live.stream

    def packets(self, until: Fraction) -> Iterator[av.Packet[AudioStream]]:
        """See :class:`Sound`."""
        while True:
            with self.lock:
                head = self.waiting[0] if self.waiting else None
                if head is None or head.pts is None or head.pts * head.time_base >= until:
                    return
                self.waiting.popleft()
            yield head

    def close(self) -> None:
        """Listen no more."""
        self._live.forget(self)
        self.waiting.clear()
