"""The scripts that compare short trainings: finished work stays, stopped work goes on, candidates are what they say."""

from __future__ import annotations

import csv
import importlib
import sys
import time
from argparse import Namespace
from xml.etree import ElementTree

import pytest
import torch

from pocketmatte.core import PocketmatteError
from pocketmatte.data.held_out import hold_out
from pocketmatte.data.store import load_store
from pocketmatte.models import create_model

pytestmark = pytest.mark.build


@pytest.fixture
def script():
    """``script("ablate")``: the module of that name in benchmarks/."""
    return lambda name: importlib.import_module(name if "." in name else f"benchmarks.{name}")


def ablation_options(**changes) -> Namespace:
    given = {"net": "matte-nano", "size": 32, "samples": 32, "batch": 8, "lr": 1e-3, "side": 64, "only": 0}
    return Namespace(**{**given, "teacher": None, "accelerator": "cpu", **changes})


def test_every_row_is_a_sound_configuration(script):
    ablate, config = script("ablate"), script("pocketmatte.train.config")
    for row in ablate.ROWS:
        made = ablate.settings(row, 1, ablation_options(teacher="teacher.pt"))
        assert config.check(made, row) is made
        assert bool(made.teacher) == bool(made.loss.distill)
        assert made.samples == 32
    with pytest.raises(PocketmatteError, match="--teacher FILE"):
        ablate.settings("distillation", 1, ablation_options())
    assert ablate.chosen_rows("+ L,temp") == ["+ Laplacian", "temporal"]
    with pytest.raises(PocketmatteError, match="no row begins with 'x'"):
        ablate.chosen_rows("x")


def test_stopped_runs_go_on_and_finished_ones_stay(script, drawn, tmp_path):
    ablate, proxy = script("ablate"), script("proxy")
    config = ablate.settings("+ edge boost", 1, ablation_options())
    assert proxy.Bench(drawn, time.monotonic() - 1, "cpu").run(config, tmp_path / "run") is None
    row = proxy.Bench(drawn, time.monotonic() + 600, "cpu").run(config, tmp_path / "run")
    assert row["samples"] == 32
    assert set(proxy.SCORES) <= set(row)
    assert 0 < row["mad"] < 1
    again = proxy.Bench(tmp_path / "no data", time.monotonic() - 1, "cpu")
    assert again.run(config, tmp_path / "run") == row


def test_the_ablation_fills_its_table_and_repeats_nothing(script, drawn, tmp_path, monkeypatch, capsys):
    ablate = script("ablate")
    given = ["--rows", "L1", "--seeds", "1,2", "--size", "32", "--samples", "32", "--batch", "8", "--side", "64"]
    given += ["--only", "20", "--data", str(drawn), "--work", str(tmp_path / "w"), "--accelerator", "cpu"]
    monkeypatch.setattr(sys, "argv", ["ablate.py", *given, "--out", str(tmp_path / "t.csv")])
    assert ablate.main() == 0
    with (tmp_path / "t.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["row"], row["seed"], row["people"]) for row in rows] == [("L1", "1", "20"), ("L1", "2", "20")]
    assert rows[0]["mad"] != rows[1]["mad"]
    before = (tmp_path / "t.csv").read_text()
    capsys.readouterr()
    assert ablate.main() == 0
    assert "0 rows now, 0 left" in capsys.readouterr().err
    assert (tmp_path / "t.csv").read_text() == before


def test_candidates_answer_at_their_size_and_differ(script):
    candidates = script("candidates")
    counts = set()
    for candidate in candidates.CANDIDATES:
        network = candidates.build(candidate)
        with torch.no_grad():
            assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 1, 64, 64)
        text = f"{network}{candidate.input}{type(network.get_submodule('decode2')).__name__}"
        counts.add(text)
    assert len(counts) == len(candidates.CANDIDATES)
    nano, reference = candidates.build(candidates.CANDIDATES[0]), create_model("matte-nano")
    assert str(nano) == str(reference)


def test_a_network_sees_the_truth_at_its_own_size(script, drawn):
    proxy = script("proxy")

    class Brightness(torch.nn.Module):
        mean, std, seen = 0.0, 1.0, 0

        def forward(self, x):
            Brightness.seen = x.shape[2]
            return 40 * (x.mean(1, keepdim=True) - 0.5)

    held = hold_out(load_store(drawn, 64, validation=True), 64)
    pale = type(held)(held.alphas.expand(-1, 3, -1, -1).contiguous(), held.alphas, held.empty)
    assert proxy.score_at(Brightness().eval(), pale, 64)["miou"] == pytest.approx(1.0)
    coarse = proxy.score_at(Brightness().eval(), pale, 16)
    assert Brightness.seen == 16
    assert 0.8 < coarse["miou"] < 1.0


def test_rows_of_a_table_are_replaced_not_doubled(script, tmp_path):
    proxy = script("proxy")
    proxy.merge(tmp_path / "t.csv", [{"a": 1, "b": 2}, {"a": 2, "b": 3}], ("a",))
    proxy.merge(tmp_path / "t.csv", [{"a": 2, "b": 5, "c": 1}], ("a",))
    assert (tmp_path / "t.csv").read_text() == "a,b,c\n1,2,\n2,5,1\n"


def test_a_plot_shows_every_point_and_line(script):
    plot = script("plot")
    points = [plot.Point(2.0 + k / 10, 0.7 + k / 50, f"n{k} <&>", "ab"[k % 2], 0.01 * k) for k in range(6)]
    root = ElementTree.fromstring(plot.scatter(points, [(3.1, "peer")], ("ms", "score")))
    texts = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {p.label for p in points} | {"peer", "ms", "score", "a", "b"} <= set(texts)
    circles = list(root.iter("{http://www.w3.org/2000/svg}circle"))
    assert len(circles) == 6 + 2
    assert all(0 <= float(c.get("cx")) <= plot.WIDTH and 0 <= float(c.get("cy")) <= plot.HEIGHT for c in circles)
    high, low = (
        next(c for c, p in zip(circles, sorted(points, key=lambda p: -p.y), strict=False) if p is q)
        for q in (points[5], points[0])
    )
    assert float(high.get("cy")) < float(low.get("cy"))


def test_parts_of_the_work_start_as_modules(script, capfd):
    script("proxy").side_by_side("benchmarks.ablate", 2, ["--help"])
    assert capfd.readouterr().out.count("usage: ") == 2
