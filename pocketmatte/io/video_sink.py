"""Writing a video: H.264, ProRes 4444 or VP9 files, or a folder of numbered PNG files, by the name of the output."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np

from pocketmatte.core import PocketmatteError, Size, UInt8Image
from pocketmatte.io.atomic import atomic_path
from pocketmatte.io.frames import FolderName, FramesSink, folder_name
from pocketmatte.io.video_formats import ALPHA_SUFFIXES, LAYOUTS, VIDEO_OUTPUT_SUFFIXES, VideoFormat, video_format
from pocketmatte.io.video_source import DEFAULT_RATE, VideoSource
from pocketmatte.io.video_writer import Clock, ContainerWriter, Sound

__all__ = ["ALPHA_SUFFIXES", "VIDEO_OUTPUT_SUFFIXES", "VideoSink"]

_REASONS = {
    errno.ENOSPC: "the disk is full; free some space or choose another place",
    errno.EDQUOT: "the disk quota is used up; free some space or choose another place",
    errno.EFBIG: "the file became larger than the system allows; choose another place or fewer frames",
    errno.EACCES: "no permission to write there; choose another place",
    errno.EPERM: "no permission to write there; choose another place",
    errno.EROFS: "that place is read-only; choose another",
}


class VideoSink:
    """A video in the making; ``with`` completes it, or removes it when the block raises.

    ``path`` decides the kind: ``.mp4`` (H.264), ``.mov`` (ProRes 4444 with alpha, else H.264), ``.webm`` (VP9), or a
    folder of PNG files (no suffix, ``.png-seq``, or ``folder/name_%05d.png``). ``size`` is that of the frames.

    ``source`` lends its time base, frame rate, pixel shape and sound; without it ``rate`` sets the clock (1 / rate,
    else 1/90000 s) and there is no sound. With ``alpha``, :meth:`write` takes RGBA; ``layout`` ``side-by-side`` puts
    colour and matte (grey) next to each other in an opaque picture of twice the width. ``options`` go over the
    encoder's, such as ``{"crf": "23"}``.

    H.264 needs even sides: an odd picture is padded by repeating its last column or row. The output appears under its
    name only when complete. An existing one is replaced only with ``force``, the source never. ``notes`` says what
    happened to the sound. Raises :class:`PocketmatteError` on a name that cannot hold what is asked for and when
    writing fails.
    """

    def __init__(
        self,
        path: str | Path,
        size: Size,
        source: VideoSource | None = None,
        *,
        alpha: bool = False,
        layout: str = "plain",
        rate: Fraction | None = None,
        options: dict[str, str] | None = None,
        sound: bool = True,
        force: bool = False,
    ) -> None:
        self.path = Path(path)
        self.size = size
        self.notes: list[str] = []
        self._source = source
        self._channels = 4 if alpha else 3
        self._split = alpha and layout == "side-by-side"
        self._rate = rate or (source.rate if source else None)
        self._last: Fraction | None = None
        self._interval = 1 / (self._rate or DEFAULT_RATE)
        self._done = False
        if layout not in LAYOUTS:
            raise PocketmatteError(f"unknown layout {layout!r}, expected {' or '.join(LAYOUTS)}")
        if source is not None and self.path.exists() and self.path.samefile(source.path):
            raise PocketmatteError(f"{path} is the video that is being read; choose another name for the result")
        folder = folder_name(self.path)
        form = None if folder else video_format(self.path, alpha=alpha and not self._split)
        self._even = form is not None and form.even
        # The stack holds the temporary name: left with an error it removes the file, else it gives it its name.
        with ExitStack() as stack, self._failures():
            if folder is not None:
                self._writer: FramesSink | ContainerWriter = self._open_folder(folder, force=force)
            elif form is not None:
                temporary = stack.enter_context(atomic_path(self.path, force))
                self._writer = self._open_file(temporary, form, options or {}, sound=sound)
            self._stack = stack.pop_all()

    def _open_folder(self, folder: FolderName, *, force: bool) -> FramesSink:
        if self._source is not None and self._source.has_audio:
            self.notes.append(f"{self.path.name}: PNG files hold no sound; it was left out")
        return FramesSink(folder, force=force)

    def _open_file(
        self, temporary: Path, form: VideoFormat, options: dict[str, str], *, sound: bool
    ) -> ContainerWriter:
        source = self._source
        clock = Clock(1 / self._rate if self._rate else Fraction(1, 90_000), self._rate or DEFAULT_RATE)
        track = None
        if source is not None:
            clock = Clock(source.time_base, source.rate, source.pixel_aspect)
            track = Sound(source.path, source.origin) if sound and source.has_audio else None
        return ContainerWriter(temporary, self._picture_size(), form, clock, track, options)

    def _picture_size(self) -> Size:
        """Size of the encoded picture: both halves, each padded to even sides where the format needs it."""
        step = 2 if self._even else 1
        height, width = (-(-side // step) * step for side in self.size)
        return Size(height, 2 * width if self._split else width)

    def write(self, image: UInt8Image, pts: Fraction) -> None:
        """Add a frame shown from ``pts`` seconds: ``uint8 [H,W,3]`` RGB, or ``[H,W,4]`` straight RGBA with alpha.

        Times must rise. The array is copied, so the caller may reuse it.
        """
        if self._done:
            raise PocketmatteError(f"{self.path} was closed; no more frames can be written")
        expected = (*self.size, self._channels)
        if image.shape != expected or image.dtype != np.uint8:
            raise PocketmatteError(
                f"{self.path.name}: got a frame {image.dtype} {image.shape}, expected uint8 {expected}"
            )
        if self._last is not None:
            if pts <= self._last:
                raise PocketmatteError(f"{self.path.name}: frame time {pts} s is not after {self._last} s")
            self._interval = pts - self._last
        with self._failures():
            self._writer.put(self._picture(image), pts)
        self._last = pts

    def _picture(self, image: UInt8Image) -> UInt8Image:
        if self._split:
            colour, matte = image[:, :, :3], np.repeat(image[:, :, 3:], 3, axis=2)
            return np.concatenate([self._padded(colour), self._padded(matte)], axis=1)
        return self._padded(image)

    def _padded(self, image: UInt8Image) -> UInt8Image:
        height, width = image.shape[:2]
        if not self._even or (height % 2 == 0 and width % 2 == 0):
            return image
        return np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")

    def close(self) -> None:
        """Complete the output and give it its name. Raises when no frame was written. May be called twice."""
        if self._done:
            return
        try:
            if self._last is None:
                raise PocketmatteError(f"{self.path.name}: no frame was written, so there is no video to save")
            with self._failures():
                self._finish()
        except BaseException:
            self.abort()
            raise
        self._done = True

    def _finish(self) -> None:
        source = self._source
        whole = source is not None and source.exhausted
        # The source knows how long its last frame lasts; else it lasts as long as the one before.
        last = (source.last_duration if source is not None and whole else None) or self._interval
        if isinstance(self._writer, ContainerWriter):
            self._writer.finish(last, all_sound=whole)
            self.notes.extend(self._writer.notes)
        else:
            self._writer.finish(last)
        self._stack.close()

    def abort(self) -> None:
        """Remove what was written so far; nothing appears under the name of the output. May be called twice."""
        if self._done:
            return
        self._done = True
        self._writer.discard()
        cause = PocketmatteError(f"{self.path} was given up")
        self._stack.__exit__(type(cause), cause, None)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Failures of the disk and of FFmpeg become one clear line."""
        try:
            yield
        except (av.error.FFmpegError, OSError, ValueError) as error:
            number = getattr(error, "errno", None)
            reason = _REASONS.get(number or 0) or getattr(error, "strerror", None) or str(error)
            raise PocketmatteError(f"cannot write {self.path}: {reason}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self.abort()
