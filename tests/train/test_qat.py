"""Quantisation-aware training: what is rounded, what is kept, and that int8 is the better for it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pocketmatte.core import PocketmatteError
from pocketmatte.data.drawn import draw_person
from pocketmatte.models import create_model
from pocketmatte.models.checkpoint import load_weights, save_weights
from pocketmatte.train import qat
from pocketmatte.train.config import Qat
from pocketmatte.train.folding import blank_input, fold_batch_norms
from pocketmatte.train.loop import Trainer

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


@pytest.fixture
def trained(tmp_path) -> Path:
    """Weights to start from."""
    path = tmp_path / "trained.pt"
    save_weights(path, lively("matte-nano").state_dict(), "matte-nano", {}, {"name": "trained"})
    return path


def uneven(pictures: torch.Tensor) -> nn.Module:
    """A network whose int8 form suffers: in every joined tensor one channel is 16 times as wide as it need be, which
    changes no answer in float and leaves the others 16 of 256 levels (Nagel et al. 2019)."""
    network = lively("matte-nano")
    with torch.no_grad():
        for step in network.steps:
            decode = network.get_submodule(f"decode{step}")
            for part in (decode.squeeze, decode.skip):
                part[1].weight[0] *= 16
                part[1].bias[0] *= 16
            decode.mix[0][0].weight[0] /= 16
        answer = network(pictures)
        scale = 3 / answer.std()
        network.head[0].weight *= scale
        network.head[0].bias.copy_((network.head[0].bias - answer.mean()) * scale)
    return network


def int8_answers(network: nn.Module, pictures: torch.Tensor, folder: Path) -> torch.Tensor:
    """Alphas of the static int8 .tflite of ``network``, calibrated on the pictures themselves."""
    from ai_edge_litert.interpreter import Interpreter

    from pocketmatte.export.litert import to_litert
    from pocketmatte.export.quantize import quantize_litert

    folder.mkdir()
    inputs = pictures.permute(0, 2, 3, 1).contiguous().numpy()
    to_litert(network.eval(), (64, 64), folder / "float.tflite")
    quantize_litert(folder / "float.tflite", folder / "int8.tflite", "int8", [{"image": x[None]} for x in inputs])
    run = Interpreter(str(folder / "int8.tflite")).get_signature_runner()
    return torch.from_numpy(np.concatenate([run(image=x[None])["alpha"] for x in inputs])).permute(0, 3, 1, 2)


def test_the_int8_file_is_closer_to_the_float_network_after_it(tmp_path):
    """The proof, with real static int8 files: before, and after 40 steps in which the rounded network learns to answer
    what the float one did."""
    rng = np.random.default_rng(0)
    drawn = np.stack([draw_person(64, 64, rng)[0] for _ in range(48)]).transpose(0, 3, 1, 2)
    pictures = torch.from_numpy(drawn).float() / 127.5 - 1
    network = uneven(pictures)
    with torch.no_grad():
        wanted = network(pictures).sigmoid()
    before = int8_answers(network, pictures, tmp_path / "before")
    learner = qat.prepare(network, Qat(momentum=0.05)).train()
    qat.calibrate(learner, [pictures])
    optimizer = torch.optim.Adam([p for p in learner.parameters() if p.requires_grad], lr=5e-4)
    for step in range(40):
        chosen = torch.arange(step, step + 16) % len(pictures)
        loss = (learner(pictures[chosen]).logits.sigmoid() - wanted[chosen]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    learnt = create_model("matte-nano")
    learnt.load_state_dict(qat.float_state(learner))
    after = int8_answers(learnt, pictures, tmp_path / "after")
    errors = [float((answer - wanted).abs().mean()) for answer in (before, after)]
    assert errors[1] < 0.7 * errors[0], errors


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
