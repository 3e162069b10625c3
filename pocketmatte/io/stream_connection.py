"""One connection to a stream server: pictures through an encoder with no delay, sound beside them."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction

import av

from pocketmatte.core import Size
from pocketmatte.io.stream_address import StreamFormat
from pocketmatte.io.stream_sound import Sound, SoundTrack
from pocketmatte.io.video_color import BT709, LIMITED

FAILURES = (av.error.FFmpegError, OSError, ValueError)
TICK = Fraction(1, 90_000)
_BITS_PER_PIXEL = 0.12  # at most, on average: 3.3 Mbit/s for 720p at 30 frames per second
_LEAST_BITS = 400_000
_KEY_SECONDS = 2  # who joins waits so long for a picture at most
_WAIT_FOR_SOUND = "200000"  # microseconds of pictures held back for sound that does not come


class Connection:
    """Opens in the constructor, which raises one of :data:`FAILURES` when the server is gone, as :meth:`send` does.

    Time begins at 0 with the first picture of every connection, which is a key picture.
    """

    def __init__(self, address: str, form: StreamFormat, size: Size, rate: Fraction, sound: Sound | None) -> None:
        self._origin: Fraction | None = None
        self._last = -1
        self.sent = 0
        options = {**form.options, "max_interleave_delta": _WAIT_FOR_SOUND, "flush_packets": "1"}
        self._output = av.open(address, "w", format=form.container, container_options=options)
        try:
            bits = max(_LEAST_BITS, round(_BITS_PER_PIXEL * size.height * size.width * float(rate)))
            self._stream = self._output.add_stream(
                "libx264",
                rate=rate.limit_denominator(100_000),
                options={
                    "preset": "veryfast",
                    "tune": "zerolatency",
                    "crf": "23",
                    "bf": "0",
                    "maxrate": str(bits),
                    "bufsize": str(bits),
                    "g": str(max(1, round(_KEY_SECONDS * rate))),
                    "colorprim": "bt709",
                    "transfer": "bt709",
                },
            )
            self._stream.height, self._stream.width, self._stream.pix_fmt = *size, "yuv420p"
            context = self._stream.codec_context
            context.time_base = self._stream.time_base = TICK
            context.colorspace, context.color_range = BT709, LIMITED
            self._sound = SoundTrack(sound, self._output, form.copied_audio) if sound is not None else None
            self._output.start_encoding()  # connects and sends the header
        except BaseException:
            self.discard()
            raise

    @property
    def note(self) -> str:
        """What happened to the sound."""
        return self._sound.note if self._sound is not None else ""

    def send(self, picture: av.VideoFrame, pts: Fraction) -> None:
        """Send one picture in yuv420p, shown from ``pts`` seconds, and the sound before it."""
        self._origin = pts if self._origin is None else self._origin
        if self._sound is not None:
            self._sound.send(pts, self._origin)
        ticks = max(self._last + 1, round((pts - self._origin) / TICK))
        picture.time_base, picture.pts = TICK, ticks
        self._last = ticks
        self._output.mux(self._stream.encode(picture))
        self.sent += 1

    def finish(self) -> None:
        """Send what the encoders hold, and say goodbye."""
        if self.sent:
            if self._sound is not None:
                self._sound.finish()
            self._output.mux(self._stream.encode(None))
        self._output.close()

    def discard(self) -> None:
        """Close without caring for the server."""
        with suppress(*FAILURES):
            self._output.close()
