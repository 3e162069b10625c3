"""A video file played like a camera: a frame comes when its time has come, and is lost when nobody takes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pocketmatte.core import Frame, PocketmatteError, Size
from pocketmatte.io.live import path_of
from pocketmatte.io.video_source import VideoSource


class ClipCamera:
    """See :class:`pocketmatte.io.live.Source`. ``clock`` and ``sleep`` in seconds, as those of :mod:`time`.

    A reader that comes late gets the newest frame whose time has come, like from a driver with one buffer; ``index``
    counts the frames of the file, so the reader sees how many it missed.
    """

    paced = True

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._video = VideoSource(path)
        self._clock, self._sleep = clock, sleep
        self._closed = False
        self.size: Size = self._video.size
        self.rate = self._video.rate
        self.media: str | None = str(path) if self._video.has_audio else None
        self.notes = self._video.notes

    def __iter__(self) -> Iterator[Frame]:
        started: float | None = None
        held: Frame | None = None
        try:
            for frame in self._video:
                assert frame.pts is not None
                if started is None:
                    started = self._clock() - float(frame.pts)
                due = started + float(frame.pts)
                if held is not None and due > self._clock():
                    yield held  # the next one is not due yet, so this is the newest there is
                if (wait := due - self._clock()) > 0:
                    self._sleep(wait)
                held = frame
                if self._closed:
                    return
            if held is not None:
                yield held
        except PocketmatteError:
            if not self._closed:
                raise

    def close(self) -> None:
        """Stop playing."""
        self._closed = True
        self._video.close()


def open_clip(address: str) -> ClipCamera:
    """``clip:FILE``. Raises :class:`PocketmatteError` when it is no video."""
    path = path_of(address)
    assert path is not None
    return ClipCamera(path)
