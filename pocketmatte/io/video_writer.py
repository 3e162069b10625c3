"""One output file: pictures through an encoder, sound beside them, both into a container."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from pathlib import Path
from typing import TYPE_CHECKING

import av

from pocketmatte.core import Size, UInt8Image
from pocketmatte.io.video_audio import AudioTracks
from pocketmatte.io.video_color import BT709, LIMITED, FromRgb
from pocketmatte.io.video_formats import VideoFormat

if TYPE_CHECKING:
    from av.video.stream import VideoStream

MAX_THREADS = 8
SOUND_CLOCK = 48_000
FINEST_CLOCK = 1_000_000  # ticks per second: MP4 counts in 32 bits, and nobody sees a microsecond


@dataclass(frozen=True)
class Clock:
    """``time_base`` in seconds per tick, ``rate`` in average frames per second, ``pixel_aspect`` width:height."""

    time_base: Fraction
    rate: Fraction
    pixel_aspect: Fraction = Fraction(1)


@dataclass(frozen=True)
class Sound:
    """The file whose sound is carried over, and the seconds taken off its time stamps."""

    path: Path
    origin: Fraction


class ContainerWriter:
    """Encodes frames into the container at ``path``; the caller gives it a temporary name.

    ``size`` is that of the frames, before padding; ``form`` says how they are encoded, ``options`` go over its
    encoder options. Every packet keeps its frame's time to the tick and lasts until the next frame. FFmpeg errors
    (``av.error.FFmpegError``, ``OSError``) pass through.
    """

    def __init__(
        self, path: Path, size: Size, form: VideoFormat, clock: Clock, sound: Sound | None, options: dict[str, str]
    ) -> None:
        self._tick = form.clock or _usable(clock.time_base)
        self._convert = FromRgb(form.pixels)
        self._held: av.VideoFrame | None = None
        self._durations: dict[int, int] = {}
        self._audio: AudioTracks | None = None
        container_options = dict(form.container_options)
        if form.clock is None:
            # MP4 states the start of a stream in ticks of the whole movie; FFmpeg's own choice would be milliseconds.
            container_options["movie_timescale"] = str(_movie_clock(self._tick))
        self._output = av.open(os.fspath(path.absolute()), "w", container_options=container_options)
        try:
            self._stream = self._output.add_stream(
                form.codec, rate=clock.rate.limit_denominator(100_000), options={**form.options, **options}
            )
            self._stream.width, self._stream.height, self._stream.pix_fmt = size.width, size.height, form.pixels
            self._stream.time_base = self._tick
            self._stream.metadata.update(form.metadata)
            context = self._stream.codec_context
            context.time_base = self._tick
            context.thread_count = min(MAX_THREADS, os.cpu_count() or 1)
            context.sample_aspect_ratio = clock.pixel_aspect
            context.color_range = LIMITED
            context.colorspace = context.color_primaries = context.color_trc = BT709
            if sound is not None:
                self._audio = AudioTracks(sound.path, self._output, form, sound.origin)
        except BaseException:
            self.discard()
            raise

    @property
    def notes(self) -> list[str]:
        """What happened to the sound."""
        return self._audio.notes if self._audio else []

    def put(self, image: UInt8Image, pts: Fraction) -> None:
        """Encode one frame; it leaves when the next one has told how long it lasts."""
        frame = self._convert(image)
        frame.time_base = self._tick
        frame.pts = round(pts / self._tick)
        held, self._held = self._held, frame
        if held is None or held.pts is None:
            return
        frame.pts = max(frame.pts, held.pts + 1)  # two frames within one tick: only where the container is coarse
        self._encode(held, frame.pts - held.pts)
        if self._audio is not None:
            self._audio.advance(pts)

    def finish(self, last_duration: Fraction, *, all_sound: bool) -> None:
        """Write the last frame, the sound (all of it, or up to the end of the pictures) and the index."""
        held, self._held = self._held, None
        if held is not None and held.pts is not None:
            ticks = max(1, round(last_duration / self._tick))
            self._encode(held, ticks)
            for packet in self._stream.encode(None):
                self._mux(packet)
            if self._audio is not None:
                self._audio.advance(None if all_sound else (held.pts + ticks) * self._tick)
                self._audio.finish()
        self._output.close()
        if self._audio is not None:
            self._audio.close()

    def _encode(self, frame: av.VideoFrame, ticks: int) -> None:
        assert frame.pts is not None
        self._durations[frame.pts] = frame.duration = ticks
        for packet in self._stream.encode(frame):
            self._mux(packet)

    def _mux(self, packet: av.Packet[VideoStream]) -> None:
        if packet.pts is not None:
            packet.duration = self._durations.pop(packet.pts, 0)
        self._output.mux(packet)

    def discard(self) -> None:
        """Close everything without caring for the result."""
        if self._audio is not None:
            self._audio.close()
        with suppress(av.error.FFmpegError, OSError):
            self._output.close()


def _usable(time_base: Fraction) -> Fraction:
    return time_base if time_base.denominator <= FINEST_CLOCK else Fraction(1, FINEST_CLOCK)


def _movie_clock(tick: Fraction) -> int:
    """Ticks per second that hold both picture and sound times exactly, where 31 bits allow that."""
    both = lcm(tick.denominator, SOUND_CLOCK)
    return both if both < 2**31 else tick.denominator
