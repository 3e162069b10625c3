"""Structured pruning: the right channels go together, the share is met, and what is left works everywhere."""

from __future__ import annotations

import json

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pocketmatte.core import PocketmatteError
from pocketmatte.export.wrap import count_macs, count_parameters
from pocketmatte.models import create_model
from pocketmatte.models.checkpoint import load_weights, save_weights
from pocketmatte.models.narrow import narrow
from pocketmatte.train.channels import find_dependencies
from pocketmatte.train.config import Prune
from pocketmatte.train.folding import blank_input
from pocketmatte.train.loop import Trainer
from pocketmatte.train.prune import norm_importance, prune, taylor_importance
from pocketmatte.train.reshape import remembered_shape
from pocketmatte.train.setup import start_network

pytestmark = pytest.mark.build
# additions, joinings, gates, transposed convolutions, PReLU, a prior
NETWORKS = ["matte-nano-video", "matte-unet-lite0", "mobile-unet-deconv", "prisma-net", "slim-net"]


class Crossing(nn.Module):
    """Everything that ties channels together: a residual, a depthwise convolution, a product, a joining."""

    stride = 8

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.second = nn.Conv2d(8, 8, 1)
        self.gate = nn.Conv2d(8, 8, 1)
        self.side = nn.Conv2d(3, 12, 1)
        self.head = nn.Conv2d(20, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm(self.first(x)))
        y = y + self.second(self.depthwise(y))
        y = y * torch.sigmoid(self.gate(y.mean((2, 3), keepdim=True)))
        logits: Tensor = self.head(torch.cat([y, F.relu(self.side(x))], 1))
        return logits


def test_layers_that_meet_share_a_group():
    found = find_dependencies(Crossing())
    outs = {name: [g for g, _ in layer.outs] for name, layer in found.layers.items()}
    assert outs["first"] == outs["norm"] == outs["depthwise"] == outs["second"] == outs["gate"] != outs["side"]
    assert [g for g, _ in found.layers["head"].ins] == outs["first"] + outs["side"]
    assert sorted(found.sizes.values()) == [8, 12]  # the picture and the answer keep their channels


def test_removing_idle_channels_changes_no_answer():
    """Channels that every layer of their group left at zero have no importance, go first, and are not missed."""
    torch.manual_seed(0)
    network = Crossing().eval()
    with torch.no_grad():
        for idle in (1, 2, 5, 6):
            for layer in (network.first, network.norm, network.depthwise, network.second, network.gate):
                for parameter in layer.parameters():
                    parameter[idle] = 0
            for reader in (network.second, network.gate, network.head):
                reader.weight[:, idle] = 0
        network.side.weight[[0, 3, 4, 11]] = 0
        network.side.bias[[0, 3, 4, 11]] = 0
        network.head.weight[:, [8, 11, 12, 19]] = 0
        x = torch.rand(2, 3, 16, 16)
        before = network(x)
        importance = norm_importance(network)
        share = 1 - (3 * 4 * 9 + 4 * 9 + 4 * 4 + 3 * 8 + 12) / (3 * 8 * 9 + 8 * 9 + 8 * 8 + 3 * 12 + 20) - 0.03
        pruned = prune(network, importance, Prune(share=share, importance="norm"))
        assert (pruned.removed, pruned.channels) == (8, 20)
        torch.testing.assert_close(network(x), before)
    assert network.head.weight.shape == (1, 12, 1, 1)


def test_taylor_sees_what_the_loss_needs():
    torch.manual_seed(0)
    network = Crossing().eval()
    with torch.no_grad():
        network.head.weight[:, :8] *= 1e-4  # the answer hardly reads the first group
    x = torch.rand(4, 3, 16, 16)
    importance = taylor_importance(network, [lambda: network(x).square().mean()] * 2)
    groups = {n: layer.outs[0][0] for n, layer in find_dependencies(network).layers.items()}
    assert float(importance[groups["first"]].max()) < 1e-3 * float(importance[groups["side"]].median())
    assert not network.training


@pytest.mark.parametrize("name", NETWORKS)
def test_every_kind_of_architecture_loses_a_third_and_loads_again(name, tmp_path):
    torch.manual_seed(0)
    network = create_model(name).eval()
    x = torch.rand_like(blank_input(network))
    size = (x.shape[2], x.shape[3])
    whole = count_macs(network, size)
    pruned = prune(network, norm_importance(network), Prune(share=1 / 3, importance="norm"))
    assert count_macs(network, size) / whole == pytest.approx(pruned.left, abs=0.01)
    assert 0.6 < pruned.left <= 2 / 3
    save_weights(tmp_path / "p.pt", network.state_dict(), name, {"pruned": pruned.shapes}, {"name": "p"})
    again, _ = load_weights(tmp_path / "p.pt")
    with torch.no_grad():
        torch.testing.assert_close(again(x), network(x))
    for feature in ("fine_channels", "deep_channels"):
        assert getattr(again, feature, 0) == getattr(network, feature, 0)
    out = again.train()(torch.cat([x, x]))
    assert getattr(again, "fine_channels", 0) == (0 if out.fine is None else out.fine.shape[1])


def test_a_share_of_the_weights_is_met_too():
    network = create_model("matte-nano").eval()
    weights = count_parameters(network)
    settings = Prune(share=0.2, parameters=0.5, importance="norm")
    pruned = prune(network, norm_importance(network), settings)
    assert pruned.left <= 0.8
    assert 0.4 * weights < count_parameters(network) < 0.55 * weights  # biases stay longer


def test_too_much_is_refused_in_one_line():
    network = create_model("matte-nano").eval()
    with pytest.raises(PocketmatteError, match=r"at most \d+% of the multiply-adds can go while every layer keeps 50%"):
        prune(network, norm_importance(network), Prune(share=0.9, importance="norm", keep=0.5))
    with pytest.raises(PocketmatteError, match="of the weights can go .* lower prune.parameters"):
        prune(network, norm_importance(network), Prune(share=0.1, parameters=0.95, importance="norm", keep=0.5))


def test_shapes_that_do_not_fit_the_network():
    with pytest.raises(KeyError, match="no layer nothing"):
        narrow(create_model("matte-nano"), {"nothing": [1, 2]})
    with pytest.raises(TypeError, match="has no channels to choose"):
        narrow(create_model("matte-nano"), {"encoder.stem.2": [4]})


def test_a_run_prunes_fine_tunes_resumes_and_exports(make_config, drawn, tmp_path):
    torch.manual_seed(0)
    whole = create_model("matte-nano")
    save_weights(tmp_path / "whole.pt", whole.state_dict(), "matte-nano", {}, {"name": "whole"})
    settings = ("stages=[{size: 64, samples: 48, batch: 8}]", f"init={tmp_path / 'whole.pt'}", "loss.boundary=0.1")
    config = make_config(*settings, "prune={share: 0.3, samples: 32}")
    notes: list[object] = []
    first = Trainer(config, tmp_path / "run", drawn, notes.append, accelerator="cpu")
    assert any("channels removed" in str(note) for note in notes)
    first._observe = lambda event: first.stop() if getattr(event, "seen", 0) >= 16 else None
    assert not first.run()
    second = Trainer(config, tmp_path / "run", drawn, accelerator="cpu")
    assert second.resume()
    assert second.run()
    network, _ = load_weights(tmp_path / "run" / "best.pt")
    assert count_macs(network, (64, 64)) <= 0.7 * count_macs(whole, (64, 64))
    assert count_parameters(network) < count_parameters(whole)
    written = json.loads((tmp_path / "run" / "config.json").read_text())
    assert written["options"]["pruned"]

    from ai_edge_litert.interpreter import Interpreter

    from pocketmatte.export.litert import to_litert

    to_litert(network, (64, 64), tmp_path / "p.tflite")
    x = torch.rand(1, 3, 64, 64)
    run = Interpreter(str(tmp_path / "p.tflite")).get_signature_runner()
    alpha = run(image=x.permute(0, 2, 3, 1).contiguous().numpy())["alpha"][..., 0]
    with torch.no_grad():
        torch.testing.assert_close(torch.from_numpy(alpha), network(x).sigmoid()[:, 0], atol=1e-4, rtol=0)

    # what was pruned can be fine-tuned for int8 next: its shape comes with the weights
    taken = f"init={tmp_path / 'run' / 'best.pt'}"
    again = make_config("stages=[{size: 64, samples: 8, batch: 8}]", taken, "qat={}")
    Trainer(again, tmp_path / "int8", drawn, accelerator="cpu").run()
    assert count_macs(load_weights(tmp_path / "int8" / "best.pt")[0], (64, 64)) == count_macs(network, (64, 64))


def test_it_wants_trained_weights_and_a_share(make_config):
    with pytest.raises(PocketmatteError, match="prune changes a trained network"):
        make_config("prune={share: 0.3}")
    with pytest.raises(PocketmatteError, match="prune.share is the part to remove"):
        make_config("init=x.pt", "prune={share: 1.5}")
    with pytest.raises(PocketmatteError, match="prune.parameters is the part to remove"):
        make_config("init=x.pt", "prune={parameters: 1.0}")
    with pytest.raises(PocketmatteError, match="unknown importance 'luck'"):
        make_config("init=x.pt", "prune={importance: luck}")


def test_a_pruned_network_takes_no_imagenet_weights(make_config, tmp_path):
    """Its encoder has no longer their shapes; what it learnt from them comes with ``init``."""
    network = create_model("matte-small").eval()
    pruned = prune(network, norm_importance(network), Prune(share=0.5, importance="norm"))
    save_weights(tmp_path / "p.pt", network.state_dict(), "matte-small", {"pruned": pruned.shapes}, {"name": "p"})
    config = make_config("architecture=matte-small", "pretrained_encoder=true", f"init={tmp_path / 'p.pt'}")
    config = remembered_shape(config, tmp_path / "run", fresh=True)
    again = start_network(config, tmp_path, fresh=True, note=lambda text: None)
    for (name, one), other in zip(network.state_dict().items(), again.state_dict().values(), strict=True):
        torch.testing.assert_close(other, one, msg=name)
