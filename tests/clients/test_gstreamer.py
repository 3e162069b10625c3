"""The GStreamer client as its users run it: two files to a file, and served to an RTSP client."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.io.stream_servers import Program, free_port, probe
from tests.io.video_clips import write_clip

pytestmark = pytest.mark.system
ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "clients" / "gstreamer" / "pocketmatte_gst.py"
GREEN = ("--look", "color:#00FF00", "--threads", "1", "--size", "120x160", "--rate", "10")


@pytest.fixture
def clips(tmp_path) -> list[Path]:
    portrait = cv2.imread(str(ROOT / "pocketmatte" / "assets" / "astronaut.jpg"))
    portrait = cv2.resize(portrait, (160, 120), interpolation=cv2.INTER_AREA)[..., ::-1]
    paths = [tmp_path / "a.mp4", tmp_path / "b b.mp4"]
    for path, frames in zip(paths, (120, 130), strict=True):
        write_clip(
            path, range(frames), Fraction(1, 10), lambda n: np.roll(portrait, n % 20, 1), rate=Fraction(10), audio="aac"
        )
    return paths


def is_green(corner) -> bool:
    return bool(np.abs(corner.astype(int) - (0, 255, 0)).mean() < 20)


def test_two_files_become_one(clips, tmp_path):
    target = tmp_path / "out.mp4"
    sources = [x for clip in clips for x in ("--source", str(clip))]
    command = [sys.executable, str(CLIENT), *sources, "--sink", str(target), *GREEN]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "of 2 sources" in done.stderr
    found = probe(target)
    assert (found["video"], found["size"]) == ("h264", "320x120")
    assert 129 <= int(found["video packets"]) <= 132
    with av.open(str(target)) as container:
        picture = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert is_green(picture[:12, :12])
    assert is_green(picture[:12, 308:])
    assert not is_green(picture[50:90, 60:100])  # the person


def test_an_rtsp_client_sees_both(clips):
    port = free_port()
    sources = [x for clip in clips for x in ("--source", str(clip))]
    address = f"rtsp://127.0.0.1:{port}/out"
    with Program([sys.executable, str(CLIENT), *sources, "--sink", address, *GREEN], port):
        with av.open(address, options={"rtsp_transport": "tcp"}, timeout=30) as container:
            pictures = []
            for frame in container.decode(video=0):
                pictures.append(frame.to_ndarray(format="rgb24"))
                if len(pictures) == 5:
                    break
        found = probe(address, live=True)
    assert (found["video"], found["size"]) == ("h264", "320x120")
    assert {picture.shape for picture in pictures} == {(120, 320, 3)}
    assert is_green(pictures[-1][:12, :12])
    assert is_green(pictures[-1][:12, 308:])


def test_a_missing_file_is_said_in_a_line(tmp_path):
    command = [sys.executable, str(CLIENT), "--source", str(tmp_path / "gone.mp4"), "--sink", str(tmp_path / "o.mp4")]
    done = subprocess.run([*command, *GREEN], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "no source gave a picture" in done.stderr
    assert "Traceback" not in done.stderr
