"""``pocketmatte run`` on video files: exact times, copied sound, real alpha, nothing half-written."""

import json
import signal
import subprocess
import sys
import time
from fractions import Fraction
from itertools import islice

import av
import cv2
import numpy as np
import pytest

from pocketmatte.apps.run_video import ahead
from pocketmatte.io.images import read_image
from pocketmatte.io.video_source import VideoSource
from tests.apps.conftest import ASTRONAUT
from tests.io.video_clips import click_times, flash, flash_times, sound_packets, vfr_times, write_clip

VFR = Fraction(1, 120_000)


def portrait(index: int) -> np.ndarray:
    """The astronaut drifting sideways, uint8 ``[160,200,3]``."""
    picture = cv2.resize(read_image(ASTRONAUT).image, (224, 224), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(picture[10:170, index % 20 : index % 20 + 200])


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "clip.mp4"
    ticks = [i * 1001 for i in range(8)]
    write_clip(path, ticks, Fraction(1, 30000), portrait, rate=Fraction(30000, 1001), audio="aac")
    return path


def times(path):
    with VideoSource(path) as source:
        return [frame.pts for frame in source]


def test_variable_frame_rate_and_sound_survive(cli, tmp_path):
    path = tmp_path / "vfr.mp4"
    write_clip(path, vfr_times(VFR, seconds=3), VFR, flash, audio="aac")
    answer = cli("run", path, "--look", "blur")
    assert answer.code == 0, answer.err
    made = tmp_path / "vfr-blur.mp4"
    assert times(made) == times(path)
    flashes, sounds = flash_times(made), click_times(made)
    assert len(flashes) == len(sounds) > 4
    assert max(abs(s - float(f)) for f, s in zip(flashes, sounds, strict=True)) <= 1 / 60
    assert sound_packets(made) == sound_packets(path)


def test_ntsc_rate_stays_exact_and_the_background_is_replaced_from_the_first_frame(cli, clip):
    answer = cli("run", clip, "--look", "color:#00ff00")
    assert answer.code == 0, answer.err
    made = clip.with_name("clip-color.mp4")
    assert times(made) == [Fraction(i * 1001, 30000) for i in range(8)]
    with VideoSource(made) as source:
        assert source.rate == Fraction(30000, 1001)
        for frame in source:
            corner = frame.image[4:24, 140:152].astype(int)  # wall beside the head
            assert np.abs(corner - [0, 255, 0]).mean() < 30
            assert frame.image[60:70, 90:100, 1].mean() < 200  # the face is still there


def test_transparent_webm_really_holds_the_matte(cli, clip):
    answer = cli("run", clip)
    assert answer.code == 0, answer.err
    made = clip.with_name("clip-cutout.webm")
    alphas = []
    with av.open(str(made)) as container:
        stream = container.streams.video[0]
        decoder = av.CodecContext.create("libvpx-vp9", "r")
        decoder.extradata = stream.codec_context.extradata
        for packet in container.demux(stream):
            for frame in decoder.decode(packet if packet.size else None):
                alphas.append(frame.to_ndarray(format="rgba")[..., 3])
    assert cli("run", clip, "--look", "alpha", "-o", clip.with_name("matte.png-seq")).code == 0
    truth = [read_image(p).image[..., 0] for p in sorted(clip.with_name("matte.png-seq").glob("*.png"))]
    assert len(alphas) == len(truth) == 8
    for alpha, expected in zip(alphas, truth, strict=True):
        assert np.abs(alpha.astype(int) - expected).mean() < 2
    assert 0.2 < np.mean(truth) / 255 < 0.8


def test_side_by_side_fits_players_without_alpha(cli, clip):
    assert cli("run", clip, "--layout", "side-by-side").code == 0
    with VideoSource(clip.with_name("clip-cutout.mp4")) as source:
        assert source.size == (160, 400)
    answer = cli("run", clip, "--layout", "side-by-side", "--look", "blur")
    assert answer.code != 0
    assert "side-by-side" in answer.err


def test_a_sequence_that_is_there_is_kept_resumed_or_replaced(cli, clip, tmp_path, snapshot):
    for name, folder in (("matte.png-seq", "matte.png-seq"), ("frames/f_%03d.png", "frames")):
        target = tmp_path / name
        assert cli("run", clip, "--look", "alpha", "-o", target).code == 0
        before = snapshot(tmp_path)
        again = cli("run", clip, "--look", "alpha", "-o", target)
        assert again.code == 1
        assert f"{folder} exists already" in again.err
        resumed = cli("run", clip, "--look", "alpha", "-o", target, "--resume")
        assert (resumed.code, "skipped: output is already there" in resumed.err) == (0, True)
        assert snapshot(tmp_path) == before
        assert cli("run", clip, "--look", "alpha", "-o", target, "--force").code == 0
        assert snapshot(tmp_path) == before  # the same again, and nothing beside it
    assert "choose one of them" in cli("run", clip, "--resume", "--force").err


def test_a_pattern_without_a_folder_is_refused(cli, clip, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = cli("run", clip, "--look", "alpha", "-o", "f_%03d.png", "--force")
    assert answer.code == 1
    assert "f_%03d.png needs a folder of its own: expected FOLDER/f_%03d.png" in answer.err


def test_a_video_of_nobody_says_so(cli, tmp_path):
    path = tmp_path / "sky.mp4"
    write_clip(path, list(range(4)), Fraction(1, 10), lambda n: np.full((96, 128, 3), (110, 160, 220), np.uint8))
    assert "nobody found" in cli("run", path, "--look", "blur").err


def test_two_runs_are_identical_before_encoding(cli, clip):
    for name in ("a.png-seq", "b.png-seq"):
        assert cli("run", clip, "-o", clip.with_name(name)).code == 0
    first, second = (sorted(clip.with_name(n).glob("*.png")) for n in ("a.png-seq", "b.png-seq"))
    assert len(first) == 8
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]


def test_transparency_needs_a_container_that_holds_it(cli, clip, tmp_path, snapshot):
    before = snapshot(tmp_path)
    answer = cli("run", clip, "-o", tmp_path / "x.mp4")
    assert answer.code != 0
    assert ".webm" in answer.err
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("content", [b"", b"this is no video", None])
def test_bad_videos_are_one_line_and_leave_nothing(cli, tmp_path, snapshot, content):
    path = tmp_path / "bad.mp4"
    if content is not None:
        path.write_bytes(content)
    before = snapshot(tmp_path)
    answer = cli("run", path, "--look", "blur")
    assert answer.code != 0
    assert "bad.mp4" in answer.err
    assert len(answer.err.strip().splitlines()) <= 2
    assert snapshot(tmp_path) == before


def test_a_folder_may_hold_photos_and_videos(cli, clip, photo, tmp_path):
    folder = tmp_path / "mixed"
    folder.mkdir()
    clip.rename(folder / "clip.mp4")
    photo.rename(folder / "photo.jpg")
    answer = cli("run", folder, "--look", "alpha", "--json")
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["done"] == 2
    assert sorted(p.name for p in (tmp_path / "mixed-alpha").iterdir()) == ["clip.mp4", "photo.png"]


def test_what_a_file_holds_decides_not_its_name(cli, clip, photo, tmp_path):
    photo.rename(tmp_path / "pic.mp4")
    clip.rename(tmp_path / "x.jpg")
    answer = cli("run", tmp_path / "pic.mp4", tmp_path / "x.jpg", "-o", tmp_path / "out")
    assert answer.code == 0, answer.err
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["pic.png", "x.webm"]
    assert answer.err.count("x.jpg: aac sound does not go into .webm") == 1
    assert "x.jpg: x.jpg:" not in answer.err


def test_ahead_keeps_order_raises_in_place_and_stops_early():
    assert list(ahead(range(50))) == list(range(50))

    def failing():
        yield 1
        raise ValueError("in the middle")

    got = []
    with pytest.raises(ValueError, match="in the middle"):
        got.extend(ahead(failing()))
    assert got == [1]

    made = []

    def endless():
        n = 0
        while True:
            made.append(n)
            yield n
            n += 1

    assert list(islice(ahead(endless(), depth=2), 3)) == [0, 1, 2]
    assert len(made) <= 8


def test_explicit_outputs_are_taken_at_their_word(cli, clip, tmp_path, snapshot):
    assert cli("run", clip, "--look", "blur", "-o", tmp_path / "frames" / "f_%03d.png").code == 0
    assert len(list((tmp_path / "frames").glob("f_*.png"))) == 8
    before = snapshot(tmp_path)
    for name in ("x.avi", "x.png"):
        answer = cli("run", clip, "--look", "blur", "-o", tmp_path / name)
        assert answer.code == 1
        assert f"cannot write a video as {name}: use .mp4" in answer.err
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_at_once_and_leaves_nothing(tmp_path, number):
    path = tmp_path / "long.mp4"
    write_clip(path, list(range(600)), Fraction(1, 30), portrait)
    command = [sys.executable, "-c", INTERRUPTED, "run", str(path), "--look", "blur"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while not list(tmp_path.glob(".*")):  # the sink has begun
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(number)
        _, errors = process.communicate()
    assert process.returncode == 130
    assert errors.splitlines()[-1].endswith(
        "interrupted: nothing written; left out: " + str(tmp_path / "long-blur.mp4")
    )
    assert "Traceback" not in errors
    assert [p.name for p in tmp_path.iterdir()] == ["long.mp4"]


def test_an_interrupt_says_what_is_there_and_what_is_not(photo, tmp_path):
    videos = [tmp_path / "in" / f"{n}.mp4" for n in "bcd"]
    for path in videos:
        path.parent.mkdir(exist_ok=True)
        write_clip(path, list(range(300)), Fraction(1, 30), portrait)
    photo.rename(tmp_path / "in" / "a.jpg")
    command = [sys.executable, "-c", INTERRUPTED, "run", str(tmp_path / "in"), "--look", "blur", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        out = tmp_path / "in-blur"
        while not (out.exists() and list(out.glob("a.png")) and list(out.glob(".*"))):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate()
    assert process.returncode == 130
    assert "interrupted: 1 of 4 written; left out: " in errors
    assert "b.mp4 and 2 more; the same command with --resume goes on" in errors
    found = json.loads(printed)
    assert (found["done"], found["interrupted"], found["failed"]) == (1, 3, 0)
    assert [row["state"] for row in found["files"]] == ["done", *["interrupted"] * 3]
    assert [p.name for p in out.iterdir()] == ["a.png"]


# a shell may start background programs with the interrupt switched off
INTERRUPTED = """
import json
import signal
from pocketmatte.apps.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""
