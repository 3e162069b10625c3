"""The form of the reports: keys, order, finite numbers, table."""

from __future__ import annotations

import json
import math

import pytest

from pocketmatte.evaluate.report import (
    EmptyReport,
    EmptyScore,
    FrameScore,
    ImageScore,
    Report,
    SequenceReport,
    plain,
    table,
)

METRICS = ["miou", "iou", "biou", "acc", "mad", "mse", "grad", "conn"]
GOOD = ImageScore("good", 0.9, 0.8, 0.7, 0.95, 0.01, 0.002, 1.5, 0.5)
BAD = ImageScore("bad", 0.5, 0.4, 0.3, 0.85, 0.03, 0.004, 2.5, 1.5)


def test_dictionary_has_the_agreed_form() -> None:
    values = Report((GOOD, BAD), ("a note",)).to_dict()
    assert list(values) == ["n", *METRICS, "images"]
    assert [list(row) for row in values["images"]] == [["stem", *METRICS]] * 2
    assert [row["stem"] for row in values["images"]] == ["bad", "good"]
    assert values["n"] == 2
    expected = {"miou": 0.7, "iou": 0.6, "biou": 0.5, "acc": 0.9, "mad": 0.02, "mse": 0.003, "grad": 2, "conn": 1}
    assert {name: values[name] for name in METRICS} == pytest.approx(expected)


def test_undefined_values_are_null() -> None:
    assert [plain(None), plain(math.nan), plain(math.inf), plain(1 / 3)] == [None, None, None, 0.333333]
    still = SequenceReport((FrameScore("1", 0.1, 0.01, math.nan),), None, None, (FrameScore("1", 0.1, 0.01, 1),), None)
    for report in (Report(()), EmptyReport(()), still):
        assert "null" in json.dumps(report.to_dict(), allow_nan=False)
        assert "-" in table(report)


def test_empty_report_counts_what_is_over_the_limit() -> None:
    rows = tuple(EmptyScore(stem, alpha) for stem, alpha in (("a", 0.0), ("b", 0.5), ("c", 0.01), ("d", 0.09)))
    values = EmptyReport(rows).to_dict()
    assert list(values) == ["n", "alpha", "over", "limit", "images"]
    assert [row["stem"] for row in values["images"]] == ["b", "d", "c", "a"]
    assert (values["n"], values["alpha"], values["over"], values["limit"]) == (4, 0.15, 0.5, 0.01)
    assert "50 %" in table(EmptyReport(rows))


def test_sequence_report_lists_the_worst_frames_first() -> None:
    frames = (FrameScore("1", 0.1, 0.02, 3), FrameScore("2", 0.3, 0.04, 5))
    held = (FrameScore("1", 0.1, 0.02, 3), FrameScore("2", 0.5, 0.06, 7))
    values = SequenceReport(frames, 0.02, 0.25, held, 0.04).to_dict()
    assert list(values) == ["n", "mad", "mse", "grad", "dtssd", "lag", "frozen", "images"]
    assert [row["stem"] for row in values["images"]] == ["2", "1"]
    assert values["frozen"] == pytest.approx({"mad": 0.3, "mse": 0.04, "grad": 5, "dtssd": 0.04})
    assert (values["mad"], values["dtssd"], values["lag"]) == (0.2, 0.02, 0.25)


def test_table_shows_the_worst_and_the_mean() -> None:
    lines = table(Report((GOOD, BAD), ("images/x.png has no partner in masks/",)), worst=1).splitlines()
    assert lines[0].split() == METRICS
    assert lines[1].split() == ["bad", "0.5000", "0.4000", "0.3000", "0.8500", "0.0300", "0.0040", "2.5000", "1.5000"]
    assert lines[2].split()[:4] == ["mean", "of", "2", "0.7000"]
    assert lines[3] == "note: images/x.png has no partner in masks/"
    assert len({len(line) for line in lines[:3]}) == 1


def test_equal_scores_are_ordered_by_stem() -> None:
    rows = tuple(EmptyScore(stem, 0.5) for stem in "cab")
    assert [row.stem for row in EmptyReport(rows).images] == ["a", "b", "c"]
