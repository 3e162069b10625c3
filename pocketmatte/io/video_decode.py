"""Packets to decoded frames, past damaged spots, with one exact and strictly rising time per frame."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

import av

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.codeccontext import VideoCodecContext
    from av.video.stream import VideoStream

# The decoders that FFmpeg picks for VP8 and VP9 drop the alpha of WebM without a word; libvpx's own keep it.
_AlphaDecoder = Literal["libvpx", "libvpx-vp9"]
_ALPHA_DECODERS: dict[str, _AlphaDecoder] = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


def alpha_decoder(stream: VideoStream) -> _AlphaDecoder | None:
    """Name of the decoder that an alpha stream needs when FFmpeg's own would drop the alpha, else ``None``."""
    marked = any(key.lower() == "alpha_mode" and value == "1" for key, value in stream.metadata.items())
    name = _ALPHA_DECODERS.get(stream.codec_context.codec.canonical_name) if marked else None
    return name if name in av.codecs_available else None


class Decoding:
    """Decodes one stream once, front to back; memory stays at the few frames the decoder itself holds.

    Iterating gives ``(frame, pts)``. After the end, ``damaged`` counts packets that could not be decoded, ``moved``
    frames whose time was missing or did not rise (set one tick after the frame before, or one frame interval when
    there was none), ``cut`` is set when the file broke off, ``last_pts`` and ``last_duration`` describe the last frame.
    """

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        interval: Fraction,
        threads: int,
        decoder: _AlphaDecoder | None,
    ) -> None:
        self.damaged = 0
        self.moved = 0
        self.count = 0
        self.cut = False
        self.last_pts: Fraction | None = None
        self.last_duration: Fraction | None = None
        self._container = container
        self._stream = stream
        self._interval = interval
        self._context = self._open_decoder(stream, decoder)
        self._context.thread_type = av.codec.context.ThreadType.AUTO
        self._context.thread_count = threads

    @staticmethod
    def _open_decoder(stream: VideoStream, name: _AlphaDecoder | None) -> VideoCodecContext:
        if name is None:
            return stream.codec_context
        context = av.CodecContext.create(name, "r")
        context.extradata = stream.codec_context.extradata
        return context

    def __iter__(self) -> Iterator[tuple[av.VideoFrame, Fraction]]:
        tick = self._stream.time_base or Fraction(1, 90000)
        for frame in self._frames():
            pts = None if frame.pts is None else frame.pts * tick
            if self.last_pts is not None and (pts is None or pts <= self.last_pts):
                pts = self.last_pts + (self._interval if pts is None else tick)
                self.moved += 1
            self.last_pts = pts if pts is not None else Fraction(0)
            self.last_duration = frame.duration * tick if frame.duration else None
            self.count += 1
            yield frame, self.last_pts

    def _frames(self) -> Iterator[av.VideoFrame]:
        for packet in self._packets():
            # With frame threads a broken packet takes its healthy neighbours along, so it never reaches the decoder.
            if packet.is_corrupt:
                self.damaged += 1
                continue
            try:
                frames = self._context.decode(packet)
            except av.error.FFmpegError:
                self.damaged += 1
                continue
            yield from frames
        try:
            yield from self._context.decode(None)
        except av.error.FFmpegError:
            self.damaged += 1

    def _packets(self) -> Iterator[av.Packet[VideoStream]]:
        try:
            # The empty packet that ends the stream is left out: the decoder is drained once, by us.
            yield from (packet for packet in self._container.demux(self._stream) if packet.size)
        except (av.error.FFmpegError, OSError):
            self.cut = True
