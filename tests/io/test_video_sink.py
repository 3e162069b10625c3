"""Writing videos: whole or not at all, never over an input, and clear about what went wrong."""

from __future__ import annotations

import subprocess
import sys
import weakref
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from pocketmatte.core import PocketmatteError, Size
from pocketmatte.io.video_formats import ALPHA_SUFFIXES, VIDEO_OUTPUT_SUFFIXES, VIDEO_SUFFIXES
from pocketmatte.io.video_sink import VideoSink
from pocketmatte.io.video_source import VideoSource
from tests.io.video_clips import SIZE, SWATCHES, identity, moving, swatch_colors, to_yuv, write_clip

ROOT = Path(__file__).parents[2]
KINDS = ["out.mp4", "out.mov", "out.webm", "out.png-seq"]


def frame(index: int, *, alpha: bool) -> npt.NDArray[np.uint8]:
    image = moving(index)
    return np.dstack([image, image[:, :, 0]]) if alpha else image


def write(path: Path, count: int = 10, *, alpha: bool = False, size: Size = SIZE, **options: object) -> Path:
    with VideoSink(path, size, alpha=alpha, rate=Fraction(30), **options) as sink:
        for index in range(count):
            sink.write(frame(index, alpha=alpha), Fraction(index, 30))
    return path


def clip(path: Path, count: int = 10, **options: object) -> Path:
    write_clip(path, [512 * i for i in range(count)], Fraction(1, 15_360), moving, **options)
    return path


def break_off(sink: VideoSink) -> None:
    """An error after 30 frames; until then nothing new lies under the name."""
    there = sink.path.exists()
    with sink:
        for index in range(30):
            sink.write(moving(index), Fraction(index, 30))
            assert sink.path.exists() == there
        raise ZeroDivisionError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_mp4_is_h264_for_every_player(tmp_path: Path) -> None:
    path = write(tmp_path / "out.mp4")
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # starts to play before it is loaded
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (context.codec.canonical_name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.colorspace, context.color_range, context.color_primaries, context.color_trc) == (1, 1, 1, 1)
        assert [packet.pts == packet.dts for packet in container.demux(stream) if packet.size] == [True] * 10


@pytest.mark.parametrize(("name", "alpha"), [("out.mp4", False), ("out.webm", False), ("out.mov", True)])
def test_colours_are_written_as_bt709(tmp_path: Path, name: str, alpha: bool) -> None:
    """The planes in the file follow the formula, and the file says which formula."""
    size = Size(64, 448)
    column = np.minimum(np.arange(size.width) * len(SWATCHES) // size.width, len(SWATCHES) - 1)
    image = np.tile(SWATCHES[column].astype(np.uint8), (size.height, 1, 1))
    picture = np.dstack([image, np.full(size, 255, np.uint8)]) if alpha else image
    with VideoSink(tmp_path / name, size, alpha=alpha, options={"crf": "4"} if not alpha else None) as sink:
        for index in range(3):
            sink.write(picture, Fraction(index, 30))
    with av.open(str(tmp_path / name)) as container:
        decoded = next(container.decode(video=0))
        assert (decoded.colorspace, decoded.color_range) == (1, 1)
        planes = decoded.reformat(format="yuv444p", src_colorspace=1, dst_colorspace=1).to_ndarray()
    expected = to_yuv(SWATCHES, "bt709", full=False).astype(int)
    assert np.abs(swatch_colors(planes.transpose(1, 2, 0)) - expected).max() <= 2
    with VideoSource(tmp_path / name) as source:
        assert np.abs(swatch_colors(next(iter(source)).image) - SWATCHES).max() <= 4


@pytest.mark.parametrize("size", [Size(97, 129), Size(96, 129), Size(1, 1), Size(3, 500)])
def test_odd_sizes(tmp_path: Path, size: Size) -> None:
    """H.264 is padded to even sides by repeating the edge; the others keep the size."""
    image = moving(0, Size(100, 600))[: size.height, : size.width]
    for name, alpha in (("out.mp4", False), ("out.webm", True), ("out.mov", True)):
        picture = np.dstack([image, np.full(size, 200, np.uint8)]) if alpha else image
        with VideoSink(tmp_path / name, size, alpha=alpha) as sink:
            sink.write(picture, Fraction(0))
            sink.write(picture, Fraction(1, 30))
        even = Size(size.height + size.height % 2, size.width + size.width % 2)
        with VideoSource(tmp_path / name) as source:
            assert source.size == (size if alpha else even)
            back = next(iter(source)).image[: size.height, : size.width].astype(int)
        assert np.abs(back - image).mean() < 6


@pytest.mark.parametrize("name", KINDS)
def test_nothing_appears_before_the_end_or_after_an_error(tmp_path: Path, name: str) -> None:
    sink = VideoSink(tmp_path / name, SIZE)
    with pytest.raises(ZeroDivisionError):
        break_off(sink)
    assert names(tmp_path) == []
    with pytest.raises(PocketmatteError, match="was closed"):
        sink.write(moving(0), Fraction(2))


@pytest.mark.parametrize("name", KINDS)
def test_existing_output_needs_force(tmp_path: Path, name: str) -> None:
    first = write(tmp_path / name)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(PocketmatteError, match="force"):
        VideoSink(first, SIZE)
    sink = VideoSink(first, SIZE, force=True)
    with pytest.raises(ZeroDivisionError):
        break_off(sink)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    write(first, 20, force=True)
    assert names(tmp_path) == [name]
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} != before


def test_the_source_is_never_replaced(tmp_path: Path) -> None:
    path = clip(tmp_path / "clip.mp4")
    (tmp_path / "link.mp4").symlink_to(path)
    before = path.read_bytes()
    for target in (path, tmp_path / "link.mp4"):
        with pytest.raises(PocketmatteError, match="being read"):
            identity(path, target, force=True)
    assert path.read_bytes() == before


def test_a_foreign_folder_is_never_replaced(tmp_path: Path) -> None:
    folder = write(tmp_path / "frames")
    (folder / "diary.txt").write_text("dear diary")
    with pytest.raises(PocketmatteError, match=r"diary\.txt"):
        VideoSink(folder, SIZE, force=True)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "000000.png").write_bytes(b"mine")
    with pytest.raises(PocketmatteError, match=r"000000\.png"):
        VideoSink(tmp_path / "photos", SIZE, force=True)
    assert names(tmp_path / "photos") == ["000000.png"]


def test_no_frames_is_an_error_and_no_file(tmp_path: Path) -> None:
    for name in KINDS:
        with pytest.raises(PocketmatteError, match="no frame was written"), VideoSink(tmp_path / name, SIZE):
            pass
    assert names(tmp_path) == []


def test_wrong_frames_are_refused(tmp_path: Path) -> None:
    with VideoSink(tmp_path / "out.mp4", SIZE) as sink:
        sink.write(moving(0), Fraction(0))
        for wrong in (frame(0, alpha=True), moving(0, Size(96, 130)), moving(0).astype(np.float32)):
            with pytest.raises(PocketmatteError, match="expected uint8"):
                sink.write(wrong, Fraction(1))
        with pytest.raises(PocketmatteError, match="not after"):
            sink.write(moving(1), Fraction(0))


def test_unknown_names_and_places(tmp_path: Path) -> None:
    with pytest.raises(PocketmatteError, match=r"\.mp4, \.mov, \.webm"):
        VideoSink(tmp_path / "out.gif", SIZE)
    (tmp_path / "file").write_text("x")
    for name in ("out.mp4", "out.png-seq"):
        with pytest.raises(PocketmatteError):
            VideoSink(tmp_path / "file" / name, SIZE)
    with pytest.raises(PocketmatteError, match="cannot write"):
        write(tmp_path / "out.mp4", options={"crf": "much"})
    assert names(tmp_path) == ["file"]


def test_suffix_lists_agree() -> None:
    assert set(ALPHA_SUFFIXES) < set(VIDEO_OUTPUT_SUFFIXES)
    assert {".mp4", ".mov", ".webm"} == set(VIDEO_OUTPUT_SUFFIXES) & VIDEO_SUFFIXES


@pytest.mark.parametrize(("name", "alpha"), [("out.mp4", False), ("out.webm", True), ("out.mov", True), ("out", True)])
def test_two_runs_are_identical(tmp_path: Path, name: str, alpha: bool) -> None:
    """REQ-8: the same frames give the same stream, byte for byte."""
    runs = []
    for run in ("first", "second"):
        (tmp_path / run).mkdir()
        path = write(tmp_path / run / name, 20, alpha=alpha)
        if path.is_dir():
            runs.append([(file.name, file.read_bytes()) for file in sorted(path.iterdir())])
        else:
            with av.open(str(path)) as container:
                runs.append([(packet.pts, bytes(packet)) for packet in container.demux(video=0)])
    assert len(runs[0]) >= 20
    assert runs[0] == runs[1]


def test_two_readings_hand_over_identical_frames(tmp_path: Path) -> None:
    """What reaches the encoder does not depend on threads or on the pass."""
    path = clip(tmp_path / "clip.mp4", 40)
    with VideoSource(path) as source, VideoSource(path, threads=1) as single:
        first = [(item.pts, item.image.tobytes()) for item in source]
        assert first == [(item.pts, item.image.tobytes()) for item in source]
        assert first == [(item.pts, item.image.tobytes()) for item in single]


def test_frames_are_not_kept(tmp_path: Path) -> None:
    alive: list[weakref.ref[npt.NDArray[np.uint8]]] = []
    with VideoSink(tmp_path / "out.mp4", SIZE) as sink:
        for index in range(300):
            image = moving(index)
            alive.append(weakref.ref(image))
            sink.write(image, Fraction(index, 30))
            del image
            assert sum(ref() is not None for ref in alive) <= 2


def test_the_caller_may_reuse_its_array(tmp_path: Path) -> None:
    image = moving(0)
    with VideoSink(tmp_path / "out.mp4", SIZE) as sink:
        for index in range(10):
            image[:] = 20 * index
            sink.write(image, Fraction(index, 30))
            image[:] = 0
    with VideoSource(tmp_path / "out.mp4") as source:
        assert [round(item.image.mean() / 20) for item in source] == list(range(10))


PRELUDE = """
import os, resource, signal, sys
from fractions import Fraction
from pathlib import Path
import numpy as np
from pocketmatte.core import PocketmatteError, Size
from pocketmatte.io.video_sink import VideoSink
noise = np.random.default_rng(0).integers(0, 255, (240, 320, 4), np.uint8)
target = Path(sys.argv[1])
"""
KILLED = """
with VideoSink(target, Size(240, 320), alpha=True, layout=sys.argv[2], force=True) as sink:
    for index in range(60):
        sink.write(np.roll(noise, index), Fraction(index, 30))
    os.kill(os.getpid(), signal.SIGKILL)
"""
# A full disk, as far as a test may go: no file may grow beyond 100 kB.
FULL = """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with VideoSink(target, Size(240, 320), alpha=True, layout=sys.argv[2], force=True) as sink:
        for index in range(60):
            sink.write(np.roll(noise, index), Fraction(index, 30))
except PocketmatteError as error:
    sys.exit(f"refused: {error}")
"""


def run(program: str, target: Path) -> subprocess.CompletedProcess[str]:
    layout = "side-by-side" if target.suffix == ".mp4" else "plain"
    command = [sys.executable, "-c", PRELUDE + program, str(target), layout]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", KINDS)
def test_a_kill_leaves_no_half_file_under_the_name(tmp_path: Path, name: str) -> None:
    result = run(KILLED, tmp_path / name)
    assert result.returncode == -9, result.stderr
    assert not (tmp_path / name).exists()
    assert len(names(tmp_path)) == 1  # only the temporary one
    write(tmp_path / name)
    old = {path: path.read_bytes() for path in (tmp_path / name).parent.rglob("*") if path.is_file()}
    assert run(KILLED, tmp_path / name).returncode == -9
    assert {path: path.read_bytes() for path in old} == old  # an earlier result is still whole


@pytest.mark.parametrize("name", KINDS)
def test_a_full_disk_is_one_clear_line(tmp_path: Path, name: str) -> None:
    result = run(FULL, tmp_path / name)
    assert result.returncode == 1
    assert result.stderr.startswith(f"refused: cannot write {tmp_path / name}: the file became larger"), result.stderr
    assert result.stderr.count("\n") == 1
    assert names(tmp_path) == []
