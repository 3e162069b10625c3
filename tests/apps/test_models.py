"""The ``models`` verb: what it lists, and answers from measured rows."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pocketmatte.apps.cli import app
from pocketmatte.apps.models import Wanted, describe, fits, measured_line, parse_budget
from pocketmatte.core import PocketmatteError
from pocketmatte.zoo import measured
from pocketmatte.zoo.catalogue import list_all
from pocketmatte.zoo.find import list_models

ROOT = Path(__file__).parents[2]


def measurement(p50: float, part: str = "chain", void: str = "", size: float = 1.8) -> dict[str, object]:
    return {
        "model": "base",
        "date": "2026-11-20",
        "file": f"{size}.tflite",
        "runtime": "litert",
        "threads": 1,
        "part": part,
        "frame": "720x1280",
        "p50_ms": p50,
        "p95_ms": p50 + 1,
        "void": void,
        "size_mb": size,
        "device": "a phone",
        "method": "by hand",
        "age_days": 2,
    }


def model(*rows: dict[str, object], permissive: bool = True) -> dict[str, object]:
    return {
        "measured": list(rows),
        "licence": {"permissive": permissive, "weights": "research"},
        "weights": [{"bytes": 1_800_000}, {"bytes": None}],
    }


@pytest.mark.parametrize(
    ("text", "expected"), [("33ms", 33), ("33", 33), ("0.033s", 33), ("25fps", 40), (" 16.6 ms ", 16.6)]
)
def test_budgets(text, expected):
    assert parse_budget(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "fast", "0ms", "-3ms", "33min"])
def test_budgets_that_say_nothing(text):
    with pytest.raises(PocketmatteError, match="expected a time per frame"):
        parse_budget(text)


@pytest.mark.parametrize(
    ("row", "wanted", "why"),
    [
        (model(measurement(30)), Wanted(33), ""),
        (model(measurement(40)), Wanted(33), "its fastest row needs 40.0 ms"),
        (model(measurement(30, void="yes")), Wanted(33), "only void rows"),
        (model(measurement(30, "network")), Wanted(33), "not measured (chain)"),
        (model(measurement(30, "network")), Wanted(33, part="network"), ""),
        (model(), Wanted(33), "not measured (chain)"),
        (model(measurement(30)), Wanted(33, max_mb=1), "its smallest measured file has 1.80 MB"),
        (model(measurement(30, size=1.003)), Wanted(33, max_mb=1), "its smallest measured file has 1.003 MB"),
        (model(), Wanted(max_mb=1.79999), "its smallest file has 1.80 MB"),
        (model(), Wanted(max_mb=1.7999999), "its smallest file has 1.80 MB"),
        (model(measurement(33.04)), Wanted(33), "its fastest row needs 33.04 ms"),
        (model(measurement(30), measurement(32, size=0.9)), Wanted(33, max_mb=1), ""),
        (model(measurement(30), measurement(35, size=0.9)), Wanted(33, max_mb=1), "its fastest row needs 35.0 ms"),
        (model(), Wanted(max_mb=1), "its smallest file has 1.80 MB"),
        (model(), Wanted(max_mb=2), ""),
        (model(measurement(30), permissive=False), Wanted(33, licence="permissive"), "weights: research"),
    ],
)
def test_what_fits(row, wanted, why):
    good, said = fits(row, wanted)
    assert good == (why == "")
    assert said.startswith(why)


def test_fitting_rows_come_fastest_first():
    row = model(measurement(32), measurement(20), measurement(50), measurement(10, void="yes"))
    assert fits(row, Wanted(33))[0]
    assert [m["p50_ms"] for m in row["fitting"]] == [20, 32]
    line = measured_line(row["fitting"][0])
    assert "chain 720x1280 20.0 ms (95th percentile 21.0), 1.80 MB" in line
    assert "measured 2026-11-20 (2 days ago) on a phone; by hand" in line


def test_verb_lists_every_model_with_its_rows():
    rows = json.loads(CliRunner().invoke(app, ["models", "--json"]).stdout)
    assert [r["name"] for r in rows] == [s.name for s in list_all()]
    for row in rows:
        assert {"name", "params", "macs", "input", "licence", "weights", "measured"} <= set(row)
        assert all(m["method"] and m["age_days"] >= 0 for m in row["measured"])


def test_verb_answers_a_budget_and_says_why_not(monkeypatch):
    rows = (measurement(31.5), measurement(12.0, "network"), measurement(9.0, void="yes"))
    monkeypatch.setattr(measured, "_rows", lambda: rows)
    answer = CliRunner().invoke(app, ["models", "--budget", "33ms"])
    assert "base" in answer.stdout
    assert "chain 720x1280 31.5 ms" in answer.stdout
    assert "days ago" in answer.stdout or "(today)" in answer.stdout
    assert "9.0 ms" not in answer.stdout
    nothing = CliRunner().invoke(app, ["models", "--budget", "0.001ms", "--json"])
    assert json.loads(nothing.stdout) == []
    assert nothing.exit_code == 1
    assert nothing.stderr.endswith("pocketmatte: no model is known to keep to 0.001 ms (chain)\n")
    small = CliRunner().invoke(app, ["models", "--max-mb", "0.001", "--licence", "permissive"])
    assert (small.exit_code, small.stdout) == (1, "")
    assert small.stderr.endswith("pocketmatte: no model is known to keep to 0.001 MB, permissive weights\n")
    assert "left out: base: " in nothing.stderr


def test_weights_that_are_elsewhere_are_listed_without_a_size(tmp_path):
    from dataclasses import replace

    spec = replace(list_models()[0], folder=tmp_path)
    row = describe(spec)
    assert (row["bytes"], {w["bytes"] for w in row["weights"]}) == (0, {None})
    assert fits(row, Wanted(max_mb=5)) == (False, "no weight file here")


def test_rows_carry_their_age():
    rows = measured.measurements("base", today=date(2100, 1, 1))
    assert rows
    assert all(r["age_days"] == (date(2100, 1, 1) - date.fromisoformat(r["date"])).days for r in rows)
    assert measured.measurements("no such model") == []


def test_package_carries_the_newest_rows_of_the_results():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.measured", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with (ROOT / "results" / "bench.csv").open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["model"] == "base" and r["part"] == "network"]
    kept = [r for r in measured.measurements("base") if r["part"] == "network"]
    assert 0 < len(kept) <= len(rows)
    assert f"{kept[-1]['p50_ms']:g}" in {f"{float(r['p50_ms']):g}" for r in rows}
