"""``make demo`` end to end: the shipped model on the shipped photo and on the clip made from it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "demo-out"
    command = [sys.executable, str(ROOT / "examples" / "demo.py"), str(folder)]
    result = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    for path in folder.iterdir():
        assert str(path) in result.stdout.split("Look at:")[1]
    return folder


def pixels(path: Path) -> npt.NDArray[np.int64]:
    with Image.open(path) as picture:
        return np.asarray(picture).astype(np.int64)


def test_cutout_holds_the_person_and_not_the_wall(out: Path) -> None:
    alpha = pixels(out / "astronaut-cutout.png")[..., 3]
    assert alpha.shape == (512, 512)
    assert alpha[90:160, 200:245].min() > 240  # the face
    assert alpha[320:480, 100:220].mean() > 245  # the suit
    assert alpha[:60, 350:].mean() < 10  # the wall and the model of the shuttle
    assert alpha[:140, :120].mean() < 10  # the flag


def test_new_backgrounds_keep_the_person(out: Path) -> None:
    photo = pixels(ROOT / "pocketmatte" / "assets" / "astronaut.jpg")
    for name in ("astronaut-blur.jpg", "astronaut-room.jpg"):
        changed = np.abs(pixels(out / name) - photo).mean(axis=2)
        assert changed[90:160, 200:245].mean() < 6
        assert changed[100:200, 350:].mean() > 6


def test_clip_keeps_frames_and_sound(out: Path) -> None:
    with av.open(out / "clip.mp4") as before, av.open(out / "clip-green.mp4") as after:
        assert [packet.pts for packet in after.demux(audio=0)] == [packet.pts for packet in before.demux(audio=0)]
    times = []
    for name in ("clip.mp4", "clip-green.mp4"):
        with av.open(out / name) as file:
            frames = list(file.decode(video=0))
            times.append([frame.time for frame in frames])
    assert times[0] == times[1]
    corner = frames[0].to_ndarray(format="rgb24")[-60:, :200].astype(int)
    assert np.abs(corner.mean(axis=(0, 1)) - (0x1F, 0x7A, 0x4D)).max() < 12
