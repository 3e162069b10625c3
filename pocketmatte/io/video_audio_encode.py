"""Sound that its new container does not take: decoded, and encoded again."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Literal, Protocol

import av

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import OutputContainer

_RATES = {"aac": frozenset({8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000})}
_BITS_PER_CHANNEL = 96_000
_FALLBACK_RATE = 48_000


class _Decoded(Protocol):
    """A stream, or anything else with a decoder."""

    @property
    def codec_context(self) -> AudioCodecContext: ...


class EncodedTrack:
    """Decodes packets and encodes them with ``encoder``: mono stays mono, everything else becomes stereo.

    Gaps, also one at the start, become silence, so that what follows is heard at its own time. Nothing is heard before
    0: WebM would move the pictures to make room for it.
    """

    def __init__(
        self, source: _Decoded, output: OutputContainer, encoder: Literal["aac", "libopus"], origin: Fraction
    ) -> None:
        self._source = source
        self._output = output
        self._origin = origin
        wanted = source.codec_context.sample_rate
        self._rate = wanted if wanted in _RATES.get(encoder, frozenset()) else _FALLBACK_RATE
        self._layout = "mono" if source.codec_context.channels == 1 else "stereo"
        channels = 1 if self._layout == "mono" else 2
        self._stream = output.add_stream(encoder, rate=self._rate)
        self._stream.codec_context.layout = self._layout
        self._stream.codec_context.bit_rate = _BITS_PER_CHANNEL * channels
        self._graph: av.filter.Graph | None = None

    def put(self, packet: av.Packet[AudioStream]) -> None:
        """Send what one packet holds to the output."""
        try:
            frames = self._source.codec_context.decode(packet)
        except av.error.FFmpegError:
            return  # a damaged packet becomes a gap, which the resampler fills with silence
        for frame in frames:
            self._push(frame)
        self._drain()

    def _push(self, frame: AudioFrame) -> None:
        if self._graph is None:
            self._graph = self._build(frame)
        if frame.pts is not None and frame.time_base is not None:
            frame.pts -= round(self._origin / frame.time_base)
        self._graph.push(frame)

    def _build(self, frame: AudioFrame) -> av.filter.Graph:
        graph = av.filter.Graph()
        start = graph.add_abuffer(
            sample_rate=frame.sample_rate,
            format=frame.format.name,
            layout=frame.layout.name,
            time_base=frame.time_base,
        )
        context = self._stream.codec_context
        form = context.format.name if context.format else "fltp"
        chain = [
            graph.add("aresample", "async=1:min_hard_comp=0.02:first_pts=0"),
            graph.add("aformat", f"sample_fmts={form}:sample_rates={self._rate}:channel_layouts={self._layout}"),
            graph.add("abuffersink"),
        ]
        for node in chain:
            start.link_to(node)
            start = node
        graph.configure()
        return graph

    def _drain(self) -> None:
        while self._graph is not None:
            try:
                frame = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            if isinstance(frame, av.AudioFrame):
                self._output.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Empty the decoder, the resampler and the encoder."""
        for frame in self._source.codec_context.decode(None):
            self._push(frame)
        if self._graph is not None:
            self._graph.push(None)
            self._drain()
        self._output.mux(self._stream.encode(None))
