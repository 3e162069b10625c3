from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from pocketmatte.apps.cli import app
from pocketmatte.core import Frame, PocketmatteError, Size
from pocketmatte.io.images import read_image, write_image
from pocketmatte.io.video_sink import VideoSink
from pocketmatte.io.video_source import VideoSource
from tests.background.scenes import HEIGHT, WIDTH, person, room, with_noise

EMPTY, WITH = 20, 10
# a shell may start background programs with the interrupt switched off
INTERRUPTED = """
import signal
from pocketmatte.apps.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty empty frames, then ten with somebody, at 25 frames per second."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    with VideoSink(path, Size(HEIGHT, WIDTH), rate=Fraction(25), options={"crf": "8"}) as sink:
        for k in range(EMPTY + WITH):
            frame = room() if k < EMPTY else person(70 + 2 * (k - EMPTY))[0]
            sink.write(with_noise(frame, k), Fraction(k, 25))
    return path


def call(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["subtract", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def frames_of(path: Path) -> list[Frame]:
    with VideoSource(path) as source:
        return list(source)


def test_a_clip_that_is_all_empty_scene_is_refused(cli, clip: Path, tmp_path: Path) -> None:
    answer = cli("subtract", "--source", clip, "-o", tmp_path / "out.mp4", "--learn", EMPTY + WITH)
    assert answer.code == 1
    assert f"ends within the {EMPTY + WITH} frames that are to show the empty scene" in answer.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("method", ["difference", "mog2", "knn", "grabcut", "original", "hybrid"])
def test_every_frame_comes_out_with_the_person_alone(clip: Path, tmp_path: Path, method: str) -> None:
    out = tmp_path / "out.mp4"
    printed = call("--source", clip, "-o", out, "--learn", EMPTY, "--method", method, "--look", "alpha")
    assert printed.strip() == str(out)
    frames = frames_of(out)
    assert [f.pts for f in frames] == [Fraction(k, 25) for k in range(EMPTY + WITH)]
    assert np.mean([f.image.mean() for f in frames[:EMPTY]]) < 5
    if method != "hybrid":  # a drawn ellipse is no person to a network
        truth = person(70 + 2 * (WITH - 1))[1]
        found = frames[-1].image[..., 0] > 127
        assert (found & truth).sum() / (found | truth).sum() > (0.75 if method == "original" else 0.85)


def test_looks_and_the_scene_itself(clip: Path, tmp_path: Path) -> None:
    out, plate = tmp_path / "out.webm", tmp_path / "plate.png"
    call("--source", clip, "-o", out, "--learn", EMPTY, "--look", "rgba", "--show-plate", plate)
    assert out.exists()
    assert np.abs(read_image(plate).image.astype(int) - room()).mean() < 3


def test_result_as_a_document_and_over_a_picture(clip: Path, tmp_path: Path) -> None:
    wall, out = tmp_path / "wall.png", tmp_path / "out.mp4"
    write_image(wall, np.full((8, 8, 3), (255, 0, 0), np.uint8))
    options = ("--learn", EMPTY, "--look", f"image:{wall}", "--fit", "tile", "--preset", "sepia", "--json")
    found = json.loads(call("--source", clip, "-o", out, *options))
    notes = found.pop("notes")
    assert all(isinstance(note, str) for note in notes)
    assert found == {"source": str(clip), "output": str(out), "method": "difference", "frames": EMPTY + WITH}
    red, green, blue = frames_of(out)[0].image.mean((0, 1))
    assert red > green > blue > 20  # sepia: the wall has no blue of its own


@pytest.mark.parametrize(
    ("given", "option"),
    [
        (("--method", "hybrid", "--no-shadows"), "--no-shadows"),
        (("--method", "original", "--gap", "0.1"), "--gap"),
        (("--method", "mog2", "--plate", "empty.png"), "--plate"),
        (("--plate", "empty.png", "--statistic", "mean"), "--statistic"),
        (("--model", "base"), "--model"),
        (("--fit", "tile"), "--fit"),
    ],
)
def test_options_of_other_methods_are_refused(tmp_path: Path, given: tuple[str, ...], option: str) -> None:
    with pytest.raises(PocketmatteError, match=f"{option} has no effect here: it goes with "):
        call("--source", "gone.mp4", "-o", tmp_path / "out.mp4", *given)


def test_photo_of_the_empty_scene(clip: Path, tmp_path: Path) -> None:
    photo, out = tmp_path / "empty.png", tmp_path / "out.mp4"
    write_image(photo, room())
    call("--source", clip, "-o", out, "--plate", photo, "--look", "alpha")
    frames = frames_of(out)
    assert frames[0].image.mean() < 5
    assert frames[-1].image.mean() > 40
    write_image(tmp_path / "small.png", room()[:60])
    with pytest.raises(PocketmatteError, match="expected 160x120"):
        call("--source", clip, "-o", tmp_path / "b.mp4", "--plate", tmp_path / "small.png")


def test_first_pictures_of_a_camera_teach_and_are_not_shown(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "live.mp4"
    call("--source", f"clip:{clip}", "-o", out, "--learn", 12, "--frames", 6, "--look", "alpha")
    assert 1 <= len(frames_of(out)) <= 6
    with pytest.raises(PocketmatteError, match="lower --learn"):
        call("--source", f"clip:{clip}", "-o", tmp_path / "none.mp4", "--learn", 500)
    assert not (tmp_path / "none.mp4").exists()


def test_a_scene_that_was_not_empty_is_noticed(clip: Path, tmp_path: Path) -> None:
    still = tmp_path / "still.mp4"
    with VideoSink(still, Size(HEIGHT, WIDTH), rate=Fraction(25)) as sink:
        for k in range(12):
            sink.write(with_noise(person()[0], k), Fraction(k, 25))
    arguments = ["subtract", "--source", str(still), "-o", str(tmp_path / "a.mp4"), "--learn", "6"]
    assert "was it empty" in CliRunner().invoke(app, arguments).stderr
    picture = tmp_path / "photo.png"
    write_image(picture, room())
    with pytest.raises(PocketmatteError, match="still picture"):
        call("--source", picture, "-o", tmp_path / "b.mp4")


def test_nothing_is_overwritten(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    out.write_bytes(b"mine")
    with pytest.raises(PocketmatteError, match="force=True"):
        call("--source", clip, "-o", out)
    assert out.read_bytes() == b"mine"
    with pytest.raises(PocketmatteError):
        call("--source", clip, "-o", clip, "--force")
    with pytest.raises(PocketmatteError, match="no picture of the scene"):
        call(
            "--source",
            clip,
            "-o",
            tmp_path / "a.mp4",
            "--method",
            "mog2",
            "--learn",
            5,
            "--show-plate",
            tmp_path / "p.png",
        )


@pytest.mark.parametrize(("kind", "code"), [("clip:", 0), ("", 130)])
def test_an_interrupt_keeps_what_a_camera_gave_and_nothing_of_a_file(tmp_path: Path, kind: str, code: int) -> None:
    long, out = tmp_path / "long.mp4", tmp_path / "out.mp4"
    picture = np.random.default_rng(1).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)  # noise: the file grows at once
    with VideoSink(long, Size(HEIGHT, WIDTH), rate=Fraction(50)) as sink:
        for k in range(800):
            sink.write(np.roll(picture, k, 1), Fraction(k, 50))
    command = [sys.executable, "-c", INTERRUPTED, "subtract", "--source", f"{kind}{long}", "-o", str(out)]
    with subprocess.Popen([*command, "--learn", "3", "--look", "blur:0"], stderr=subprocess.PIPE, text=True) as program:
        while not any(part.stat().st_size > 500 for part in tmp_path.glob(".pocketmatte-*")):
            assert program.poll() is None
            time.sleep(0.05)
        program.send_signal(signal.SIGINT)
        _, said = program.communicate(timeout=60)
    assert program.returncode == code, said
    assert "Traceback" not in said
    assert not list(tmp_path.glob(".pocketmatte-*"))
    if code:
        assert f"interrupted: nothing written; left out: {out}" in said
        assert not out.exists()
    else:
        assert 1 <= len(frames_of(out)) < 800


def test_a_given_scene_is_shown_before_the_first_frame(cli, clip: Path, tmp_path: Path) -> None:
    given = tmp_path / "given.png"
    write_image(given, room())
    options = ("--method", "hybrid", "--plate", given, "--show-plate", tmp_path / "shown.png", "--frames", 2)
    answer = cli("subtract", "--source", clip, "-o", tmp_path / "out.mp4", *options)
    assert answer.code == 0, answer.err
    assert np.abs(read_image(tmp_path / "shown.png").image.astype(int) - room()).mean() < 2
