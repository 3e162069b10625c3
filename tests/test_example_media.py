"""The sample pictures and the demo clip are what their descriptions say."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
ASSETS = ROOT / "pocketmatte" / "assets"
FPS, SECONDS = 25, 3  # what make_clip does unless told otherwise


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clip that ``examples/make_clip.py`` writes: an orange disc before a small grey room of odd size."""
    folder = tmp_path_factory.mktemp("clip")
    cutout = np.zeros((120, 120, 4), np.uint8)
    cv2.circle(cutout, (60, 60), 40, (20, 120, 240, 255), -1)  # OpenCV writes BGRA
    cv2.imwrite(str(folder / "cutout.png"), cutout)
    cv2.imwrite(str(folder / "room.png"), np.full((181, 321, 3), 90, np.uint8))
    script = str(ROOT / "examples" / "make_clip.py")
    subprocess.run([sys.executable, script, "cutout.png", "room.png", "clip.mp4"], cwd=folder, check=True)
    return folder / "clip.mp4"


def test_background_is_what_the_script_draws(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, str(ROOT / "examples" / "draw_background.py"), str(tmp_path / "room.jpg")], check=True
    )
    drawn = cv2.imread(str(tmp_path / "room.jpg"))
    shipped = cv2.imread(str(ASSETS / "background.jpg"))
    assert drawn is not None
    assert shipped is not None
    assert shipped.shape == (720, 1280, 3)
    assert np.abs(drawn.astype(int) - shipped).mean() < 1


def test_clip_moves_the_cutout_over_the_background(clip: Path) -> None:
    with av.open(clip) as file:
        frames = [(frame.time, frame.to_ndarray(format="rgb24").astype(int)) for frame in file.decode(video=0)]
    assert [time for time, _ in frames] == [index / FPS for index in range(SECONDS * FPS)]
    assert frames[0][1].shape == (180, 320, 3)
    columns = []
    for _, image in frames:
        person = image[..., 0] - image[..., 2] > 110  # red well over blue
        assert np.abs(image[:12] - 90).max() < 12  # the room above the person stays as it is
        columns.append(np.nonzero(person)[1].mean())
    center = (320 - 0.9 * 180) / 2 + 0.9 * 180 / 2
    assert columns[0] == pytest.approx(center, abs=1.5)
    assert max(columns) - center == pytest.approx(0.15 * 320, abs=1.5)
    assert center - min(columns) == pytest.approx(0.15 * 320, abs=1.5)


def test_clip_has_sound_of_the_same_length(clip: Path) -> None:
    with av.open(clip) as file:
        samples = np.concatenate([frame.to_ndarray() for frame in file.decode(audio=0)], axis=1)
        rate = file.streams.audio[0].rate
    assert samples.shape[1] / rate == pytest.approx(SECONDS, abs=0.05)
    assert 0.05 < np.abs(samples).max() < 0.2


@pytest.mark.system
def test_ffprobe_agrees_about_the_clip(clip: Path) -> None:
    """A reader that is not ours: ffprobe counts the decoded frames and tells rate, codecs and lengths."""
    command = ["ffprobe", "-v", "error", "-count_frames", "-show_streams", "-of", "json", str(clip)]
    streams = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["streams"]
    video, audio = sorted(streams, key=lambda stream: stream["codec_type"], reverse=True)
    assert (video["codec_name"], video["width"], video["height"]) == ("h264", 320, 180)
    assert int(video["nb_read_frames"]) == SECONDS * FPS
    assert Fraction(video["r_frame_rate"]) == FPS
    assert audio["codec_name"] == "aac"
    assert float(audio["duration"]) == pytest.approx(SECONDS, abs=0.05)
