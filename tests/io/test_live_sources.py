"""Addresses, clips at camera pace, cameras that are unplugged."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from pocketmatte.core import PocketmatteError
from pocketmatte.io.camera import Camera, open_camera
from pocketmatte.io.camera_clip import ClipCamera
from pocketmatte.io.live import SINKS, SOURCES, SinkRequest, Source, open_sink, open_source, path_of, scheme_of
from tests.io.video_clips import SIZE, moving, write_clip

RATE = 25
COUNT = 30


@pytest.fixture
def clip(tmp_path) -> Path:
    path = tmp_path / "clip.mp4"
    write_clip(path, range(COUNT), Fraction(1, RATE), moving, rate=Fraction(RATE))
    return path


class Clock:
    """Time that passes only when somebody sleeps or works."""

    now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def test_addresses():
    assert scheme_of("camera:0", SOURCES) == scheme_of("CAMERA:0", SOURCES) == "camera"
    assert scheme_of("clip.mp4", SOURCES) == scheme_of("C:/clip.mp4", SOURCES) == "file"
    assert scheme_of("window:", SINKS) == "window"
    assert path_of("clip:a b.mp4") == path_of("a b.mp4") == path_of("file:a b.mp4") == Path("a b.mp4")
    assert path_of("camera:0") is None
    with pytest.raises(PocketmatteError, match="gopher://"):
        open_source("gopher://host/stream")
    with pytest.raises(PocketmatteError, match="gopher://"):
        open_sink("gopher://host/stream", SinkRequest(SIZE))


@pytest.mark.parametrize("address", ["clip:{}", "{}", "file:{}"])
def test_every_file_source_keeps_the_promises(clip, address):
    source = open_source(address.format(clip))
    assert isinstance(source, Source)
    assert source.size == SIZE
    assert source.rate == RATE
    assert source.paced == address.startswith("clip:")
    times, indices = [], []
    for frame in source:
        assert frame.size == SIZE
        times.append(frame.pts)
        indices.append(frame.index)
    assert times == sorted(set(times))
    assert indices == sorted(set(indices))
    assert indices[-1] == COUNT - 1
    source.close()
    source.close()


@pytest.mark.parametrize("address", ["clip:{}", "{}"])
def test_a_closed_file_source_ends(clip, address):
    source = open_source(address.format(clip))
    frames = iter(source)
    next(frames)
    source.close()
    assert len(list(frames)) <= 1


def test_a_clip_comes_at_camera_pace(clip):
    clock = Clock()
    came = [(frame.index, clock.now - 100) for frame in ClipCamera(clip, clock, clock.sleep)]
    assert [index for index, _ in came] == list(range(COUNT))
    assert [at for _, at in came] == pytest.approx([n / RATE for n in range(COUNT)])


def test_a_late_reader_finds_only_the_newest_frame(clip):
    clock = Clock()
    came = []
    for frame in ClipCamera(clip, clock, clock.sleep):
        came.append(frame.index)
        clock.now += 3.5 / RATE  # three frames pass, the fourth is half over
    assert came[:4] == [0, 3, 7, 10]
    assert came[-1] == COUNT - 1


@pytest.fixture
def capture(tmp_path):
    """OpenCV's own capture on a file: its end is what pulling the plug looks like."""
    path = tmp_path / "device.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), RATE, (SIZE.width, SIZE.height))
    for number in range(5):
        writer.write(moving(number)[..., ::-1])
    writer.release()
    return cv2.VideoCapture(str(path))


def test_a_camera_that_is_unplugged_says_so(capture):
    clock = Clock()
    camera = Camera(capture, "camera 7", clock, clock.sleep)
    assert (camera.size, camera.rate) == (SIZE, RATE)
    frames = []

    def read():
        for frame in camera:
            frames.append(frame)
            clock.now += 0.04

    with pytest.raises(PocketmatteError, match="camera 7 stopped after 5 frames: was it unplugged"):
        read()
    assert [f.index for f in frames] == [0, 1, 2, 3, 4]
    assert [f.pts for f in frames] == pytest.approx([0, 0.04, 0.08, 0.12, 0.16], abs=1e-5)
    assert np.abs(frames[3].image.astype(int) - moving(3)).mean() < 8  # RGB, not BGR
    camera.close()
    camera.close()


def test_a_camera_that_is_closed_ends(capture):
    camera = Camera(capture, "camera 7")
    frames = iter(camera)
    next(frames)
    camera.close()
    assert list(frames) == []


def test_a_camera_that_is_not_there():
    with pytest.raises(PocketmatteError, match="camera 97"):
        open_camera("camera:97")
    with pytest.raises(PocketmatteError, match=r"expected camera:0, camera:0\?1280x720"):
        open_camera("camera:front")
