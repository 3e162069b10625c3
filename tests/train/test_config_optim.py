"""YAML over dataclass, command line over YAML; rates; the shipped configurations."""

from pathlib import Path

import pytest
import torch
import yaml

from pocketmatte.core import PocketmatteError
from pocketmatte.models import create_model, list_architectures
from pocketmatte.models.checkpoint import save_weights
from pocketmatte.train.config import Optim, TrainConfig, read_config
from pocketmatte.train.loop import Trainer
from pocketmatte.train.objective import Objective
from pocketmatte.train.optim import make_optimizer, rate_at, set_rates

pytestmark = pytest.mark.build
CONFIGS = sorted(p for p in (Path(__file__).parents[2] / "configs").glob("*.yaml") if "architecture:" in p.read_text())


def test_order_of_defaults_file_and_command_line(make_config):
    assert make_config().optim.lr == Optim().lr
    assert make_config().optim.ema == 0.9
    changed = make_config("optim.ema=0.5", "loss.l1=2", "data.mix.pairs=0.5", "optim.lr=1e-3", "name=other")
    assert (changed.optim.ema, changed.loss.l1, changed.data.mix.pairs, changed.name) == (0.5, 2.0, 0.5, "other")
    assert changed.optim.lr == 0.001
    assert changed.stages[0].size == 32


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("optim.speed=3", "optim: unknown settings speed; known: clip_norm"),
        ("colour=red", "unknown settings colour"),
        ("optim.lr=fast", "optim: lr: expected float, found 'fast'"),
        ("seed=1.5", "seed: expected int, found 1.5"),
        ("stages=[{size: 32}]", "stages: .*missing"),
        ("stages=[{size: 33, samples: 8, batch: 8}]", "multiples of 32"),
        ("stages=[]", "no stages"),
        ("loss.distill=1", "needs a teacher"),
        ("loss.temporal=1", "set data.mix.pairs"),
        ("optim.schedule=steps", "unknown schedule 'steps'"),
        ("optim=3", "optim: expected a mapping"),
        ("nonsense", "expected KEY=VALUE"),
    ],
)
def test_faults_are_named_in_one_line(make_config, setting, message):
    with pytest.raises(PocketmatteError, match=message):
        make_config(setting)


def test_unreadable_files(tmp_path):
    with pytest.raises(PocketmatteError, match="cannot read the configuration"):
        read_config(tmp_path / "none.yaml")
    (tmp_path / "list.yaml").write_text("- 1\n")
    with pytest.raises(PocketmatteError, match="expected a mapping of settings, found list"):
        read_config(tmp_path / "list.yaml")
    (tmp_path / "part.yaml").write_text("name: x\n")
    with pytest.raises(PocketmatteError, match=r"missing .*architecture"):
        read_config(tmp_path / "part.yaml")


def test_printed_configuration_reads_back_as_itself(make_config, tmp_path):
    config = make_config("data.mix={pairs: 0.5, prior: {empty: 0.5}}", "loss.temporal=1")
    path = tmp_path / "again.yaml"
    path.write_text(yaml.safe_dump(config.to_dict()))
    assert read_config(path) == config


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_shipped_configurations_are_sound(path):
    config = read_config(path)
    assert config.name == path.stem
    assert config.architecture in list_architectures()
    assert ("prior" in create_model(config.architecture).inputs) == (config.data.mix.prior is not None)
    head = path.read_text().partition("name:")[0]
    assert "Command:" in head
    assert "Time:" in head


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_shipped_configurations_train(path, drawn, tmp_path):
    """Two small steps of each, without the files of other runs."""
    alone = ["teacher=null", "label_teacher=null", "init=null", "pretrained_encoder=false", "minutes=0"]
    alone += ["loss.distill=0", "loss.distill_features=0", "data.workers=0", "tensorboard=false", "precision=32-true"]
    settings = yaml.safe_load(path.read_text())
    if {"prune", "qat"} & set(settings):  # these change a trained network: here a fresh one
        name, fresh = settings["architecture"], tmp_path / "fresh.pt"
        save_weights(fresh, create_model(name).state_dict(), name, {}, {"name": "fresh"})
        alone += [f"init={fresh}", *(["prune.samples=16"] if "prune" in settings else [])]
    config = read_config(path, [*alone, "stages=[{size: 32, samples: 8, batch: 4}]", "log_every=4"])
    trainer = Trainer(config, tmp_path, drawn, accelerator="cpu")
    assert trainer.run()
    assert (tmp_path / "best.pt").is_file()


def test_cosine_warms_up_and_comes_down():
    optim = Optim(warmup_samples=100, final_share=0.1)
    assert rate_at(0, 0.0, optim) == pytest.approx(0.01)
    assert rate_at(100, 0.0, optim) == pytest.approx(1.0)
    assert rate_at(1000, 0.5, optim) == pytest.approx(0.55)
    assert rate_at(1000, 1.0, optim) == rate_at(2000, 1.5, optim) == pytest.approx(0.1)
    assert rate_at(1000, 0.7, Optim(schedule="constant")) < 1  # still warming up
    assert rate_at(10**6, 0.7, Optim(schedule="plateau")) == 1


def test_groups_split_encoder_and_decay():
    config = TrainConfig("x", "matte-nano", ())
    module = Objective(create_model("matte-nano"), config.loss)
    optimizer = make_optimizer(module, config.optim, fused=False)
    sizes = sum(p.numel() for group in optimizer.param_groups for p in group["params"])
    assert sizes == sum(p.numel() for p in module.parameters())
    for group in optimizer.param_groups:
        assert all((p.ndim > 1) == (group["weight_decay"] > 0) for p in group["params"])
    set_rates(optimizer, 0.5, frozen=True)
    for group in optimizer.param_groups:
        assert group["lr"] == (0 if group["encoder"] else 0.5 * config.optim.lr)
    assert isinstance(optimizer, torch.optim.AdamW)
