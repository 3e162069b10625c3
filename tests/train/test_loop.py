"""Runs: they learn, survive a kill, start from other weights, and use every loss."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from pocketmatte.core import PocketmatteError
from pocketmatte.models import create_model
from pocketmatte.models.checkpoint import load_weights, save_weights
from pocketmatte.train.loop import Progress, Trainer

pytestmark = pytest.mark.build
ROOT = Path(__file__).parents[2]


def table(path: Path) -> list[dict[str, float]]:
    with path.open(newline="") as file:
        return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]


def train(config, out: Path, data: Path, stop_at: int | None = None, resume: bool = False) -> Trainer:
    """Run ``config``; with ``stop_at`` the step after so many samples is the last, as after a budget."""

    def observe(event: str | Progress) -> None:
        if stop_at and isinstance(event, Progress) and event.seen >= stop_at:
            trainer.stop()

    trainer = Trainer(config, out, data, observe, accelerator="cpu")
    if resume:
        assert trainer.resume()
    trainer.run()
    return trainer


def test_learns_and_leaves_what_a_run_folder_holds(make_config, drawn, tmp_path):
    heard: list[str | Progress] = []
    stages = "stages=[{size: 32, samples: 960, batch: 16}]"
    config = make_config(stages, "log_every=96", "optim.lr=6e-3", "optim.warmup_samples=100")
    trainer = Trainer(config, tmp_path / "run", drawn, heard.append, accelerator="cpu")
    assert trainer.run()
    losses = table(tmp_path / "run" / "loss.csv")
    assert [row["samples"] for row in losses] == list(range(96, 961, 96))
    assert losses[-1]["l1"] < 0.85 * losses[0]["l1"]
    scores = table(tmp_path / "run" / "log.csv")
    assert scores[-1]["mad"] < 0.95 * scores[0]["mad"]
    network, training = load_weights(tmp_path / "run" / "best.pt")
    assert training["name"] == "tiny"
    assert training["validation"]["score"] == max(row["score"] for row in scores)
    assert not network.training
    last = [event for event in heard if isinstance(event, Progress)][-1]
    assert (last.seen, last.total, last.size) == (960, 960, 32)


@pytest.mark.parametrize("stop_at", [32, 80])
def test_stopped_and_resumed_gives_the_same_curve(make_config, drawn, tmp_path, stop_at):
    config = make_config()
    straight = train(config, tmp_path / "straight", drawn)
    first = train(config, tmp_path / "cut", drawn, stop_at)
    assert stop_at <= first.state.seen < config.samples
    second = train(config, tmp_path / "cut", drawn, resume=True)
    for name in ("loss.csv", "log.csv"):
        one, two = table(tmp_path / "straight" / name), table(tmp_path / "cut" / name)
        assert len(one) == len(two)
        for a, b in zip(one, two, strict=True):
            assert {k: v for k, v in a.items() if k != "minutes"} == pytest.approx(
                {k: v for k, v in b.items() if k != "minutes"}, rel=1e-4, abs=1e-5
            )
    for a, b in zip(
        straight.average.network.state_dict().values(), second.average.network.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


CHILD = """
import sys, torch
from pathlib import Path
torch.set_num_threads(1)
from pocketmatte.train.config import read_config
from pocketmatte.train.loop import Trainer
trainer = Trainer(read_config(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), lambda e: print(e, flush=True), "cpu")
trainer.resume()
trainer.run()
"""


def test_killed_without_warning_and_resumed_gives_the_same_curve(make_config, drawn, tmp_path):
    """SIGKILL after a checkpoint: the rows written since are dropped and made again, equal."""
    config = make_config()
    train(config, tmp_path / "straight", drawn)
    command = [sys.executable, "-c", CHILD, str(tmp_path / "tiny.yaml"), str(tmp_path / "cut"), str(drawn)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    for line in child.stdout:
        if line.startswith("Progress(seen=64"):
            child.send_signal(signal.SIGKILL)
            break
    child.wait(60)
    child.stdout.close()
    assert child.returncode == -signal.SIGKILL
    assert table(tmp_path / "cut" / "loss.csv")[-1]["samples"] >= 64
    resumed = Trainer(config, tmp_path / "cut", drawn, accelerator="cpu")
    assert resumed.resume()
    assert 40 <= resumed.state.seen < config.samples
    resumed.run()
    one, two = table(tmp_path / "straight" / "loss.csv"), table(tmp_path / "cut" / "loss.csv")
    assert len(one) == len(two)
    for a, b in zip(one, two, strict=True):
        assert a == pytest.approx(b, rel=1e-4, abs=1e-5)


def test_budget_ends_a_run_that_can_go_on(make_config, drawn, tmp_path):
    trainer = Trainer(make_config(), tmp_path / "run", drawn, accelerator="cpu")
    assert not trainer.run(deadline=time.monotonic() - 1)
    assert train(make_config(), tmp_path / "run", drawn, resume=True).state.finished


def test_minutes_bound_a_run_and_its_stages(make_config, drawn, tmp_path):
    config = make_config(
        "minutes=0.03", "stages=[{size: 32, samples: 64, batch: 8}, {size: 64, samples: 64, batch: 8}]"
    )
    assert config.ends == pytest.approx((0.2, 1.0))
    trainer = train(config, tmp_path / "run", drawn)
    assert trainer.state.finished
    rows = table(tmp_path / "run" / "loss.csv")
    assert {row["size"] for row in rows} == {32, 64}
    assert rows[-1]["lr"] < 0.5 * max(row["lr"] for row in rows)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_all_losses_of_a_video_network_with_teachers(make_config, drawn, tmp_path, precision):
    torch.manual_seed(0)
    teacher = create_model("matte-small")
    save_weights(tmp_path / "teacher.pt", teacher.state_dict(), "matte-small", {}, {"name": "t"})
    config = make_config(
        "architecture=matte-nano-video",
        f"precision={precision}",
        "stages=[{size: 32, samples: 16, batch: 8}]",
        f"teacher={tmp_path / 'teacher.pt'}",
        f"label_teacher={tmp_path / 'teacher.pt'}",
        "label_size=32",
        "loss={boundary: 0.1, consistency: 1.0, temporal: 1.0, distill: 1.0, distill_features: 0.5}",
        "data.mix={pairs: 0.5, prior: {}}",
    )
    trainer = train(config, tmp_path / "run", drawn)
    row = table(tmp_path / "run" / "loss.csv")[-1]
    expected = {"bce", "l1", "laplacian", "dice", "coarse", "boundary", "clean", "consistency", "temporal", "distill"}
    assert {*expected, "features"} <= set(row)
    assert all(row[name] > 0 for name in expected)
    assert row["loss"] == pytest.approx(sum(row[name] for name in {*expected, "features"}), rel=1e-3)
    assert "miou_second" in table(tmp_path / "run" / "log.csv")[-1]
    assert set(trainer.average.network.state_dict()) == set(create_model("matte-nano-video").state_dict())


def test_frozen_encoder_rests_for_its_epochs(make_config, drawn, tmp_path):
    config = make_config("stages=[{size: 32, samples: 32, batch: 8}]", "optim.freeze_encoder_epochs=100")
    trainer = Trainer(config, tmp_path / "run", drawn, accelerator="cpu")
    before = {n: t.clone() for n, t in trainer.network.state_dict().items()}
    trainer.run()
    after = trainer.network.state_dict()
    moved = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    assert moved
    assert not any(name.startswith("encoder.") for name in moved)


def test_init_takes_over_a_still_network_and_says_what_it_left(make_config, drawn, tmp_path):
    torch.manual_seed(3)
    still = create_model("matte-nano")
    save_weights(tmp_path / "still.pt", still.state_dict(), "matte-nano", {}, {"name": "s"})
    notes: list[str | Progress] = []
    config = make_config("architecture=matte-nano-video", f"init={tmp_path / 'still.pt'}", "data.mix.prior={}")
    trainer = Trainer(config, tmp_path / "run", drawn, notes.append, accelerator="cpu")
    assert any("widened: encoder.stem.0.conv.weight" in str(note) for note in notes)
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        same = trainer.network.eval()(torch.cat([x, torch.rand(1, 1, 64, 64)], 1))
        torch.testing.assert_close(same, still.eval()(x))


def test_early_stop_and_plateau(make_config, drawn, tmp_path):
    still = ("optim.lr=0", "optim.encoder_lr=0", "optim.ema=0.0")
    patience = ("optim.schedule=plateau", "optim.plateau_patience=1", "early_stop=2", "validate_every=16")
    config = make_config("stages=[{size: 32, samples: 800, batch: 16}]", *still, *patience)
    trainer = train(config, tmp_path / "run", drawn)
    assert trainer.state.finished
    assert trainer.state.seen < config.samples
    assert trainer.state.shrink < 1


def test_two_processes_share_the_work(make_config, drawn, tmp_path):
    make_config("devices=2")
    text = (tmp_path / "tiny.yaml").read_text() + "devices: 2\n"
    (tmp_path / "tiny.yaml").write_text(text)
    script = tmp_path / "child.py"
    script.write_text(CHILD)
    command = [sys.executable, str(script), str(tmp_path / "tiny.yaml"), str(tmp_path / "run"), str(drawn)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("LOCAL_RANK", "NODE_RANK", "WORLD_SIZE"))}
    result = subprocess.run(
        command, env={**environment, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=300, check=False
    )
    assert result.returncode == 0, result.stderr[-2000:]
    rows = table(tmp_path / "run" / "loss.csv")
    assert [row["samples"] for row in rows] == list(range(16, 129, 16))
    assert load_weights(tmp_path / "run" / "best.pt")


def test_resuming_another_network_is_refused(make_config, drawn, tmp_path):
    train(make_config("stages=[{size: 32, samples: 8, batch: 8}]"), tmp_path / "run", drawn)
    other = Trainer(make_config("architecture=matte-small"), tmp_path / "run", drawn, accelerator="cpu")
    with pytest.raises(PocketmatteError, match="another network"):
        other.resume()


def test_unknown_architecture_is_one_line(make_config, drawn, tmp_path):
    with pytest.raises(PocketmatteError, match="unknown architecture 'nothing'; known: .*matte-base"):
        Trainer(make_config("architecture=nothing"), tmp_path / "run", drawn, accelerator="cpu")
