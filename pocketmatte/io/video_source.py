"""Video files as a sequence of upright RGB frames with exact times."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Self

import av

from pocketmatte.core import Frame, PocketmatteError, Size, UInt8Image
from pocketmatte.io.video_color import HDR_TRANSFERS, ToRgb, display_orientation, has_alpha
from pocketmatte.io.video_decode import Decoding, alpha_decoder
from pocketmatte.io.video_open import ends_inside_packet, open_container, video_stream

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

MAX_THREADS = 4  # every decoder thread holds a frame; more than a few only cost memory
DEFAULT_RATE = Fraction(30)
_TIME_STARTS_ANYWHERE = 0x0200  # AVFMT_TS_DISCONT


class VideoSource:
    """A video file. Iterate it for :class:`Frame`; ``with`` closes it. Every pass starts at the first frame.

    Frames are ``uint8 [H,W,3]`` RGB, turned upright by exact quarter turns, all of one ``size`` (a file that changes
    its size on the way is resized to that of its first frame). ``pts`` is the exact time the file states, except in
    containers whose clock starts anywhere (MPEG-TS): there the earliest stream starts at 0. Memory does not grow with
    the length. One pass at a time. ``threads`` decode (0: up to four).

    A damaged or cut-off file gives the frames that can be decoded; ``notes`` then says what was missing, after the
    pass. Raises :class:`PocketmatteError` when there is nothing to decode.

    Attributes: ``path``; ``size``; ``time_base``; ``rate``, average frames per second (30000/1001 stays that);
    ``duration`` in seconds and ``frame_estimate``, both as the file states or estimates them, for progress, else
    ``None``; ``has_audio``; ``has_alpha``; ``orientation`` and ``rotation`` (clockwise degrees that were applied);
    ``pixel_aspect``, width:height of one upright pixel; ``origin``, seconds taken off every time stamp of the file.
    """

    def __init__(self, path: str | Path, *, threads: int = 0) -> None:
        self.path = Path(path)
        self.notes: list[str] = []
        self.exhausted = False
        self._threads = threads or min(MAX_THREADS, os.cpu_count() or 1)
        self._to_rgb = ToRgb()
        self._container: InputContainer | None = None
        self._closed = False
        self._busy = Lock()
        try:
            self._pending: tuple[av.VideoFrame, Fraction] | None = self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> tuple[av.VideoFrame, Fraction]:
        container, stream = self._begin(with_alpha=False)
        self.rate = _rate(stream)
        self.time_base = stream.time_base or 1 / self.rate
        self.has_audio = bool(container.streams.audio)
        self.origin = _origin(container)
        first = next(self._steps, None)
        if first is None:
            raise PocketmatteError(f"{self.path}: no picture could be decoded from {stream.codec_context.name} video")
        frame = first[0]
        self.orientation = display_orientation(frame)
        self._stored = Size(frame.height, frame.width)
        self.size = self.orientation.size(self._stored)
        self.has_alpha = has_alpha(frame) or alpha_decoder(stream) is not None
        aspect = stream.sample_aspect_ratio or Fraction(1)
        self.pixel_aspect = 1 / aspect if self.orientation.transpose and aspect else aspect or Fraction(1)
        self._end = _end(stream)
        self.duration = _duration(container, self._end, first[1])
        self._stored_frames = stream.frames
        self.frame_estimate = stream.frames or (round(self.duration * self.rate) if self.duration else None)
        self._torn = container.format.name == "mpegts" and ends_inside_packet(self.path)
        if name := HDR_TRANSFERS.get(stream.codec_context.color_trc):
            self.notes.append(f"{self.path.name}: HDR ({name}) is read without tone mapping and may look flat")
        return first

    @property
    def rotation(self) -> int:
        """Degrees by which the stored picture is turned clockwise to stand upright."""
        return self.orientation.rotation

    def _begin(self, *, with_alpha: bool) -> tuple[InputContainer, VideoStream]:
        """Open the file anew and stand before its first packet."""
        if self._container is not None:
            self._container.close()
        self._container = container = open_container(self.path)
        stream = video_stream(container, self.path)
        decoder = alpha_decoder(stream) if with_alpha else None
        self._decoding = Decoding(container, stream, 1 / _rate(stream), self._threads, decoder)
        self._steps: Iterator[tuple[av.VideoFrame, Fraction]] = iter(self._decoding)
        return container, stream

    def __iter__(self) -> Iterator[Frame]:
        for index, (frame, pts) in enumerate(self._pass(with_alpha=False)):
            yield Frame(self.orientation.apply(self._to_rgb(frame, self._stored)), pts, index)

    def rgba(self) -> Iterator[tuple[UInt8Image, Fraction]]:
        """The frames with their alpha: straight ``uint8 [H,W,4]`` RGBA and pts; alpha is 255 where the file has none.

        VP8 and VP9 are decoded by libvpx here, because FFmpeg's own decoders drop the alpha.
        """
        for frame, pts in self._pass(with_alpha=True):
            yield self.orientation.apply(self._to_rgb(frame, self._stored, alpha=True)), pts

    def _pass(self, *, with_alpha: bool) -> Iterator[tuple[av.VideoFrame, Fraction]]:
        if self._closed:
            raise PocketmatteError(f"{self.path}: the video was closed, it cannot be read any more")
        first, self._pending = self._pending, None
        if first is None or with_alpha:
            self._begin(with_alpha=with_alpha)
        else:
            self._steps = chain((first,), self._steps)
        first = None
        self.exhausted = False
        decoding, steps = self._decoding, self._steps
        while (step := self._step(decoding, steps)) is not None:
            yield step[0], step[1] - self.origin
            del step
        self.exhausted = True
        self._report(decoding)

    def _step(
        self, decoding: Decoding, steps: Iterator[tuple[av.VideoFrame, Fraction]]
    ) -> tuple[av.VideoFrame, Fraction] | None:
        # A pass often runs in a thread of its own: the file must not be closed while that one is inside the decoder.
        with self._busy:
            if self._closed or decoding is not self._decoding:
                raise PocketmatteError(f"{self.path}: the video was closed or begun anew while it was read")
            return next(steps, None)

    @property
    def last_duration(self) -> Fraction | None:
        """Seconds the last frame is shown, once a pass has reached it; ``None`` when the file does not say."""
        decoding = self._decoding
        if not self.exhausted or decoding.last_pts is None:
            return None
        # With reordered frames a packet's own duration belongs to another frame; the end of the stream does not lie.
        if self._end is not None and decoding.last_pts < self._end and 0 < self._stored_frames <= decoding.count:
            return self._end - decoding.last_pts
        return decoding.last_duration

    def _report(self, decoding: Decoding) -> None:
        found: list[str] = []
        if decoding.damaged:
            found.append(f"{decoding.damaged} damaged packets were skipped")
        if decoding.moved:
            found.append(f"{decoding.moved} frames had no usable time and were put right behind the frame before")
        last = (decoding.last_pts or Fraction(0)) + (decoding.last_duration or 1 / self.rate)
        missing = self._end - last if self._end is not None else Fraction(0)
        complete = 0 < self._stored_frames <= decoding.count
        if decoding.cut or (missing > max(3 / self.rate, Fraction(1, 10)) and not complete):
            whole = f" of {float(self._end - self.origin):.2f}" if self._end is not None else ""
            found.append(f"it ends early: {decoding.count} frames, {float(last - self.origin):.2f}{whole} s were read")
        elif self._torn:
            found.append(f"it breaks off within a packet, after {decoding.count} frames")
        notes = (f"{self.path.name}: {text}" for text in found)
        self.notes.extend(note for note in notes if note not in self.notes)

    def close(self) -> None:
        """Close the file, after the frame that another thread is just decoding. May be called twice."""
        with self._busy:
            self._closed = True
            self._pending = None
            if self._container is not None:
                self._container.close()
                self._container = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _rate(stream: VideoStream) -> Fraction:
    return stream.average_rate or stream.guessed_rate or DEFAULT_RATE


def _origin(container: InputContainer) -> Fraction:
    """Where time starts: 0, except for containers that were cut from an endless clock (AVFMT_TS_DISCONT)."""
    if not container.format.flags & _TIME_STARTS_ANYWHERE:
        return Fraction(0)
    streams = (*container.streams.video, *container.streams.audio)
    starts = [s.start_time * s.time_base for s in streams if s.start_time is not None and s.time_base is not None]
    return min(starts, default=Fraction(0))


def _end(stream: VideoStream) -> Fraction | None:
    """When the stream ends, in the time of the file, as far as the file says so."""
    start = stream.start_time or 0
    if stream.duration and stream.time_base:
        return (start + stream.duration) * stream.time_base
    tag = next((value for key, value in stream.metadata.items() if key.upper() == "DURATION"), None)  # Matroska
    try:
        hours, minutes, seconds = (tag or "").split(":")
        return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)
    except ValueError:
        return None


def _duration(container: InputContainer, end: Fraction | None, first: Fraction) -> Fraction | None:
    if end is not None and end > first:
        return end - first
    return Fraction(container.duration, av.time_base) if container.duration else None
