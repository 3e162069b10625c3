"""Every kind of output keeps frames, times and alpha through a round trip, and an exception leaves nothing behind."""

from fractions import Fraction

import cv2
import numpy as np
import pytest

from pocketmatte.core import Frame, PocketmatteError, Size
from pocketmatte.io.frames import FramesSource
from pocketmatte.io.images import read_image, write_image
from pocketmatte.io.video_formats import ALPHA_SUFFIXES, SEQUENCE_SUFFIX, VIDEO_OUTPUT_SUFFIXES
from pocketmatte.io.video_sink import VideoSink
from pocketmatte.io.video_source import VideoSource

SIZE = Size(96, 128)
PICTURES = (".png", ".webp", ".tif")
TIMES = [Fraction(n, 24) for n in range(4)] + [Fraction(4, 24) + Fraction(n, 60) for n in range(4)]


def scene(index: int, channels: int) -> np.ndarray:
    """A smooth picture that changes from frame to frame, with a soft matte as fourth channel."""
    y, x = np.mgrid[0 : SIZE.height, 0 : SIZE.width].astype(np.float32)
    planes = [x * 1.9, y * 2.5, 60 + 20 * index + 0 * x]
    if channels == 4:
        distance = np.hypot(x - 40 - 4 * index, y - 50)
        planes.append(255 * np.clip((40 - distance) / 12, 0, 1))
    return np.clip(cv2.merge(planes), 0, 255).astype(np.uint8)


def read_back(path, alpha: bool):
    if path.suffix == SEQUENCE_SUFFIX:
        source = FramesSource(path)
        return [(f.image, f.pts) for f in source] if not alpha else list(source.rgba())
    with VideoSource(path) as source:
        return list(source.rgba()) if alpha else [(f.image, f.pts) for f in source]


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("suffix", VIDEO_OUTPUT_SUFFIXES)
def test_frames_times_and_alpha_survive(tmp_path, suffix, alpha):
    path = tmp_path / f"out{suffix}"
    if alpha and suffix not in ALPHA_SUFFIXES:
        with pytest.raises(PocketmatteError, match="alpha"):
            VideoSink(path, SIZE, alpha=True)
        assert list(tmp_path.iterdir()) == []
        return
    channels = 4 if alpha else 3
    with VideoSink(path, SIZE, alpha=alpha, rate=Fraction(120)) as sink:
        for index, pts in enumerate(TIMES):
            sink.write(scene(index, channels), pts)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    frames = read_back(path, alpha)
    assert len(frames) == len(TIMES)
    rounding = Fraction(1, 2000) if suffix == ".webm" else 0  # Matroska counts in milliseconds
    for index, (image, pts) in enumerate(frames):
        truth = scene(index, channels)
        assert abs(pts - TIMES[index]) <= rounding
        assert np.abs(image[..., :3].astype(int) - truth[..., :3]).mean() < 4
        if alpha:
            assert np.abs(image[..., 3].astype(int) - truth[..., 3]).mean() < 2


@pytest.mark.parametrize("suffix", VIDEO_OUTPUT_SUFFIXES)
def test_an_exception_closes_and_leaves_nothing(tmp_path, suffix):
    def broken():
        with VideoSink(tmp_path / f"out{suffix}", SIZE, rate=Fraction(24)) as sink:
            sink.write(scene(0, 3), Fraction(0))
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        broken()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", PICTURES)
def test_pictures_keep_every_pixel(tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    rgba = scene(2, 4)
    write_image(path, rgba)
    again = read_image(path)
    assert np.array_equal(again.image, rgba[..., :3])
    assert np.array_equal(again.alpha, rgba[..., 3])
    with pytest.raises(PocketmatteError, match="force=True"):
        write_image(path, rgba)


def test_frames_know_their_size():
    assert Frame(scene(0, 3)).size == SIZE
