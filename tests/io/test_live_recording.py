"""A recording plays whatever ends it: the user, a full disk, a kill."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pocketmatte.core import Frame, PocketmatteError, Size
from pocketmatte.io.camera_file import open_file
from pocketmatte.io.live import Sink, SinkRequest, open_sink
from pocketmatte.io.recording import Recording
from pocketmatte.io.video_source import VideoSource
from tests.io.video_clips import click_times, flash, flash_times, moving, write_clip

ROOT = Path(__file__).parents[2]
SIZE = Size(96, 128)
TIMES = [Fraction(7) + Fraction(n, 25) + Fraction(n % 3, 500) for n in range(40)]


def record(path: Path, size: Size = SIZE, **options: bool) -> Recording:
    sink = Recording(path, size, Fraction(25), **options)
    for index, pts in enumerate(TIMES):
        sink.write(Frame(moving(index, size), pts, index))
    return sink


def played(path: Path) -> int:
    """Frames that a player gets out of a file, also one whose last picture was cut off."""
    with VideoSource(path) as source:
        return sum(1 for _ in source)


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_pictures_and_times_survive(tmp_path, name):
    sink = record(tmp_path / name)
    assert isinstance(sink, Sink)
    assert sink.wanted()
    assert not (tmp_path / name).exists()
    sink.close()
    sink.close()
    assert [p.name for p in tmp_path.iterdir()] == [name]
    with VideoSource(tmp_path / name) as source:
        frames = list(source)
    assert len(frames) == len(TIMES)
    for index, frame in enumerate(frames):
        assert abs(frame.pts - (TIMES[index] - TIMES[0])) <= Fraction(1, 1900)
        assert np.abs(frame.image.astype(int) - moving(index)).mean() < 6


def test_odd_sizes_gain_a_line(tmp_path):
    record(tmp_path / "odd.mp4", Size(95, 127)).close()
    with VideoSource(tmp_path / "odd.mp4") as source:
        assert source.size == (96, 128)


def test_names_are_checked_and_files_kept(tmp_path):
    kept = tmp_path / "kept.mp4"
    kept.write_bytes(b"mine")
    with pytest.raises(PocketmatteError, match="force=True"):
        Recording(kept, SIZE, Fraction(25))
    with pytest.raises(PocketmatteError, match=r"ending in \.mp4 or \.mkv"):
        Recording(tmp_path / "out.gif", SIZE, Fraction(25))
    assert kept.read_bytes() == b"mine"
    record(kept, force=True).close()
    assert played(kept) == len(TIMES)


def test_without_a_picture_nothing_is_left(tmp_path):
    Recording(tmp_path / "out.mp4", SIZE, Fraction(25)).close()
    assert list(tmp_path.iterdir()) == []


def test_a_file_made_of_a_file_has_its_sound(tmp_path):
    write_clip(tmp_path / "in.mp4", range(50), Fraction(1, 25), flash, rate=Fraction(25), audio="aac")
    source = open_file(str(tmp_path / "in.mp4"))
    assert source.media == str(tmp_path / "in.mp4")
    sink = open_sink(str(tmp_path / "out.mp4"), SinkRequest(source.size, source.rate, source))
    for frame in source:
        sink.write(frame)
    sink.close()
    source.close()
    flashes, clicks = flash_times(tmp_path / "out.mp4"), click_times(tmp_path / "out.mp4")
    assert len(flashes) == len(clicks) == 5
    assert all(abs(float(f) - c) < 0.04 for f, c in zip(flashes, clicks, strict=True))


PROGRAM = """
import os, resource, signal, sys
from fractions import Fraction
from pathlib import Path
import numpy as np
from pocketmatte.core import Frame, PocketmatteError, Size
from pocketmatte.io.recording import Recording
noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)
sink = Recording(Path(sys.argv[1]), Size(240, 320), Fraction(5))
if sys.argv[2] == "full":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
try:
    for index in range(60):
        sink.write(Frame(np.roll(noise, 5 * index, 1), Fraction(index, 5), index))
    if sys.argv[2] == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
except PocketmatteError as error:
    print(error)
sink.close()
print(*sink.notes)
"""


def run(path: Path, how: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROGRAM, str(path), how]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_on_a_full_disk_what_was_written_plays(tmp_path, name):
    done = run(tmp_path / name, "full")
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first.startswith(f"cannot go on recording to {tmp_path / name}: the disk is full")
    assert "ends early" in second
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert 5 <= played(tmp_path / name) < 60


def test_a_kill_leaves_nothing_under_the_name_and_a_hidden_file_that_plays(tmp_path):
    assert run(tmp_path / "out.mp4", "kill").returncode == -9
    (hidden,) = tmp_path.iterdir()
    assert hidden.name.startswith(".pocketmatte-")
    assert played(hidden) >= 20


COPY = """
import resource, signal, sys
from pocketmatte.core import PocketmatteError
from pocketmatte.io.live import SinkRequest, open_sink, open_source
source = open_source(sys.argv[1])
sink = open_sink(sys.argv[2], SinkRequest(source.size, source.rate, source))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
for work in (lambda: [sink.write(frame) for frame in source], sink.close):
    try:
        work()
    except PocketmatteError as error:
        print(error)
"""


def test_on_a_full_disk_a_file_made_of_a_file_is_not_there(tmp_path):
    """As a live run does, closed after a write that failed: half a copy would pass for a whole one."""
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)
    write_clip(tmp_path / "in.mp4", range(60), Fraction(1, 10), lambda n: np.roll(noise, 5 * n, 1), rate=Fraction(10))
    command = [sys.executable, "-c", COPY, str(tmp_path / "in.mp4"), str(tmp_path / "out.mp4")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first = done.stdout.splitlines()[0]
    assert first.startswith(f"cannot write {tmp_path / 'out.mp4'}: the file became larger"), done.stdout
    assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]
