"""Timing, rows and the ``bench`` verb on the model that ships."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pocketmatte.apps.bench import Wishes, bench
from pocketmatte.apps.cli import app
from pocketmatte.bench.chain import CHAIN, NETWORK
from pocketmatte.bench.frames import drifting_frames
from pocketmatte.bench.measure import Plan, calmest, measure
from pocketmatte.bench.memory import memory_of
from pocketmatte.bench.rows import COLUMNS, append_csv, commit_of_code, provenance
from pocketmatte.bench.subjects import choose
from pocketmatte.bench.sustained import minute_by_minute, sustain
from pocketmatte.bench.timing import Summary, interleave, summarise
from pocketmatte.core import PocketmatteError, Size

ROOT = Path(__file__).parents[2]
MODEL = "base"
ONNX = ROOT / "weights" / MODEL / f"{MODEL}.onnx"


def summary(spread: float) -> Summary:
    return Summary(1.0, 1.0, 1.0, spread, 10)


def test_figures_of_known_durations():
    found = summarise([float(v) for v in range(1, 102)], first_ms=500.0)
    assert (found.min_ms, found.p50_ms, found.p95_ms, found.first_ms, found.runs) == (1, 51, 96, 500, 101)
    assert found.spread == pytest.approx(50 / 51)
    assert found.void
    assert not summarise([10.0, 10.0, 10.1, 10.2]).void


def test_nothing_timed_is_an_error():
    with pytest.raises(ValueError, match="nothing was timed"):
        summarise([])


def test_steps_run_in_turn():
    order: list[str] = []
    times = interleave([lambda: order.append("a"), lambda: order.append("b")], rounds=3, warm_up=1)
    assert "".join(order) == "abababab"
    assert [len(t) for t in times] == [4, 4]
    assert all(t >= 0 for one in times for t in one)


def test_a_calm_run_ends_the_reruns():
    spreads = iter([0.3, 0.01, 0.01])
    found, attempts = calmest(lambda: [{NETWORK: summary(next(spreads))}], NETWORK)
    assert (found[0][NETWORK].spread, attempts) == (0.01, 2)


def test_after_three_reruns_the_least_restless_is_kept_as_void():
    spreads = iter([(0.9, 0.9), (0.2, 0.1), (0.3, 0.3), (0.5, 0.1), (0, 0)])
    found, attempts = calmest(lambda: [{CHAIN: summary(s)} for s in next(spreads)], CHAIN)
    assert [p[CHAIN].spread for p in found] == [0.2, 0.1]
    assert [p[CHAIN].void for p in found] == [True, False]
    assert attempts == 4
    assert next(spreads) == (0, 0)  # a fifth run was not made


def test_rows_of_all_parts():
    choices = choose([MODEL, str(ONNX)], ["auto"])
    rows = measure(choices, Plan((1,), Size(96, 128), rounds=3, memory=False))
    stages = ["preprocess", "infer", "temporal", "refine", "composite"]
    for runtime in ("litert", "onnxruntime"):
        mine = {r.part: r for r in rows if r.runtime == runtime}
        assert set(mine) >= {NETWORK, CHAIN, *stages}
        assert (mine[NETWORK].frame, mine[CHAIN].frame) == ("", "96x128")
        whole = mine[CHAIN].min_ms
        assert whole is not None
        assert all(0 < (r.min_ms or 0) <= (r.p50_ms or 0) <= (r.p95_ms or 0) for r in mine.values())
        assert sum(mine[s].min_ms or 0 for s in stages) < 1.2 * (mine[CHAIN].p95_ms or 0)
    first = next(r for r in rows if r.part == NETWORK)
    assert (first.ratio, first.model, first.precision, first.threads) == (1.0, MODEL, "fp16", 1)
    assert first.size_mb == pytest.approx(choices[0].path.stat().st_size / 1e6)
    assert all(r.date and r.version and r.device and "in turn" in r.method for r in rows)
    overloaded = provenance().overloaded
    assert overloaded or all((r.void == "yes") == ((r.spread or 0) > 0.15) for r in rows)


def test_an_overloaded_machine_voids_even_calm_rows(monkeypatch):
    monkeypatch.setattr("os.getloadavg", lambda: (100.0, 1.0, 1.0))
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    assert provenance().overloaded
    assert not provenance("a phone").overloaded  # this machine's load is not the phone's
    (choice,) = choose([MODEL], ["auto"])
    rows = measure([choice], Plan((1,), Size(64, 64), rounds=2, memory=False))
    assert {(r.void, r.load) for r in rows} == {("yes", 100.0)}


def test_memory_is_that_of_the_model_alone():
    (choice,) = choose([MODEL], ["litert"])
    network = memory_of(choice.path, "litert", "auto", 1, None)
    chain = memory_of(choice.path, "litert", "auto", 1, Size(1080, 1920))
    assert network is not None
    assert chain is not None
    assert 5 < network.growth < network.peak < 1000
    assert chain.peak > network.peak + 10  # frames of 6 MB, and floats of them


def test_memory_of_a_broken_file_says_why(tmp_path):
    (tmp_path / "x.tflite").write_text("no model")
    with pytest.raises(PocketmatteError, match=r"memory of x.tflite in litert: .*has no description"):
        memory_of(tmp_path / "x.tflite", "litert", "auto", 1, None)


def test_all_runtimes_that_have_a_file():
    both = [("litert", "litert"), ("litert", "openvino")]
    assert [(c.entry.format, c.runtime) for c in choose([MODEL], ["all"])] == both
    found = [c.runtime for c in choose([str(ONNX.parent)], ["all"])]
    assert found[0] == "onnxruntime"
    assert len(choose([MODEL, MODEL], ["auto", "litert"])) == 1


@pytest.mark.parametrize(
    ("runtime", "said"), [("onnxruntime", "no file for onnxruntime"), ("warp", "unknown runtime 'warp'")]
)
def test_runtime_without_a_file_is_refused(runtime, said):
    with pytest.raises(PocketmatteError, match=said):
        choose([MODEL], [runtime])


def test_minutes_become_rows():
    count = 0

    def step() -> None:
        nonlocal count
        count += 1
        sum(range(20_000))

    found = list(minute_by_minute(step, minutes=3.5, minute=0.05))
    assert 2 <= len(found) <= 4
    assert sum(s.runs for s in found) == count - 1  # the very first run stands apart
    assert found[0].first_ms is not None
    assert all(s.first_ms is None for s in found[1:])


def test_sustained_rows_of_the_shipped_model():
    (choice,) = choose([MODEL], ["auto"])
    rows = list(sustain(choice, Plan(size=Size(64, 64)), threads=1, minutes=0.002))
    assert [(r.minute, r.part, r.ratio) for r in rows] == [(1, CHAIN, 1.0)]


def test_frames_have_the_size_asked_for_and_move():
    for size in (Size(1080, 1920), Size(100, 90)):
        frames = drifting_frames(size, 3)
        assert {f.shape for f in frames} == {(*size, 3)}
        assert (frames[0] != frames[1]).any()


def test_verb_adds_rows_to_a_file(tmp_path):
    out = tmp_path / "results" / "bench.csv"
    arguments = ["bench", MODEL, "--threads", "1", "--frame", "64x64", "--rounds", "2", "--out", str(out)]
    for _ in range(2):
        result = CliRunner().invoke(app, [*arguments, "--json"])
        assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    assert tuple(rows[0]) == COLUMNS
    with out.open(newline="") as file:
        written = list(csv.DictReader(file))
    assert len(written) == 2 * len(rows)
    assert float(written[-1]["p50_ms"]) == pytest.approx(rows[-1]["p50_ms"], abs=1e-3)
    assert rows[0]["rss_mb"] > rows[0]["rss_model_mb"] > 0


def test_table_names_every_part():
    result = CliRunner().invoke(app, ["bench", MODEL, "--threads", "1", "--frame", "64x64", "--rounds", "2"])
    assert result.exit_code == 0, result.output
    assert all(part in result.stdout for part in (NETWORK, CHAIN, "composite", "load average"))


def test_a_foreign_csv_is_left_alone(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(PocketmatteError, match="no file of benchmark rows"):
        append_csv(path, [])
    assert path.read_text() == "a,b\n1,2\n"


def test_what_cannot_take_rows_is_found_before_measuring(tmp_path, monkeypatch):
    def never(*_: object) -> None:
        raise AssertionError("measured first")

    monkeypatch.setattr("pocketmatte.apps.bench.measure", never)
    picture = tmp_path / "picture.jpg"
    picture.write_bytes(bytes(range(256)))
    for path, reason in ((picture, "holds no text"), (tmp_path, "is a folder"), (picture / "x.csv", "is a file")):
        with pytest.raises(PocketmatteError, match=reason):
            bench([MODEL], Wishes(out=path))
    assert picture.read_bytes() == bytes(range(256))


@pytest.mark.parametrize(
    "arguments", [["--threads", "0"], ["--threads", "x"], ["--frame", "720p"], ["--frame", "1x1"]], ids=" ".join
)
def test_wrong_numbers_are_refused(arguments):
    result = CliRunner().invoke(app, ["bench", MODEL, *arguments])
    assert isinstance(result.exception, PocketmatteError)
    assert arguments[1] in str(result.exception)


def test_commit_is_that_of_the_checkout():
    if not (ROOT / ".git").exists():
        assert commit_of_code() == ""
        return
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert head.startswith(commit_of_code().removesuffix("-dirty"))
