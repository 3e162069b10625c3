"""A live picture as a file that is playable whatever happens: fragmented MP4, complete up to its last second."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from pocketmatte.core import Frame, PocketmatteError, Size
from pocketmatte.io.atomic import already_there, atomic_path, check_destination
from pocketmatte.io.camera_file import FileSource
from pocketmatte.io.live import Sink, SinkRequest, path_of
from pocketmatte.io.video_color import BT709, LIMITED, FromRgb
from pocketmatte.io.video_sink import VideoSink

SUFFIXES = (".mp4", ".mkv")
_TICK = Fraction(1, 90_000)
_H264 = {"preset": "veryfast", "crf": "20", "bf": "0", "tune": "zerolatency"}
# A fragment is begun at every key picture and written at once, so a file that breaks off plays up to its last one.
_MOVIE = {".mp4": {"movflags": "frag_keyframe+empty_moov+default_base_moof", "flush_packets": "1"}, ".mkv": {}}


class Recording:
    """See :class:`pocketmatte.io.live.Sink`: H.264 at ``path`` (``.mp4`` or ``.mkv``), times of the frames kept.

    The file grows under a hidden name beside ``path`` and gets its name when it is closed, also when writing failed
    on the way (``notes`` says so): what was written by then plays. A killed process leaves the hidden file.
    """

    def __init__(self, path: Path, size: Size, rate: Fraction, *, force: bool = False) -> None:
        if path.suffix.lower() not in SUFFIXES:
            raise PocketmatteError(f"cannot record to {path.name}: expected a name ending in {' or '.join(SUFFIXES)}")
        self.path, self.notes = path, list[str]()
        self._even = Size(size.height + size.height % 2, size.width + size.width % 2)
        self._size, self._rate, self._force = size, rate, force
        self._convert = FromRgb("yuv420p")
        self._origin: Fraction | None = None
        self._frames = 0
        self._broken = False
        check_destination(path, force)
        self._lender = atomic_path(path, force)
        self._temporary = self._lender.__enter__()
        self._closed = False
        try:
            self._guard(self._open)
        except BaseException as error:
            self._give_up(error)
            raise

    def _open(self) -> None:
        options = _MOVIE[self.path.suffix.lower()]
        self._output = av.open(os.fspath(self._temporary.absolute()), "w", container_options=options)
        stream = self._output.add_stream(
            "libx264",
            rate=self._rate,
            options={**_H264, "g": str(max(1, round(self._rate))), "colorprim": "bt709", "transfer": "bt709"},
        )
        stream.height, stream.width, stream.pix_fmt = *self._even, "yuv420p"
        stream.codec_context.time_base = stream.time_base = _TICK
        stream.codec_context.colorspace, stream.codec_context.color_range = BT709, LIMITED
        self._stream = stream

    def write(self, frame: Frame) -> None:
        """Add one picture. Raises :class:`PocketmatteError` when the disk is full; :meth:`close` keeps what is there.

        Time begins at 0 with the first picture."""
        if self._closed or self._broken:
            raise PocketmatteError(f"{self.path} was closed; no more frames can be written")
        if frame.size != self._size or frame.pts is None:
            raise PocketmatteError(f"{self.path.name}: got a frame of {frame.size}, expected {self._size} with a time")
        self._origin = frame.pts if self._origin is None else self._origin
        image = frame.image
        if self._even != self._size:
            pad = ((0, self._even.height - self._size.height), (0, self._even.width - self._size.width), (0, 0))
            image = np.pad(image, pad, mode="edge")
        picture = self._convert(image)
        picture.time_base, picture.pts = _TICK, round((frame.pts - self._origin) / _TICK)
        self._guard(lambda: self._output.mux(self._stream.encode(picture)))
        self._frames += 1

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (av.error.FFmpegError, OSError, ValueError) as error:
            self._broken = True
            full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            reason = "the disk is full" if full else getattr(error, "strerror", None) or str(error)
            raise PocketmatteError(f"cannot go on recording to {self.path}: {reason}") from error

    def wanted(self) -> bool:
        """A recording is always wanted."""
        return True

    def close(self) -> None:
        """Give the file its name; without a single picture nothing is left."""
        if self._closed:
            return
        self._closed = True
        broken = self._broken
        if not broken and self._frames:
            try:
                self._guard(lambda: self._output.mux(self._stream.encode(None)))
            except PocketmatteError:
                broken = True
        with suppress(av.error.FFmpegError, OSError):  # on a full disk the index cannot be written; fragments need none
            self._output.close()
        if not self._frames:
            self._give_up(PocketmatteError("nothing to record"))
            return
        if broken:
            self.notes.append(f"{self.path.name} ends early, after about {self._frames} frames; it plays up to there")
        self._publish()

    def _publish(self) -> None:
        if not self._force and self.path.exists():
            self._give_up(already_there(self.path))
            raise already_there(self.path)
        self._lender.__exit__(None, None, None)

    def _give_up(self, error: BaseException) -> None:
        self._lender.__exit__(type(error), error, None)


class FileCopy:
    """See :class:`pocketmatte.io.live.Sink`: a file made of a file, with its sound, complete or not there at all."""

    def __init__(self, path: Path, source: FileSource, size: Size, *, force: bool) -> None:
        self._video = VideoSink(path, size, source.video, force=force)
        self.notes = self._video.notes

    def write(self, frame: Frame) -> None:
        """Add one picture."""
        assert frame.pts is not None
        self._video.write(frame.image, frame.pts)

    def wanted(self) -> bool:
        """A file is always wanted."""
        return True

    def close(self) -> None:
        """Complete the file with what was written."""
        self._video.close()


def open_recording(address: str, request: SinkRequest) -> Sink:
    """``FILE``: a copy with sound of a video file that is read frame by frame, else a :class:`Recording`.

    Raises :class:`PocketmatteError` for other names and when it cannot be written.
    """
    path = path_of(address)
    assert path is not None
    if isinstance(request.source, FileSource):
        return FileCopy(path, request.source, request.size, force=request.force)
    return Recording(path, request.size, request.rate, force=request.force)
