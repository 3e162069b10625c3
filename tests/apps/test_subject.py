"""``--subject main`` from the command line and through a stream: one person stays, the same one."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import pocketmatte
from tests.apps.conftest import ASTRONAUT

HALF = 256


def scene(second: int) -> np.ndarray:
    """Two portraits beside each other on grey: the left one 256 pixels wide, the right one ``second``. RGB."""
    portrait = cv2.cvtColor(cv2.imread(str(ASTRONAUT)), cv2.COLOR_BGR2RGB)
    picture = np.full((HALF, 2 * HALF, 3), 128, np.uint8)
    picture[:, :HALF] = cv2.resize(portrait, (HALF, HALF), interpolation=cv2.INTER_AREA)
    small = cv2.resize(portrait, (second, second), interpolation=cv2.INTER_AREA)
    picture[HALF - second :, 2 * HALF - second :] = small
    return picture


def save(path: Path, picture: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture[..., ::-1] if picture.ndim == 3 else picture)
    return path


def share(alpha: np.ndarray) -> tuple[float, float]:
    """Mean alpha (0..1) of the left and of the right half."""
    level = alpha / 255 if alpha.dtype == np.uint8 else alpha
    return float(level[:, :HALF].mean()), float(level[:, HALF:].mean())


@pytest.mark.parametrize(("subject", "right"), [("all", True), ("main", False)])
def test_run(cli, tmp_path, subject, right):
    photo = save(tmp_path / "two.png", scene(200))
    assert cli("run", photo, "--look", "alpha", "--subject", subject, "-o", tmp_path / "out.png").code == 0
    shares = share(cv2.imread(str(tmp_path / "out.png"), cv2.IMREAD_UNCHANGED))
    assert shares[0] > 0.2
    assert (shares[1] > 0.1) == right
    if not right:
        assert shares[1] < 0.002


def test_the_person_stays_while_the_other_grows_and_a_reset_forgets():
    with pocketmatte.load(subject="main", foreground="none") as pipeline:
        for frame, second in enumerate(range(150, 257, 15)):
            left, right = share(pipeline.step(pocketmatte.Frame(scene(second))).alpha)
            assert left > 0.2, frame
            assert right < 0.01, frame
        mirrored = np.ascontiguousarray(scene(150)[:, ::-1])
        pipeline.reset()
        left, right = share(pipeline.step(pocketmatte.Frame(mirrored)).alpha)
        assert left < 0.01 < 0.2 < right


def test_evaluate_narrows_the_truth_too_and_scores_slices(cli, tmp_path):
    data = tmp_path / "pairs"
    save(data / "images" / "two.png", scene(200))
    with pocketmatte.load(foreground="none") as pipeline:
        everybody = pipeline.step(pocketmatte.Frame(scene(200))).alpha
    save(data / "masks" / "two.png", np.where(everybody > 0.5, 255, 0).astype(np.uint8))
    tags = tmp_path / "tags.csv"
    tags.write_text("set,stem,tags\npairs,two,group\n")
    scores = {}
    for subject in ("all", "main"):
        answer = cli(*("evaluate", "base", "--data", data, "--subject", subject, "--slices", tags, "--json"))
        assert answer.code == 0, answer.err
        scores[subject] = json.loads(answer.out)
    assert scores["all"]["miou"] > 0.999
    assert scores["main"]["miou"] > 0.99
    assert scores["main"]["mad"] < scores["all"]["mad"]  # half the soft edge
    assert scores["all"]["slices"] == {"group": {"n": 1, **{k: scores["all"][k] for k in ("miou", "biou", "mad")}}}


def test_slices_that_do_not_fit(cli, tmp_path, photo):
    data = tmp_path / "rooms"
    save(data / "images" / "one.png", scene(100))
    tags = tmp_path / "tags.csv"
    tags.write_text("set,stem,tags\nrooms,other,empty\n")
    answer = cli("evaluate", "base", "--data", data, "--empty", "--slices", tags)
    assert answer.code == 0
    assert "no picture has a tag" in answer.out
    assert "1 pictures are not in the slices, the first is one" in answer.out
    answer = cli("evaluate", "base", "--data", data, "--sequence", "--slices", tags)
    assert answer.code == 1
    assert "does not go with --sequence" in answer.err
