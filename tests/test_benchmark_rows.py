"""How benchmarks keep their rows, and the plot of a training log."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from benchmarks.accuracy import replace, slice_rows
from benchmarks.curve import curve
from benchmarks.pages import ROOT, fill
from benchmarks.tiers import commands
from pocketmatte.evaluate.report import EmptyReport, EmptyScore, ImageScore, Report


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_rows_are_replaced_in_place_and_others_stay(tmp_path):
    path = tmp_path / "new" / "rows.csv"
    columns, key = ("model", "set", "value"), ("model",)
    replace(path, columns, key, [{"model": m, "set": s, "value": 1} for m in "ab" for s in "xy"])
    replace(path, columns, key, [{"model": "a", "set": "z", "value": 2, "ignored": 3}])
    assert [tuple(row.values()) for row in read(path)] == [("a", "z", "2"), ("b", "x", "1"), ("b", "y", "1")]
    replace(path, columns, key, [{"model": "c", "set": "x", "value": 5}])
    assert [row["model"] for row in read(path)] == ["a", "b", "b", "c"]


def test_slices_are_means_over_all_sets_together(tmp_path):
    tags = tmp_path / "tags.csv"
    tags.write_text("set,stem,tags\nreal,a,hat\nreal,b,\nstreet,c,hat hair\nempty,d,empty\nempty,e,empty thing\n")

    def score(stem: str, miou: float) -> ImageScore:
        return ImageScore(stem, miou, miou, miou, 1, 0, 0, 0, 0)

    found = {
        "real": Report((score("a", 0.5), score("b", 0.1))),
        "street": Report((score("c", 0.9),)),
        "empty": EmptyReport((EmptyScore("d", 0.0), EmptyScore("e", 0.5))),
    }
    rows = {row["slice"]: row for row in slice_rows(found, tags)}
    assert list(rows) == ["hair", "hat", "empty", "thing"]
    assert rows["hat"]["n"] == 2
    assert rows["hat"]["miou"] == pytest.approx(0.7)
    assert rows["empty"] == {"slice": "empty", "n": 2, "empty_alpha": 0.25, "empty_over": 0.5}


def test_the_curve_is_a_plot_of_what_the_log_has():
    log = [{"samples": str(1000 * k), "miou": str(0.9 + 0.01 * k), "biou": str(0.6 + 0.02 * k)} for k in range(1, 6)]
    lines = ET.fromstring(curve(log)).findall("{http://www.w3.org/2000/svg}polyline")
    assert [len(line.get("points", "").split()) for line in lines] == [5, 5]
    heights = [float(point.split(",")[1]) for point in lines[0].get("points", "").split()]
    assert heights == sorted(heights, reverse=True)
    old = [{key: value for key, value in row.items() if key != "biou"} for row in log]
    assert curve(old).count("<polyline") == 1


def test_one_command_measures_the_peers_the_earlier_model_and_the_new_ones(tmp_path):
    steps = commands(["nano", "nano-video"], "first", tmp_path, Path("runs"), 7)
    for step in ("accuracy", "video"):
        assert steps[step][1].endswith("selfie_segmentation.tflite:bilinear")
        assert steps[step][-3:] == ["first", "nano", "nano-video"]
    assert steps["latency"][1] == str(tmp_path / "selfie_segmentation.tflite")
    assert steps["cards"] == ["benchmarks.cards", "nano", "nano-video", "--from", "runs"]
    assert list(steps)[-1] == "tables"


def test_pages_change_between_their_marks_and_nowhere_else():
    page = "# Head\n<!-- a -->\nold\n<!-- /a -->\nwords\n<!-- c -->\nstays\n<!-- /c -->\n"
    new = fill(page, {"a": lambda: "new", "b": lambda: "never asked"})
    assert new == page.replace("old", "new")
    assert fill(new, {"a": lambda: "new"}) == new


def test_a_short_run_of_the_server_benchmark(tmp_path):
    out = tmp_path / "serve.json"
    options = ("--requests", "6", "--concurrency", "3", "--warm-up", "1", "--out", str(out))
    command = [sys.executable, "-m", "benchmarks.serve", *options]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=300)
    found = json.loads(out.read_text())
    assert found["warm_up"] == 28  # seven sizes, four looks
    assert {"date", "version", "commit", "model", "load_average", "load_average_after"} <= set(found)
    assert found["load"]["requests"] == found["load"]["statuses"]["200"] == 6
    assert 0 < found["load"]["p50_ms"] <= found["load"]["p95_ms"]
    assert [row["after"] for row in found["rss"]] == ["warm", "load", "malformed", "next 6 good"]
    assert all(row["mib"] > 50 for row in found["rss"])
    assert {code[0] for code in found["malformed"]} == {"4"}
