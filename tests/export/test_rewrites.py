"""Every rewrite of a network gives the same output, and does apply where it should."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pocketmatte.core import PocketmatteError
from pocketmatte.export.rewrites import apply_rewrites
from pocketmatte.models.registry import create_model

pytestmark = pytest.mark.build


class Deconvolution(nn.Module):
    """What the rewrites are for: batch norm after transposed convolutions, PReLU, a head after the resize."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.act = nn.PReLU(8)
        self.up = nn.ConvTranspose2d(8, 12, 2, 2, groups=2)
        self.up_norm = nn.BatchNorm2d(12)
        self.act2 = nn.PReLU()
        self.head = nn.Conv2d(12, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.norm(self.first(x)))
        y = self.act2(self.up_norm(self.up(y)))
        return self.head(F.interpolate(y, scale_factor=2.0, mode="bilinear", align_corners=False))


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return lively(Deconvolution())


def lively(network: nn.Module) -> nn.Module:
    """Batch norms and slopes with values of their own."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight, module.bias, module.running_mean):
                nn.init.normal_(tensor, 0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.2, 3)
        elif isinstance(module, nn.PReLU):
            nn.init.uniform_(module.weight, -0.5, 0.9)
    return network.eval()


def same(before: nn.Module, after: nn.Module, channels: int = 3, side: int = 32, bound: float = 2e-5) -> None:
    x = torch.randn(2, channels, side, side)
    with torch.no_grad():
        expected = before(x)
        assert expected.std() > 1e-3
        torch.testing.assert_close(after(x), expected, atol=bound * float(expected.abs().max()), rtol=0)


@pytest.mark.parametrize(
    ("name", "count", "gone"),
    [("prelu-to-relu", 2, nn.PReLU), ("fold-batch-norm", 2, nn.BatchNorm2d), ("head-before-resize", 1, None)],
)
def test_rewrites_keep_the_output(network: nn.Module, name: str, count: int, gone: Any) -> None:
    after, counts = apply_rewrites(network, [name])
    assert counts == {name: count}
    same(network, after)
    assert gone is None or not any(isinstance(m, gone) for m in after.modules())
    assert gone is None or any(isinstance(m, gone) for m in network.modules())  # the original is left alone


def test_all_together_on_one_network(network: nn.Module) -> None:
    names = ["fold-batch-norm", "prelu-to-relu", "head-before-resize"]
    after, counts = apply_rewrites(network, names)
    assert counts == {"fold-batch-norm": 2, "prelu-to-relu": 2, "head-before-resize": 1}
    same(network, after)


def test_the_head_now_runs_at_the_small_size(network: nn.Module) -> None:
    after, _ = apply_rewrites(network, ["head-before-resize"])
    sizes = []
    after.get_submodule("head").register_forward_hook(lambda m, i, o: sizes.append(tuple(o.shape[2:])))
    after(torch.zeros(1, 3, 32, 32))
    assert sizes == [(32, 32)]  # the resize that follows makes 64x64


def test_zero_stuffed_kernels_become_dilations() -> None:
    torch.manual_seed(0)
    stuffed = nn.Conv2d(4, 6, 9, padding=4)
    with torch.no_grad():
        weight = torch.zeros_like(stuffed.weight)
        weight[:, :, ::4, ::4] = stuffed.weight[:, :, ::4, ::4]
        stuffed.weight.copy_(weight)
    before = nn.Sequential(stuffed, nn.Conv2d(6, 2, 3, padding=1))
    after, counts = apply_rewrites(before, ["true-dilation"])
    assert counts == {"true-dilation": 1}
    first = after.get_submodule("0")
    assert (first.kernel_size, first.dilation) == ((3, 3), (4, 4))
    same(before, after, channels=4)


def test_equalisation_evens_out_the_channels() -> None:
    torch.manual_seed(0)
    before = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, groups=8), nn.ReLU6())
    with torch.no_grad():
        before[0].weight *= torch.logspace(-2, 2, 8).reshape(-1, 1, 1, 1)
    before.eval()
    after, counts = apply_rewrites(before, ["equalize"])
    assert counts == {"equalize": 1}
    same(before, after)

    def spread(network: nn.Module) -> float:
        largest = network.get_submodule("0").weight.detach().abs().amax((1, 2, 3))
        return float(largest.max() / largest.min())

    assert spread(after) < 0.05 * spread(before)


@pytest.mark.parametrize("name", ["matte-nano", "matte-small-video"])
def test_our_networks_survive_folding_and_equalising(name: str) -> None:
    torch.manual_seed(0)
    network = create_model(name).eval()
    after, counts = apply_rewrites(network, ["fold-batch-norm", "equalize"])
    assert counts["fold-batch-norm"] == sum(isinstance(m, nn.BatchNorm2d) for m in network.modules())
    same(network, after, channels=4 if name.endswith("video") else 3, side=64, bound=1e-4)


def test_unknown_names_are_listed(network: nn.Module) -> None:
    with pytest.raises(PocketmatteError, match="unknown rewrite 'short-names' for networks; known: equalize"):
        apply_rewrites(network, ["short-names"])
