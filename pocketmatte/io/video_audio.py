"""The sound of a video, carried from the source file into the new one at its own times."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import av

from pocketmatte.io.video_audio_encode import EncodedTrack
from pocketmatte.io.video_formats import VideoFormat
from pocketmatte.io.video_open import open_container

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer


class _Track(Protocol):
    def put(self, packet: av.Packet[AudioStream]) -> None: ...
    def finish(self) -> None: ...


class CopiedTrack:
    """Moves packets over untouched but for their time stamps, which lose ``origin`` and never fall back.

    Containers that count in milliseconds round the time of every packet. When the new container counts samples, the
    sample count of the packets before gives the exact time again, as long as it agrees to within that rounding.
    """

    def __init__(self, source: AudioStream, output: OutputContainer, origin: Fraction) -> None:
        self._output = output
        self._stream = output.add_stream_from_template(source, opaque=True)
        self._origin = origin
        self._samples = source.codec_context.frame_size or 0
        self._clock = Fraction(1, source.codec_context.sample_rate)
        self._next: Fraction | None = None

    def put(self, packet: av.Packet[AudioStream]) -> None:
        """Send one packet to the output."""
        stamp = packet.dts if packet.dts is not None else packet.pts
        tick = packet.time_base
        time = self._next if stamp is None else stamp * tick - self._origin
        if time is None:
            return  # nothing says when this is heard
        exact = self._samples > 0 and tick > self._clock
        if self._next is not None and (time < self._next - tick or (exact and abs(time - self._next) <= tick)):
            time = self._next
        step = self._samples * self._clock if exact else (packet.duration or 0) * tick
        self._next = time + step
        unit = self._clock if exact else tick
        packet.time_base = unit
        packet.pts = packet.dts = round(time / unit)
        packet.duration = round(step / unit)
        packet.stream = self._stream
        self._output.mux(packet)

    def finish(self) -> None:
        """Nothing is held back."""


class AudioTracks:
    """All sound tracks of the file at ``path``, read beside the pictures and muxed as far as these have come.

    The file is opened a second time, so that neither side waits for the other and nothing piles up in memory.
    ``notes`` names the tracks that were converted or left out. Must be made before the output's header is written.
    """

    def __init__(self, path: Path, output: OutputContainer, form: VideoFormat, origin: Fraction) -> None:
        self.notes: list[str] = []
        self._origin = origin
        self._input = open_container(path)
        self._tracks: dict[int, _Track] = {}
        try:
            chosen = [s for s in self._input.streams.audio if self._add(s, output, form, path.name)]
            self._packets = self._read(chosen)
            self._head = next(self._packets, None)
        except BaseException:
            self.close()
            raise

    def _add(self, stream: AudioStream, output: OutputContainer, form: VideoFormat, name: str) -> bool:
        number = stream.index
        if stream.codec_context is None or not stream.codec_context.sample_rate:
            self.notes.append(f"{name}: sound track {number} is of an unknown kind and was left out")
            return False
        codec = stream.codec_context.codec.canonical_name
        if codec in form.copied_audio:
            self._tracks[number] = CopiedTrack(stream, output, self._origin)
        else:
            self._tracks[number] = EncodedTrack(stream, output, form.audio_encoder, self._origin)
            self.notes.append(
                f"{name}: {codec} sound does not go into {form.suffix} and was converted to "
                f"{form.audio_encoder.removeprefix('lib')}"
            )
        return True

    def _read(self, streams: list[AudioStream]) -> Iterator[av.Packet[AudioStream]]:
        if not streams:
            return
        try:
            yield from (packet for packet in self._input.demux(tuple(streams)) if packet.size)
        except (av.error.FFmpegError, OSError):
            self.notes.append("the sound breaks off where the file is damaged")

    def advance(self, until: Fraction | None) -> None:
        """Hand over all sound that begins before ``until`` seconds; all that is left with ``None``."""
        while self._head is not None:
            packet = self._head
            stamp = packet.dts if packet.dts is not None else packet.pts
            if until is not None and stamp is not None and stamp * packet.time_base - self._origin >= until:
                return
            # The time base and the stream of a packet change when it is handed over, so the next one is read first.
            self._head = next(self._packets, None)
            self._tracks[packet.stream.index].put(packet)

    def finish(self) -> None:
        """Empty the encoders."""
        for track in self._tracks.values():
            track.finish()

    def close(self) -> None:
        """Close the second handle on the source."""
        self._input.close()
