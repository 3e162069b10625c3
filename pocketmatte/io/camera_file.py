"""A video file as a source: every frame, as fast as it is read."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from pocketmatte.core import Frame, PocketmatteError, Size
from pocketmatte.io.live import path_of
from pocketmatte.io.video_source import VideoSource


class FileSource:
    """See :class:`pocketmatte.io.live.Source`; ``video`` is the file itself."""

    paced = False

    def __init__(self, video: VideoSource) -> None:
        self.video = video
        self.size: Size = video.size
        self.rate: Fraction = video.rate
        self.media: str | None = str(video.path) if video.has_audio else None
        self.notes = video.notes
        self._closed = False

    def __iter__(self) -> Iterator[Frame]:
        try:
            yield from self.video
        except PocketmatteError:
            if not self._closed:
                raise

    def close(self) -> None:
        """Close the file."""
        self._closed = True
        self.video.close()


def open_file(address: str) -> FileSource:
    """``FILE`` or ``file:FILE``. Raises :class:`PocketmatteError` when it is no video."""
    path = path_of(address)
    assert path is not None
    return FileSource(VideoSource(path))
