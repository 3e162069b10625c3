"""Slices: reading the tags, means per tag, and the committed file of the test sets."""

from __future__ import annotations

from pathlib import Path

import pytest

from pocketmatte.core import PocketmatteError
from pocketmatte.evaluate.report import EmptyReport, EmptyScore, ImageScore, Report
from pocketmatte.evaluate.slices import missing, read_slices, slice_scores, slice_table

ROOT = Path(__file__).parents[2]


def score(stem: str, miou: float) -> ImageScore:
    return ImageScore(stem, miou, miou, miou / 2, 1, 1 - miou, 0, 0, 0)


@pytest.fixture
def tagged(tmp_path: Path) -> Path:
    path = tmp_path / "slices.csv"
    path.write_text("set,stem,tags\nreal,a,hair hat\nreal,b,hair\nreal,c,\nempty,x,empty place\nother,a,dark\n")
    return path


def test_means_of_every_tag(tagged):
    tags = read_slices(tagged, "real")
    found = slice_scores(Report((score("a", 0.8), score("b", 0.6), score("c", 0.1))), tags)
    assert list(found) == ["hair", "hat"]
    assert found["hair"] == pytest.approx({"n": 2, "miou": 0.7, "biou": 0.35, "mad": 0.3})
    assert found["hat"] == pytest.approx({"n": 1, "miou": 0.8, "biou": 0.4, "mad": 0.2})
    lines = slice_table(found).splitlines()
    assert [line.split() for line in lines] == [
        ["n", "miou", "biou", "mad"],
        ["hair", "2", "0.7000", "0.3500", "0.3000"],
        ["hat", "1", "0.8000", "0.4000", "0.2000"],
    ]


def test_empty_pictures_have_their_own_figures(tagged):
    report = EmptyReport((EmptyScore("x", 0.2), EmptyScore("unknown", 0.9)))
    assert slice_scores(report, read_slices(tagged, "empty")) == {
        "empty": {"n": 1, "alpha": 0.2, "over": 1.0},
        "place": {"n": 1, "alpha": 0.2, "over": 1.0},
    }


def test_no_tag_at_all(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("set,stem,tags\nreal,a,\n")
    assert slice_table(slice_scores(Report((score("a", 1),)), read_slices(path, "real"))) == "no picture has a tag"


def test_pictures_the_file_does_not_know(tagged):
    assert missing(["a", "z", "y"], read_slices(tagged, "real")) == ("z", "y")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("set,stem\nreal,a\n", "expected set,stem,tags"),
        ("set,stem,tags\nreal,a,\nreal,a,hat\n", "names a of real twice"),
        ("set,stem,tags\nstreet,a,\n", "it has street"),
        ("", "expected set,stem,tags"),
    ],
)
def test_files_that_are_refused(tmp_path, text, part):
    path = tmp_path / "s.csv"
    path.write_text(text)
    with pytest.raises(PocketmatteError, match=part):
        read_slices(path, "real")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(PocketmatteError, match="cannot read the slices"):
        read_slices(tmp_path / "none.csv", "real")


def test_the_committed_tags_are_the_documented_ones():
    written = (ROOT / "docs" / "evaluate.md").read_text()
    counts = {}
    for name in ("real", "street", "closeup", "empty"):
        tags = read_slices(ROOT / "results" / "slices.csv", name)
        counts[name] = len(tags)
        for tag in frozenset().union(*tags.values()):
            assert f"| `{tag}` |" in written, tag
        assert all(("empty" in found) == (name == "empty") for found in tags.values())
    assert counts == {"real": 64, "street": 121, "closeup": 50, "empty": 63}
