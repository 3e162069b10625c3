"""REQ-10: alpha that was asked for is really in the file, read back by a decoder that keeps it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from pocketmatte.core import PocketmatteError, Size
from pocketmatte.io.frames import FramesSource
from pocketmatte.io.video_sink import VideoSink
from pocketmatte.io.video_source import VideoSource
from tests.io.video_clips import moving

SIZE = Size(120, 160)
COUNT = 12
RATE = Fraction(30000, 1001)


def matte(index: int, size: Size = SIZE) -> npt.NDArray[np.uint8]:
    """A disc with a soft edge that moves; holds 0, 255 and everything between."""
    y, x = np.mgrid[: size.height, : size.width]
    return np.clip(600 - 12 * np.hypot(x - 60 - 3 * index, y - 55), 0, 255).astype(np.uint8)


def cut_out(index: int, size: Size = SIZE) -> npt.NDArray[np.uint8]:
    return np.dstack([moving(index, size), matte(index, size)])


def write(path: Path, size: Size = SIZE, **options: object) -> Path:
    with VideoSink(path, size, alpha=True, rate=RATE, **options) as sink:
        for index in range(COUNT):
            sink.write(cut_out(index, size), index / RATE)
    return path


def alpha_errors(pairs: list[tuple[npt.NDArray[np.uint8], int]]) -> npt.NDArray[np.int64]:
    assert len(pairs) == COUNT
    return np.stack([np.abs(alpha.astype(np.int64) - matte(index)) for alpha, index in pairs])


def test_webm_alpha_read_by_libvpx(tmp_path: Path) -> None:
    path = write(tmp_path / "cut.webm")
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert {key.lower(): value for key, value in stream.metadata.items()}["alpha_mode"] == "1"
        decoder = av.CodecContext.create("libvpx-vp9", "r")
        frames = [frame for packet in container.demux(stream) if packet.size for frame in decoder.decode(packet)]
        frames += decoder.decode(None)
    assert {frame.format.name for frame in frames} == {"yuva420p"}
    planes = [np.frombuffer(f.planes[3], np.uint8).reshape(f.height, -1)[:, : f.width] for f in frames]
    error = alpha_errors([(plane, index) for index, plane in enumerate(planes)])
    assert error.mean() < 1
    assert np.percentile(error, 99) <= 6


def test_webm_says_alpha_mode_in_its_track_header(tmp_path: Path) -> None:
    """Element 0x53C0 = 1; without it Chrome shows an opaque picture."""
    assert b"\x53\xc0\x81\x01" in write(tmp_path / "cut.webm").read_bytes()


@pytest.mark.parametrize(("suffix", "mean", "worst"), [(".webm", 1.0, 24), (".mov", 0.5, 2)])
def test_source_gives_the_alpha_back(tmp_path: Path, suffix: str, mean: float, worst: int) -> None:
    with VideoSource(write(tmp_path / f"cut{suffix}")) as source:
        assert source.has_alpha
        pictures = [(image, pts) for image, pts in source.rgba()]
        assert len(list(source)) == COUNT  # and the opaque view of the same file
    error = alpha_errors([(image[:, :, 3], index) for index, (image, _) in enumerate(pictures)])
    assert error.mean() < mean
    assert error.max() <= worst
    # The colour is straight: also where alpha is small, it is that of the picture.
    colour = [np.abs(image[:, :, :3].astype(int) - moving(i, SIZE)).mean() for i, (image, _) in enumerate(pictures)]
    assert max(colour) < 3


def test_prores_is_4444(tmp_path: Path) -> None:
    with av.open(str(write(tmp_path / "cut.mov"))) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.codec.canonical_name == "prores"
        assert stream.codec_context.codec_tag == "ap4h"
        assert next(container.decode(stream)).format.name == "yuva444p12le"


@pytest.mark.parametrize("name", ["cut", "cut.png-seq", "cut/shot_%04d.png"])
def test_png_sequence_is_exact(tmp_path: Path, name: str) -> None:
    write(tmp_path / name)
    folder = tmp_path / name.split("/")[0]
    source = FramesSource(folder)
    for index, (image, pts) in enumerate(source.rgba()):
        assert np.array_equal(image, cut_out(index))
        assert pts == index / RATE
    assert (source.frame_estimate, source.rate, source.size) == (COUNT, RATE, SIZE)
    if "%" in name:
        assert (folder / "shot_0000.png").exists()


def test_mp4_refuses_alpha_and_names_what_can_hold_it(tmp_path: Path) -> None:
    with pytest.raises(PocketmatteError, match=r"\.mov, \.webm, \.png-seq.*side-by-side"):
        VideoSink(tmp_path / "cut.mp4", SIZE, alpha=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [SIZE, Size(121, 161)])
def test_side_by_side_holds_colour_and_matte(tmp_path: Path, size: Size) -> None:
    path = write(tmp_path / "cut.mp4", size, layout="side-by-side")
    half = size.width + size.width % 2
    with VideoSource(path) as source:
        assert source.size == Size(size.height + size.height % 2, 2 * half)
        for frame in source:
            colour = frame.image[: size.height, : size.width]
            grey = frame.image[: size.height, half : half + size.width]
            assert np.abs(colour.astype(int) - moving(frame.index, size)).mean() < 4
            assert np.abs(grey.astype(int) - matte(frame.index, size)[:, :, None]).mean() < 2


def test_unknown_layout_is_named(tmp_path: Path) -> None:
    with pytest.raises(PocketmatteError, match="plain or side-by-side"):
        VideoSink(tmp_path / "cut.mp4", SIZE, alpha=True, layout="stacked")


def test_opaque_video_reads_as_alpha_255(tmp_path: Path) -> None:
    with VideoSink(tmp_path / "plain.mp4", SIZE) as sink:
        sink.write(moving(0, SIZE), Fraction(0))
    with VideoSource(tmp_path / "plain.mp4") as source:
        assert not source.has_alpha
        assert all((image[:, :, 3] == 255).all() for image, _ in source.rgba())
