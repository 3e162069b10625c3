"""``--device adb:`` against a pretended adb: a real subprocess, no phone."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pocketmatte.apps.cli import app
from pocketmatte.bench.adb import find_phone
from pocketmatte.bench.phone import TOOL, parse_report
from pocketmatte.bench.phone_plan import PhonePlan, measure_on_phone, sustain_on_phone
from pocketmatte.bench.subjects import choose
from pocketmatte.core import PocketmatteError

from .conftest import log

MODEL = "base"


def test_report_is_read_from_the_timed_runs():
    report = parse_report(log(14575))
    assert (report.runs, report.min_ms, report.avg_ms, report.std_ms) == (69, 14.475, 14.575, 0.09)
    assert (report.p50_ms, report.p95_ms, report.first_ms, report.memory_mb) == (14.565, 14.775, 18.535, 11.4)


def test_older_releases_give_an_average_only():
    text = log(2000, percentiles=False).replace(
        "Memory footprint delta from the start of the tool", "Peak memory footprint"
    )
    report = parse_report(text)
    assert (report.p50_ms, report.p95_ms, report.avg_ms, report.memory_mb) == (None, None, 2.0, 11.4)


def test_a_single_run_is_read():
    text = "count=1 curr=40000\nInference timings in us: Init: 1, First inference: 41000, Inference (avg): 40000\n"
    report = parse_report(text)
    assert (report.runs, report.min_ms, report.avg_ms, report.std_ms) == (1, 40.0, 40.0, 0.0)


@pytest.mark.parametrize("text", ["", "ERROR: Failed to apply GPU delegate.\nBenchmarking failed."])
def test_a_log_without_result_is_refused(text):
    with pytest.raises(PocketmatteError, match="no result: (it printed nothing|Benchmarking failed)"):
        parse_report(text)


def test_verb_measures_and_cleans_up(phone, tmp_path: Path):
    out = tmp_path / "bench.csv"
    tool = tmp_path / "mine"
    tool.write_text("newer tool")
    arguments = ["bench", MODEL, "--device", "adb:", "--threads", "1,4", "--delegate", "cpu,gpu", "--json"]
    result = CliRunner().invoke(app, [*arguments, "--tool", str(tool), "--out", str(out)])
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    assert [(r["runtime"], r["threads"]) for r in rows] == [
        ("litert", 1),
        ("litert", 4),
        ("litert-gpu", 1),
        ("litert-gpu", 4),
    ]
    assert rows[0]["device"] == "Acme One, Android 15"
    assert (rows[0]["p50_ms"], rows[0]["p95_ms"], rows[0]["rss_mb"]) == (14.565, 14.775, 11.4)
    assert [len(phone.runs), "--use_gpu=true" in phone.runs[-1]] == [4, True]
    assert phone.holds(TOOL)
    assert not phone.holds(f"/data/local/tmp/pocketmatte-{MODEL}.tflite")
    with out.open(newline="") as file:
        assert [r["p50_ms"] for r in csv.DictReader(file)] == ["14.565"] * 4


def test_restless_phone_is_asked_again_then_published_as_void(phone):
    restless = log(14575, deviation=4000)
    phone.answer(restless, restless, log(15000))
    (choice,) = choose([MODEL], ["litert"])
    plan = PhonePlan(threads=(1,))
    (calm,) = measure_on_phone(find_phone("adb:"), [choice], plan)
    assert (calm.void, calm.attempts, calm.p50_ms) == ("", 3, 14.99)
    phone.answer(restless)
    (void,) = measure_on_phone(find_phone("adb:R5CT"), [choice], plan)
    assert (void.void, len(phone.runs)) == ("yes", 3 + 4)


def test_sustained_mode_calls_the_tool_once_a_minute(phone):
    phone.answer(log(10000), log(11000), log(12500))
    (choice,) = choose([MODEL], ["litert"])
    rows = list(sustain_on_phone(find_phone("adb:"), choice, PhonePlan(threads=(1,)), 2.5))
    assert [(r.minute, r.ratio) for r in rows] == [(1, 1.0), (2, 10990 / 9990), (3, 12490 / 9990)]
    assert ["--min_secs=60" in run for run in phone.runs] == [True, True, False]
    assert "--min_secs=30" in phone.runs[-1]


def test_profile_shows_the_tools_own_tables(phone):
    phone.answer(log() + "== Summary by node type ==\n")
    result = CliRunner().invoke(app, ["bench", MODEL, "--device", "adb:", "--profile"])
    assert result.exit_code == 0, result.output
    assert "Summary by node type" in result.stdout
    assert "--enable_op_profiling=true" in phone.runs[0]


def test_what_the_tool_says_reaches_the_user(phone):
    phone.answer("ERROR: Failed to apply GPU delegate.", code=1)
    (choice,) = choose([MODEL], ["litert"])
    with pytest.raises(PocketmatteError, match="said last: ERROR: Failed to apply GPU delegate"):
        list(measure_on_phone(find_phone("adb:"), [choice], PhonePlan(delegates=("gpu",))))
    assert not phone.holds(f"/data/local/tmp/pocketmatte-{MODEL}.tflite")


def test_missing_tool_is_named(phone):
    (phone.root / "files" / TOOL.lstrip("/")).unlink()
    (choice,) = choose([MODEL], ["litert"])
    with pytest.raises(PocketmatteError, match="chmod failed: .*benchmark_model: No such file"):
        list(measure_on_phone(find_phone("adb:"), [choice], PhonePlan()))


@pytest.mark.parametrize(
    ("devices", "wanted", "said"),
    [
        ({}, "adb:", "no phone is connected"),
        ({"A": "device", "B": "device"}, "adb:", "several phones are connected \\(A, B\\)"),
        ({"A": "unauthorized"}, "adb:", "A is unauthorized"),
        ({"A": "device"}, "adb:Z", "no phone Z; connected: A"),
    ],
)
def test_unclear_phone_is_refused(phone, devices, wanted, said):
    phone.answer(log(), devices=devices)
    with pytest.raises(PocketmatteError, match=said):
        find_phone(wanted)


def test_missing_adb_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PocketmatteError, match="adb is not installed"):
        find_phone("adb:")
