"""A folder of numbered PNG files as a video."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from pocketmatte.core import PocketmatteError, Size
from pocketmatte.io.frames import FramesSource, folder_name
from pocketmatte.io.video_sink import VideoSink
from pocketmatte.io.video_source import VideoSource
from tests.io.video_clips import SIZE, moving, vfr_times, write_clip


def fill(folder: Path, names: list[str]) -> Path:
    folder.mkdir()
    for index, name in enumerate(names):
        cv2.imwrite(str(folder / name), moving(index)[:, :, ::-1])
    return folder


def test_video_to_frames_and_back_keeps_times_and_pixels(tmp_path: Path) -> None:
    tick = Fraction(1, 120_000)
    write_clip(tmp_path / "clip.mp4", vfr_times(tick, 2), tick, moving)
    with VideoSource(tmp_path / "clip.mp4") as source, VideoSink(tmp_path / "frames", source.size, source) as sink:
        pictures = []
        for frame in source:
            pictures.append(frame)
            sink.write(frame.image, frame.pts)
    folder = FramesSource(tmp_path / "frames")
    frames = list(folder)
    assert (
        [frame.pts for frame in frames] == [frame.pts for frame in pictures] == [t * tick for t in vfr_times(tick, 2)]
    )
    assert all(np.array_equal(a.image, b.image) for a, b in zip(frames, pictures, strict=True))
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert folder.frame_estimate == len(frames)
    assert folder.last_duration == source.last_duration


def test_timestamps_file_is_plain_and_exact(tmp_path: Path) -> None:
    with VideoSink(tmp_path / "frames", SIZE) as sink:
        for index in range(3):
            sink.write(moving(index), Fraction(1001 * index, 30_000))
    table = json.loads((tmp_path / "frames" / "timestamps.json").read_text())
    assert table["frames"] == [
        {"file": "000000.png", "pts": "0"},
        {"file": "000001.png", "pts": "1001/30000"},
        {"file": "000002.png", "pts": "1001/15000"},
    ]
    assert table["last_duration"] == "1001/30000"


def test_sound_is_left_out_with_a_note(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", [0, 512, 1024], Fraction(1, 15_360), moving, audio="aac")
    with VideoSource(tmp_path / "clip.mp4") as source, VideoSink(tmp_path / "frames", source.size, source) as sink:
        for frame in source:
            sink.write(frame.image, frame.pts)
    assert ["no sound" in note for note in sink.notes] == [True]


def test_foreign_frames_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    folder = fill(tmp_path / "frames", ["shot-2.png", "shot-9.png", "shot-10.png", "shot-0100.PNG"])
    (folder / "notes.txt").write_text("not a frame")
    source = FramesSource(folder, rate=Fraction(24))
    assert source.size == SIZE
    assert source.duration == Fraction(4, 24)
    for index, frame in enumerate(source):
        assert np.array_equal(frame.image, moving(index))
        assert frame.pts == Fraction(index, 24)


def test_grey_and_deep_frames_become_rgb(tmp_path: Path) -> None:
    folder = fill(tmp_path / "frames", [])
    grey = moving(0)[:, :, 0]
    cv2.imwrite(str(folder / "1.png"), grey)
    cv2.imwrite(str(folder / "2.png"), grey.astype(np.uint16) * 257)
    for frame in FramesSource(folder):
        assert np.array_equal(frame.image, np.dstack([grey] * 3))


def test_broken_folders_give_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(PocketmatteError, match="not a folder"):
        FramesSource(tmp_path / "missing")
    with pytest.raises(PocketmatteError, match="expected numbered PNG files"):
        FramesSource(fill(tmp_path / "none", ["portrait.png"]))
    empty = fill(tmp_path / "empty", ["1.png"])
    (empty / "1.png").write_bytes(b"")
    with pytest.raises(PocketmatteError, match="not a readable PNG"):
        FramesSource(empty)
    mixed = fill(tmp_path / "mixed", ["1.png", "2.png"])
    cv2.imwrite(str(mixed / "2.png"), moving(0, Size(50, 60)))
    with pytest.raises(PocketmatteError, match="60x50"):
        list(FramesSource(mixed))


@pytest.mark.parametrize(
    "table",
    [
        "no json",
        '{"schema": 2}',
        '{"schema": 1, "last_duration": "1/30", "frames": [{"file": "../1.png", "pts": "0"}]}',
        '{"schema": 1, "last_duration": "0", "frames": [{"file": "1.png", "pts": "0"}]}',
        '{"schema": 1, "last_duration": "1/30", "frames": [{"file": "1.png", "pts": "1/0"}]}',
        '{"schema": 1, "last_duration": "1", "frames": [{"file": "1.png", "pts": "1"}, {"file": "1.png", "pts": "1"}]}',
    ],
)
def test_broken_time_tables_are_refused(tmp_path: Path, table: str) -> None:
    folder = fill(tmp_path / "frames", ["1.png"])
    (folder / "timestamps.json").write_text(table)
    with pytest.raises(PocketmatteError, match="not a valid time table"):
        FramesSource(folder)


def test_what_names_a_sequence(tmp_path: Path) -> None:
    for name, folder, pattern in (
        ("cut", "cut", "%06d.png"),
        ("cut.png-seq", "cut.png-seq", "%06d.png"),
        ("cut/f_%04d.png", "cut", "f_%04d.png"),
    ):
        found = folder_name(tmp_path / name)
        assert found is not None
        assert (found.folder, found.pattern) == (tmp_path / folder, pattern)
    assert folder_name(Path("cut.mp4")) is None
    assert folder_name(Path("cut.png")) is None
    assert folder_name(Path("100%.png")) is None
