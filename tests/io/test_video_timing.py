"""REQ-9: every frame keeps its time, and the sound keeps its place beside the pictures."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest

from pocketmatte.io.video_sink import VideoSink
from pocketmatte.io.video_source import VideoSource
from tests.io.video_clips import (
    FLASH_EVERY,
    click_times,
    flash,
    flash_times,
    identity,
    moving,
    sound_packets,
    vfr_times,
    write_clip,
)

FRAME = Fraction(1, 60)  # the shortest frame of the clips
MILLISECOND = Fraction(1, 1000)
NTSC = Fraction(30000, 1001)
VFR = Fraction(1, 120_000)


def times_of(path: Path) -> list[Fraction]:
    with VideoSource(path) as source:
        return [frame.pts for frame in source if frame.pts is not None]


def offsets(path: Path) -> list[float]:
    """Click minus flash, in seconds, for every flash."""
    flashes, sounds = flash_times(path), click_times(path)
    assert len(flashes) == len(sounds) > 10
    return [sound - float(picture) for picture, sound in zip(flashes, sounds, strict=True)]


CLIPS = {
    "mp4-aac.mp4": {"audio": "aac"},
    "mov-pcm.mov": {"audio": "pcm_s16le"},
    "mkv-aac44.mkv": {"audio": "aac", "sample_rate": 44_100},
    "webm-opus.webm": {"audio": "libopus", "codec": "libvpx-vp9", "options": {"deadline": "realtime", "cpu-used": "8"}},
    # A recording from an endless clock: it starts 50 s after some other beginning.
    "ts-aac.ts": {"audio": "aac", "sound_delay": Fraction(50), "picture_delay": Fraction(50)},
    "late-sound.mp4": {"audio": "aac", "sound_delay": Fraction(1, 3)},
    "late-picture.mp4": {"audio": "aac", "picture_delay": Fraction(1, 3)},
}
CLOCKS = {".mkv": MILLISECOND, ".webm": MILLISECOND, ".ts": Fraction(1, 90_000)}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for name, how in CLIPS.items():
        tick = CLOCKS.get(Path(name).suffix, VFR)
        write_clip(folder / name, vfr_times(tick), tick, flash, **how)
    return folder


@pytest.mark.parametrize("target", [".mp4", ".mov", ".webm"])
@pytest.mark.parametrize("name", CLIPS)
def test_times_and_sound_of_a_vfr_clip_survive(clips: Path, tmp_path: Path, name: str, target: str) -> None:
    source, copy = clips / name, tmp_path / f"copy{target}"
    times = identity(source, copy)
    assert len(times) == len(vfr_times(VFR))
    got = times_of(copy)
    if target == ".webm":  # the container counts milliseconds
        assert len(got) == len(times)
        assert all(abs(a - b) <= MILLISECOND / 2 for a, b in zip(got, times, strict=True))
    else:
        assert got == times
    before, after = offsets(source), offsets(copy)
    # At the start, in the middle and at the end alike; and where the source was late, the copy is as late.
    assert max(abs(a - b) for a, b in zip(before, after, strict=True)) <= FRAME
    if "late" not in name:
        assert max(map(abs, after)) <= FRAME


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("mp4-aac.mp4", ".mp4"),
        ("mp4-aac.mp4", ".mov"),
        ("mov-pcm.mov", ".mov"),
        ("mkv-aac44.mkv", ".mp4"),
        ("webm-opus.webm", ".mp4"),
        ("webm-opus.webm", ".webm"),
        ("late-sound.mp4", ".mp4"),
        ("late-picture.mp4", ".mp4"),
    ],
)
def test_copied_sound_is_byte_identical(clips: Path, tmp_path: Path, name: str, target: str) -> None:
    copy = tmp_path / f"copy{target}"
    identity(clips / name, copy)
    before, after = sound_packets(clips / name), sound_packets(copy)
    assert [data for _, data in after] == [data for _, data in before]
    tolerance = MILLISECOND if Path(name).suffix in CLOCKS else 0
    assert max(abs(a - b) for (a, _), (b, _) in zip(before, after, strict=True)) <= tolerance


def test_sound_counted_in_milliseconds_becomes_even_in_mp4(clips: Path, tmp_path: Path) -> None:
    identity(clips / "mkv-aac44.mkv", tmp_path / "copy.mp4")
    stamps = [time for time, _ in sound_packets(tmp_path / "copy.mp4")]
    assert {b - a for a, b in pairwise(stamps)} == {Fraction(1024, 44_100)}


def test_ntsc_rate_stays_exact(tmp_path: Path) -> None:
    source = tmp_path / "ntsc.mp4"
    tick = 1 / NTSC / 1001
    write_clip(source, [1001 * i for i in range(90)], tick, moving, rate=NTSC)
    for suffix in (".mp4", ".mov"):
        times = identity(source, tmp_path / f"copy{suffix}")
        assert times == [i / NTSC for i in range(90)]
        with VideoSource(tmp_path / f"copy{suffix}") as copy:
            assert copy.rate == NTSC
            assert copy.duration == 90 / NTSC
            assert [frame.pts for frame in copy] == times
    identity(source, tmp_path / "copy.webm")
    with VideoSource(tmp_path / "copy.webm") as copy:
        assert copy.rate == NTSC


def test_last_frame_lasts_as_long_as_in_the_source(tmp_path: Path) -> None:
    source, tick = tmp_path / "hold.mp4", Fraction(1, 30_000)
    with VideoSink(source, (96, 128), rate=Fraction(30_000)) as sink:
        for index in range(20):
            sink.write(moving(index), 1000 * index * tick)
        sink.write(moving(20), 60_000 * tick)
    # The last frame of this clip lasts as long as the one before it: 41000 ticks.
    for suffix in (".mp4", ".mov"):
        identity(source, tmp_path / f"copy{suffix}")
        for path in (source, tmp_path / f"copy{suffix}"):
            with VideoSource(path) as frames:
                assert sum(1 for _ in frames) == 21
                assert frames.last_duration == 41_000 * tick
                assert frames.duration == 101_000 * tick


def test_no_sound_beyond_a_shortened_picture(clips: Path, tmp_path: Path) -> None:
    copy = tmp_path / "short.mp4"
    with VideoSource(clips / "mp4-aac.mp4") as source, VideoSink(copy, source.size, source) as sink:
        for frame in source:
            assert frame.pts is not None
            sink.write(frame.image, frame.pts)
            if frame.pts >= 1:
                break
    assert 0.9 < sound_packets(copy)[-1][0] < 1.1
    assert len(flash_times(copy)) == len(click_times(copy)) == 1 + len(vfr_times(VFR, 1)) // FLASH_EVERY


def test_sound_that_the_container_does_not_take_is_converted_with_a_note(clips: Path, tmp_path: Path) -> None:
    for name, target, codec in (("mp4-aac.mp4", ".webm", "opus"), ("mov-pcm.mov", ".mp4", "aac")):
        with VideoSource(clips / name) as source:
            with VideoSink(tmp_path / f"copy{target}", source.size, source) as sink:
                for frame in source:
                    sink.write(frame.image, frame.pts)
            assert [note for note in sink.notes if f"converted to {codec}" in note] == sink.notes != []
        with av.open(str(tmp_path / f"copy{target}")) as container:
            assert container.streams.audio[0].codec_context.codec.canonical_name == codec


def test_a_recording_whose_clock_starts_late_begins_at_zero(clips: Path) -> None:
    with VideoSource(clips / "ts-aac.ts") as source:
        assert 49 < source.origin < 51
        first = next(iter(source)).pts
        assert first is not None
        assert 0 <= first < FRAME * 3


def test_sound_can_be_left_out(clips: Path, tmp_path: Path) -> None:
    identity(clips / "mp4-aac.mp4", tmp_path / "mute.mp4", sound=False)
    with VideoSource(tmp_path / "mute.mp4") as source:
        assert not source.has_audio
