"""The rule that accepts what makes mattes calmer, and the rows of the benchmarks that apply it or stand beside it."""

from __future__ import annotations

import csv
import shutil
import sys
from math import nan
from pathlib import Path

import cv2
import numpy as np
import pytest

import pocketmatte
from benchmarks import subtract, temporal
from benchmarks.accuracy import replace
from benchmarks.pages import RESULTS, rows
from benchmarks.verdict import Figures, failures, judge_prior

BEFORE = Figures(0.05, 0.02, 0.0)
PORTRAIT = Path(pocketmatte.__file__).parent / "assets" / "astronaut.jpg"


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("after", "control", "said"),
    [
        (Figures(0.04, 0.02, 0.1), 0.1, []),
        (Figures(0.04, 0.03, None), 0.1, []),  # a clip in which nothing moves; the error may rise
        (Figures(0.05, 0.02, 0.1), 0.1, ["flickers more"]),
        (Figures(0.04, 0.02, -1.4), 0.1, ["lags by -1.4 frames"]),
        (Figures(0.01, 0.1, 2.0), 0.1, ["lags by 2.0 frames", "no better than a held mask"]),
        (Figures(nan, nan, nan), 0.1, ["flickers more", "lags by nan frames", "no better than a held mask"]),
    ],
)
def test_the_rule(after, control, said):
    assert failures(BEFORE, after, control) == said


def test_the_memory_of_every_video_network_is_judged_on_every_clip():
    measured = rows("video.csv")
    pairs = {(row["model"], row["clip"]) for row in measured if row["prior"] == "on"}
    judged = judge_prior(measured)
    assert {(found.head["model"], found.head["clip"]) for found in judged} == pairs
    for found in judged:
        assert found.fails == failures(found.before, found.after, found.frozen.mad)
    without = judge_prior(row for row in measured if row["prior"] != "on")
    assert without == []


def shaky(count: int = 4) -> list[tuple[np.ndarray, np.ndarray]]:
    picture = cv2.resize(cv2.imread(str(PORTRAIT)), (128, 128))[..., ::-1]
    mask = np.zeros((128, 128), np.float32)
    mask[20:, 30:90] = 1
    return [(np.roll(picture, k, 1).copy(), np.roll(mask, k, 1)) for k in range(count)]


def test_rows_of_smoothing_say_what_was_measured_and_old_rows_stay(tmp_path):
    found = temporal.rows_of("nano", [("clip", shaky())], ["off", "auto"])
    assert [row["temporal"] for row in found] == ["off", "auto"]
    assert found[0]["accepted"] == ""
    assert found[1]["accepted"] in ("True", "False")
    out = tmp_path / "temporal.csv"
    shutil.copy(RESULTS / "temporal.csv", out)
    replace(out, temporal.COLUMNS, ("model",), [row | {"date": "today", "commit": "abc"} for row in found])
    mine = [row for row in read(out) if row["model"] == "nano"]
    assert len(mine) == 2
    assert all(row["version"] and row["commit"] == "abc" and row["frames"] == "4" for row in mine)
    assert next(r for r in read(out) if r["model"] == "small")["dtssd"]


def test_rows_of_subtraction_name_the_model_only_where_one_ran(tmp_path, monkeypatch):
    scene = np.full((128, 128, 3), 90, np.uint8)
    clip = subtract.Clip("x/0", shaky(3), scene)
    monkeypatch.setattr(subtract, "keyed", lambda data: {})
    monkeypatch.setattr(subtract, "clips", lambda people, data, scenes: [clip])
    out = tmp_path / "subtract.csv"
    shutil.copy(RESULTS / "subtract.csv", out)
    before = read(out)
    options = ("--people", "test", "--data", tmp_path, "--model", "nano", "--methods", "difference", "network")
    monkeypatch.setattr(sys, "argv", ["subtract", *map(str, options), "--out", str(out)])
    subtract.main()
    after = {row["method"]: row for row in read(out)}
    assert set(after) == {row["method"] for row in before}
    assert (after["difference"]["model"], after["network"]["model"]) == ("", "nano")
    assert after["network"]["version"]
    assert after["network"]["date"]
    assert after["network"]["commit"]
    assert float(after["knn"]["miou"]) > 0  # measured before
