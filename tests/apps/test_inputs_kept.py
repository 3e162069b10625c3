"""No output replaces a file that it is made of, not even with ``--force``."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest

from tests.io.video_clips import write_clip


@pytest.fixture
def files(tmp_path):
    for name in ("talk.mp4", "other.mp4"):
        write_clip(tmp_path / name, range(4), Fraction(1, 10), lambda n: np.full((96, 128, 3), 40 * n, np.uint8))
    cv2.imwrite(str(tmp_path / "scene.png"), np.full((96, 128, 3), 90, np.uint8))
    return tmp_path


@pytest.mark.parametrize(
    "line",
    [
        "live --source talk.mp4 --sink talk.mp4",
        "live --source clip:talk.mp4 --sink talk.mp4",
        "live --source clip:talk.mp4 --sink file:talk.mp4",
        "live --source talk.mp4 --source other.mp4 --sink other.mp4",
        "live --source talk.mp4 --sink other.mp4 --look video:other.mp4",
        "subtract --source talk.mp4 -o talk.mp4 --learn 2",
        "subtract --source clip:talk.mp4 -o talk.mp4 --learn 2",
        "subtract --source talk.mp4 -o other.mp4 --look video:other.mp4 --learn 2",
        "subtract --source talk.mp4 -o out.mp4 --plate scene.png --show-plate scene.png",
        "subtract --source talk.mp4 -o out.mp4 --look image:scene.png --show-plate scene.png --learn 2",
    ],
)
def test_an_input_is_never_replaced(cli, files, snapshot, monkeypatch, line):
    monkeypatch.chdir(files)
    before = snapshot(files)
    answer = cli(*line.split(), "--force", "--frames", "2")
    assert answer.code == 1
    assert "is an input: it would be overwritten; choose another output" in answer.err
    assert snapshot(files) == before


def test_one_file_does_not_take_two_recordings(cli, files, snapshot, monkeypatch):
    monkeypatch.chdir(files)
    before = snapshot(files)
    answer = cli("live", "--source", "talk.mp4", "--sink", "a.mp4", "--sink", "./a.mp4")
    assert answer.code == 1
    assert "a.mp4 is named by --sink twice" in answer.err
    assert snapshot(files) == before
