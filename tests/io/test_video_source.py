"""Reading videos: upright, in the right colours, in bounded memory, and calm about broken files."""

from __future__ import annotations

import gc
import struct
import weakref
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread

import av
import numpy as np
import numpy.typing as npt
import pytest
from av.stream import Disposition

from pocketmatte.core import PocketmatteError, Size
from pocketmatte.io.video_orientation import Orientation
from pocketmatte.io.video_source import VideoSource
from tests.io.video_clips import (
    MATRIX_TAGS,
    SIZE,
    SWATCHES,
    flash,
    identity,
    moving,
    swatch_colors,
    swatch_planes,
    to_yuv,
    write_clip,
)

TICK = Fraction(1, 15_360)
COUNT = 60
STEP = 512  # ticks: 30 frames per second
Image = npt.NDArray[np.uint8]


def clip(path: Path, count: int = COUNT, **options: object) -> Path:
    write_clip(path, [STEP * i for i in range(count)], TICK, moving, **options)
    return path


def test_frames_times_and_attributes(tmp_path: Path) -> None:
    with VideoSource(clip(tmp_path / "clip.mp4", audio="aac")) as source:
        assert source.size == SIZE
        assert source.rate == 30
        assert source.time_base == TICK
        assert source.duration == 2
        assert source.frame_estimate == COUNT
        assert source.has_audio
        assert not source.has_alpha
        assert source.pixel_aspect == 1
        frames = list(source)
        assert source.notes == []
    assert [frame.pts for frame in frames] == [Fraction(i, 30) for i in range(COUNT)]
    assert [frame.index for frame in frames] == list(range(COUNT))
    for frame in frames:
        assert frame.image.dtype == np.uint8
        assert frame.image.flags.c_contiguous
        assert np.abs(frame.image.astype(int) - moving(frame.index)).mean() < 4


def test_every_pass_starts_at_the_first_frame(tmp_path: Path) -> None:
    with VideoSource(clip(tmp_path / "clip.mp4")) as source:
        halfway = iter(source)
        first = [next(halfway).image.copy() for _ in range(5)]
        again = list(source)
        assert len(again) == COUNT
        assert all(np.array_equal(a, b.image) for a, b in zip(first, again, strict=False))
        assert [frame.pts for frame in source] == [frame.pts for frame in again]


def test_a_pass_that_was_overtaken_is_an_error(tmp_path: Path) -> None:
    with VideoSource(clip(tmp_path / "clip.mp4")) as source:
        old = iter(source)
        next(old)
        assert len(list(source)) == COUNT
        with pytest.raises(PocketmatteError, match="begun anew"):
            next(old)


def test_closing_while_a_thread_reads(tmp_path: Path) -> None:
    source = VideoSource(clip(tmp_path / "clip.mp4"))
    caught: list[PocketmatteError] = []
    running = Event()

    def read() -> None:
        try:
            while True:
                for _ in source:
                    running.set()
        except PocketmatteError as error:
            caught.append(error)

    thread = Thread(target=read)
    thread.start()
    assert running.wait(60)
    source.close()
    thread.join(60)
    assert not thread.is_alive()
    assert ["closed" in str(error) for error in caught] == [True]


def test_reading_after_close_is_an_error(tmp_path: Path) -> None:
    source = VideoSource(clip(tmp_path / "clip.mp4"))
    source.close()
    source.close()
    with pytest.raises(PocketmatteError, match="was closed"):
        next(iter(source))


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    """Of 300 frames no more than the current one is alive, and the decoder keeps its few."""
    alive: list[weakref.ref[Image]] = []
    most = 0
    gc.collect()
    before = sum(isinstance(thing, av.VideoFrame) for thing in gc.get_objects())
    with VideoSource(clip(tmp_path / "clip.mp4", 300)) as source:
        for frame in source:
            alive.append(weakref.ref(frame.image))
            most = max(most, sum(ref() is not None for ref in alive))
        decoded = sum(isinstance(thing, av.VideoFrame) for thing in gc.get_objects())
    assert len(alive) == 300
    assert most <= 2
    assert decoded - before <= 4


# Matrix entries a, b, c, d: a stored pixel (p, q) is shown at (a p + c q, b p + d q). What NumPy calls the same turn:
TURNS: dict[str, tuple[tuple[int, int, int, int], Callable[[Image], Image], int]] = {
    "upright": ((1, 0, 0, 1), lambda image: image, 0),
    "clockwise": ((0, 1, -1, 0), lambda image: np.rot90(image, -1), 90),
    "half turn": ((-1, 0, 0, -1), lambda image: np.rot90(image, 2), 180),
    "anticlockwise": ((0, -1, 1, 0), lambda image: np.rot90(image, 1), 270),
    "mirrored": ((-1, 0, 0, 1), lambda image: image[:, ::-1], 0),
    "upside down": ((1, 0, 0, -1), lambda image: image[::-1], 180),
    "transposed": ((0, 1, 1, 0), lambda image: image.transpose(1, 0, 2), 270),
    "anti-transposed": ((0, -1, -1, 0), lambda image: image.transpose(1, 0, 2)[::-1, ::-1], 90),
}


def set_matrix(path: Path, a: int, b: int, c: int, d: int) -> None:
    """Write the display matrix into the track header (ISO/IEC 14496-12, 8.3.2, version 0)."""
    data = bytearray(path.read_bytes())
    header = data.index(b"tkhd") + 4
    assert data[header] == 0
    one, unit = 1 << 16, 1 << 30
    data[header + 40 : header + 76] = struct.pack(">9i", a * one, b * one, 0, c * one, d * one, 0, 0, 0, unit)
    path.write_bytes(data)


@pytest.mark.parametrize("turn", TURNS)
def test_phone_videos_stand_upright(tmp_path: Path, turn: str) -> None:
    matrix, expected, rotation = TURNS[turn]
    path = clip(tmp_path / "phone.mp4", 5)
    with VideoSource(path) as source:
        stored = [frame.image for frame in source]
    set_matrix(path, *matrix)
    with VideoSource(path) as source:
        upright = [frame.image for frame in source]
        assert source.rotation == rotation
        assert source.size == Size(*upright[0].shape[:2]) == Size(*expected(stored[0]).shape[:2])
        straight = [image for image, _ in source.rgba()]
    for before, after, rgba in zip(stored, upright, straight, strict=True):
        assert np.array_equal(after, expected(before))  # pixels only move
        assert np.array_equal(rgba[:, :, :3], after)
        assert after.flags.c_contiguous
    identity(path, tmp_path / "copy.mp4")
    with VideoSource(tmp_path / "copy.mp4") as copy:
        assert copy.rotation == 0  # turned once, not twice
        assert np.abs(next(iter(copy)).image.astype(int) - upright[0]).mean() < 4


def test_odd_angles_go_to_the_nearest_quarter() -> None:
    almost = struct.pack("=9i", 3000, 65000, 0, -65000, 3000, 0, 0, 0, 1 << 30)
    assert Orientation.from_matrix(almost) == Orientation(True, True, False)


@pytest.mark.parametrize(
    ("matrix", "full", "tagged", "size"),
    [
        ("bt601", False, True, Size(240, 336)),
        ("bt709", False, True, Size(240, 336)),
        ("bt601", False, True, Size(720, 1288)),
        ("bt709", False, True, Size(720, 1288)),
        ("bt2020", False, True, Size(720, 1288)),
        ("bt601", True, True, Size(240, 336)),
        ("bt709", True, True, Size(720, 1288)),
        ("bt601", False, False, Size(240, 336)),
        ("bt709", False, False, Size(720, 1288)),
    ],
)
def test_colours_survive(tmp_path: Path, matrix: str, full: bool, tagged: bool, size: Size) -> None:
    path = tmp_path / "swatch.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=30, options={"qp": "0", "preset": "ultrafast"})
        stream.height, stream.width, stream.pix_fmt = *size, "yuv420p"
        if tagged:
            stream.codec_context.colorspace = MATRIX_TAGS[matrix]
            stream.codec_context.color_range = 2 if full else 1
        frame = av.VideoFrame.from_ndarray(swatch_planes(to_yuv(SWATCHES, matrix, full=full), size), "yuv420p")
        if tagged:
            frame.colorspace, frame.color_range = MATRIX_TAGS[matrix], 2 if full else 1
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with VideoSource(path) as source:
        image = next(iter(source)).image
        rgba = next(source.rgba())[0]
    assert np.abs(swatch_colors(image) - SWATCHES).max() <= 3
    assert np.abs(swatch_colors(rgba[:, :, :3]) - SWATCHES).max() <= 3


def test_hdr_is_read_with_a_note(tmp_path: Path) -> None:
    path = tmp_path / "hdr.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=30)
        stream.height, stream.width, stream.pix_fmt = *SIZE, "yuv420p10le"
        stream.codec_context.color_trc = 16
        frame = av.VideoFrame.from_ndarray(moving(0), "rgb24").reformat(format="yuv420p10le")
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with VideoSource(path) as source:
        assert len(list(source)) == 1
        assert ["HDR (PQ)" in note for note in source.notes] == [True]


def test_pixel_shape_is_kept_and_turned(tmp_path: Path) -> None:
    path = tmp_path / "wide.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=30)
        stream.height, stream.width, stream.pix_fmt = *SIZE, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        output.mux(stream.encode(av.VideoFrame.from_ndarray(moving(0), "rgb24")))
        output.mux(stream.encode(None))
    with VideoSource(path) as source:
        assert source.pixel_aspect == Fraction(4, 3)
    identity(path, tmp_path / "copy.mp4")
    with VideoSource(tmp_path / "copy.mp4") as copy:
        assert copy.pixel_aspect == Fraction(4, 3)
    set_matrix(path, 0, 1, -1, 0)
    with VideoSource(path) as source:
        assert source.pixel_aspect == Fraction(3, 4)


def test_unusable_files_give_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("these are words, no pictures\n" * 50)
    (tmp_path / "list.mp4").write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/secret.ts\n#EXT-X-ENDLIST\n")
    (tmp_path / "folder.mp4").mkdir()
    whole = clip(tmp_path / "whole.mp4").read_bytes()  # the index (moov) of this one comes last
    (tmp_path / "no-index.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    with av.open(str(tmp_path / "sound.mp4"), "w") as output:
        stream = output.add_stream("aac", rate=48_000)
        silence = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
        silence.sample_rate = 48_000
        output.mux(stream.encode(silence))
        output.mux(stream.encode(None))
    with av.open(str(tmp_path / "cover.mp4"), "w") as output:
        stream = output.add_stream("aac", rate=48_000)
        cover = output.add_stream("mjpeg")
        cover.height, cover.width, cover.pix_fmt = *SIZE, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        silence.pts = None
        output.mux(stream.encode(silence))
        output.mux(stream.encode(None))
        output.mux(cover.encode(av.VideoFrame.from_ndarray(moving(0), "rgb24").reformat(format="yuvj420p")))
    expected = {
        "missing.mp4": "no such video file",
        "empty.mp4": "0 bytes",
        "text.mp4": "cannot be read as a video",
        "list.mp4": "list.mp4",
        "folder.mp4": "is a folder",
        "no-index.mp4": "cut off",
        "sound.mp4": "only sound",
        "cover.mp4": "only sound",
    }
    for name, words in expected.items():
        with pytest.raises(PocketmatteError, match=words) as caught:
            VideoSource(tmp_path / name)
        assert name in str(caught.value)
        assert str(caught.value).count("\n") == 0


@pytest.mark.parametrize("name", ["a:b.mp4", "100%d.mp4", "-i.mp4", "später.mp4", "with space.mp4"])
def test_any_file_name_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    clip(tmp_path / "plain.mp4", 5).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert len(identity(Path(name), Path(f"copy of {name}"))) == 5
    with VideoSource(f"copy of {name}") as source:
        assert len(list(source)) == 5


@pytest.mark.parametrize("suffix", [".mkv", ".ts", ".mp4"])
def test_a_cut_off_file_gives_what_is_there_and_says_so(tmp_path: Path, suffix: str) -> None:
    first = clip(tmp_path / f"first{suffix}", audio="aac")
    whole = tmp_path / f"whole{suffix}"
    if suffix == ".mp4":
        identity(first, whole)  # our own files have their index in front
    else:
        first.rename(whole)
    data = whole.read_bytes()
    assert suffix != ".ts" or (len(data) * 6 // 10) % 188
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(data[: len(data) * 6 // 10])
    with VideoSource(whole) as source:
        everything = list(source)
        assert source.notes == []
    with VideoSource(cut) as source:
        rest = list(source)
        notes = source.notes
    assert 10 < len(rest) < len(everything)
    assert all(np.array_equal(a.image, b.image) for a, b in zip(rest[:10], everything, strict=False))
    words = "breaks off within a packet" if suffix == ".ts" else "ends early"  # a broadcast has no stated length
    assert any(words in note for note in notes)
    times = identity(cut, tmp_path / "copy.mp4")
    assert times == [frame.pts for frame in rest]
    with VideoSource(tmp_path / "copy.mp4") as copy:
        assert copy.has_audio
        assert [frame.pts for frame in copy] == times


def test_damage_in_the_middle_is_survived(tmp_path: Path) -> None:
    path = clip(tmp_path / "clip.mkv", options={"g": "10"})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = bytes(400)
    path.write_bytes(data)
    with VideoSource(path) as source:
        frames = list(source)
    assert 30 < len(frames) <= COUNT
    times = [frame.pts for frame in frames if frame.pts is not None]
    assert all(a < b for a, b in pairwise(times))


def test_a_size_that_changes_on_the_way_is_brought_back(tmp_path: Path) -> None:
    """Two recordings in one transport stream."""
    parts = [tmp_path / "a.ts", tmp_path / "b.ts"]
    write_clip(parts[0], [3000 * i for i in range(10)], Fraction(1, 90_000), flash)
    write_clip(
        parts[1], [3000 * i for i in range(10)], Fraction(1, 90_000), lambda i: moving(i, Size(64, 80)),
        picture_delay=Fraction(1),
    )  # fmt: skip
    (tmp_path / "both.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    with VideoSource(tmp_path / "both.ts") as source:
        shapes = [frame.image.shape for frame in source]
    assert set(shapes) == {(*SIZE, 3)}
    assert len(shapes) > 15


def test_raw_stream_without_times_gets_the_frame_rate(tmp_path: Path) -> None:
    clip(tmp_path / "clip.mp4", 20)
    with av.open(str(tmp_path / "clip.mp4")) as source, av.open(str(tmp_path / "raw.h264"), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    with VideoSource(tmp_path / "raw.h264") as raw:
        times = [frame.pts for frame in raw if frame.pts is not None]
    assert len(times) == 20
    assert all(a < b for a, b in pairwise(times))
