"""Quantisation-aware training: what is rounded, what is kept, and that int8 is the better for it."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import torch
from torch import nn

from pocketmatte.core import PocketmatteError
from pocketmatte.data.held_out import hold_out
from pocketmatte.data.store import load_store
from pocketmatte.models import create_model
from pocketmatte.models.checkpoint import load_weights, save_weights
from pocketmatte.train import qat
from pocketmatte.train.config import Qat
from pocketmatte.train.folding import blank_input, fold_batch_norms
from pocketmatte.train.loop import Trainer
from pocketmatte.train.objective import normalise

pytestmark = pytest.mark.build


def lively(name: str) -> nn.Module:
    """A network whose batch norms do something, as after training."""
    torch.manual_seed(0)
    network = create_model(name).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)
    return network


def picture(network: nn.Module, seed: int = 0) -> torch.Tensor:
    torch.manual_seed(seed)
    return torch.rand_like(blank_input(network))


@pytest.mark.parametrize("name", ["matte-nano", "matte-small-video", "matte-unet-lite0"])
def test_folding_changes_no_answer(name):
    network = lively(name)
    x = picture(network)
    with torch.no_grad():
        before = network(x)
        norms = sum(isinstance(m, nn.BatchNorm2d) for m in network.modules())
        assert fold_batch_norms(network) == norms
        torch.testing.assert_close(network(x), before, rtol=1e-3, atol=1e-4)
    assert all(bool((m.weight == 1).all()) for m in network.modules() if isinstance(m, nn.BatchNorm2d))


@pytest.mark.parametrize("name", ["matte-nano-video", "matte-unet-lite0", "mobilenetv3-unet", "prisma-net"])
def test_every_kind_of_architecture_can_be_prepared(name):
    """The prepared network answers nearly as before, differs as int8 does, and keeps the names of its tensors."""
    network = lively(name)
    x, names = picture(network), set(network.state_dict())
    with torch.no_grad():
        before = network(x)
        qat.prepare(network, Qat())
        qat.calibrate(network, [x])
        after = network(x)
    assert set(qat.float_state(network)) == names
    create_model(name).load_state_dict(qat.float_state(network))
    assert len(set(network.ranges.weights)) == len(network.ranges.weights) > 10
    error = float((after - before).std() / before.std())
    assert 0 < error < 0.5
    levels = torch.unique(after)
    assert len(levels) <= 256


def test_weights_lie_on_255_levels_per_channel():
    weight = torch.randn(6, 4, 3, 3)
    rounded = qat.fake_int8_weight(weight, 0)
    for mine, theirs in zip(weight, rounded, strict=True):
        steps = theirs / (mine.abs().max() / 127)
        torch.testing.assert_close(steps, steps.round(), atol=1e-3, rtol=0)
        assert float((mine - theirs).abs().max()) <= float(mine.abs().max()) / 254 * 1.001


def test_gradient_passes_inside_the_range_only():
    x = torch.tensor([-2.0, -0.5, 0.3, 5.0], requires_grad=True)
    y = qat.fake_int8(x, torch.tensor(-1.0), torch.tensor(1.0))
    y.sum().backward()
    assert x.grad.tolist() == [0.0, 1.0, 1.0, 0.0]
    torch.testing.assert_close(y.detach(), torch.tensor([-1.0, -0.5, 0.3, 1.0]), atol=2 / 255, rtol=0)
    assert float(qat.fake_int8(torch.zeros(1), torch.tensor(0.2), torch.tensor(0.9))) == 0.0


def test_a_prior_has_256_levels_of_its_own():
    network = lively("matte-nano-video")
    ramp = torch.linspace(0, 1, 256).repeat(1, 4, 16, 1)
    rounded = qat._round_input(network, ramp)
    assert len(torch.unique(rounded[:, 3])) == 256
    torch.testing.assert_close(rounded[:, 3], ramp[:, 3])
    assert len(torch.unique(rounded[:, 0])) < 140  # the picture's range is twice as wide


def test_ranges_follow_the_batches_and_then_stand_still():
    network = qat.prepare(lively("matte-nano"), Qat(momentum=0.5, hold_after=2))
    qat.calibrate(network, [picture(network)])
    seen = []
    for seed in range(4):
        network.train()(3 * picture(network, seed))
        seen.append(network.ranges.high.clone())
    assert not torch.equal(seen[0], seen[1])
    assert torch.equal(seen[1], seen[2])
    assert torch.equal(seen[2], seen[3])
    assert all(not m.training for m in network.modules() if isinstance(m, nn.BatchNorm2d))


@pytest.fixture(scope="session")
def trained(tmp_path_factory, drawn):
    """A nano that has seen a little, with uneven channels: where rounding hurts."""
    from pocketmatte.train.config import read_config

    from .conftest import TINY

    folder = tmp_path_factory.mktemp("trained")
    path = folder / "tiny.yaml"
    path.write_text(TINY)
    stages = "stages=[{size: 64, samples: 640, batch: 16}]"
    config = read_config(path, [stages, "optim.lr=6e-3", "optim.encoder_lr=6e-3", "optim.warmup_samples=100"])
    Trainer(config, folder / "run", drawn, accelerator="cpu").run()
    return folder / "run" / "best.pt"


def int8_error(weights, drawn, tmp_path) -> float:
    """Mean |alpha(int8) - alpha(float)| on the held-out pictures, both as .tflite, the first by static quantisation."""
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_quantizer import quantizer, recipe

    from pocketmatte.export.litert import to_litert

    network, _ = load_weights(weights)
    pictures = hold_out(load_store(drawn, 64, validation=True), 64)
    inputs = normalise(pictures.images, network).permute(0, 2, 3, 1).contiguous().numpy()
    to_litert(network, (64, 64), tmp_path / "float.tflite")
    tool = quantizer.Quantizer(str(tmp_path / "float.tflite"), recipe.static_wi8_ai8())
    found = tool.calibrate({"serving_default": [{"image": x[None]} for x in inputs]})
    tool.quantize(found).export_model(str(tmp_path / "int8.tflite"), overwrite=True)
    answers = []
    for name in ("float", "int8"):
        run = Interpreter(str(tmp_path / f"{name}.tflite")).get_signature_runner()
        (read,), (write,) = run.get_input_details().values(), run.get_output_details().values()
        scale, zero = read["quantization"]
        scale_out, zero_out = write["quantization"]
        rows = []
        for x in inputs[:, None]:
            given = np.clip(np.round(x / scale) + zero, -128, 127).astype(np.int8) if scale else x
            alpha = run(image=given)["alpha"].astype(np.float32)
            rows.append((alpha - zero_out) * scale_out if scale_out else alpha)
        answers.append(np.concatenate(rows))
    return float(np.abs(answers[0] - answers[1]).mean())


def test_int8_is_closer_to_float_after_it_than_after_the_same_training_without(trained, make_config, drawn, tmp_path):
    """The proof: real static int8 .tflite files, the same weights to begin with, the same number of samples."""
    errors = {}
    for name, more in {"without": (), "with": ("qat={momentum: 0.05, hold_after: 15}",)}.items():
        stages = "stages=[{size: 64, samples: 320, batch: 16}]"
        rates = ("optim.lr=1e-3", "optim.encoder_lr=1e-3")
        config = make_config(stages, *rates, f"init={trained}", *more)
        Trainer(config, tmp_path / name, drawn, accelerator="cpu").run()
        errors[name] = int8_error(tmp_path / name / "best.pt", drawn, tmp_path)
    print(errors)
    assert errors["with"] < 0.8 * errors["without"], errors


def test_a_run_resumes_with_its_ranges(trained, make_config, drawn, tmp_path):
    settings = ("stages=[{size: 64, samples: 64, batch: 8}]", f"init={trained}", "qat={calibrate: 16}")
    notes: list[object] = []
    straight = Trainer(make_config(*settings), tmp_path / "straight", drawn, accelerator="cpu")
    straight.run()
    cut = Trainer(make_config(*settings), tmp_path / "cut", drawn, notes.append, accelerator="cpu")
    cut._observe = lambda event: cut.stop() if getattr(event, "seen", 0) >= 32 else None
    assert not cut.run()
    again = Trainer(make_config(*settings), tmp_path / "cut", drawn, accelerator="cpu")
    assert again.resume()
    assert again.run()
    for mine, theirs in zip(straight.network.state_dict().values(), again.network.state_dict().values(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-4)
    network, _ = load_weights(tmp_path / "cut" / "best.pt")
    assert not any(name.startswith("ranges") for name in network.state_dict())
    with (tmp_path / "cut" / "log.csv").open(newline="") as file:
        assert [row["samples"] for row in csv.DictReader(file)] == ["48", "64"]


def test_it_wants_trained_weights(make_config):
    with pytest.raises(PocketmatteError, match="qat changes a trained network; name its weights as `init: FILE`"):
        make_config("qat={}")


def test_a_foreign_init_is_one_line(make_config, drawn, tmp_path):
    save_weights(tmp_path / "x.pt", {"none": torch.zeros(1)}, "matte-nano", {}, {"name": "x"})
    with pytest.raises(PocketmatteError, match="no tensor that fits"):
        Trainer(make_config("qat={}", f"init={tmp_path / 'x.pt'}"), tmp_path / "run", drawn, accelerator="cpu")
