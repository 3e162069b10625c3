"""Quantisation-aware training: the network learns while it feels what int8 will do to it (Jacob et al. 2018).

Batch norms are folded; weights are rounded to symmetric int8 per output channel, activations to asymmetric int8 per
tensor with running ranges, and the gradient passes through the rounding. What is saved are plain float weights of the
registered architecture: static post-training quantisation then finds weights and ranges that int8 serves well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from pocketmatte.models import TrainOutput
from pocketmatte.train.config import Qat
from pocketmatte.train.folding import blank_input, fold_batch_norms
from pocketmatte.train.integer_ops import IntegerOps

_PREFIX = "ranges."
_LOGITS = "logits"


def fake_int8(x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """``x`` rounded to the 256 levels between ``low`` and ``high`` (widened to hold 0), float32.

    The gradient passes inside the range and is 0 outside.
    """
    low, high = low.clamp(max=0.0), high.clamp(min=0.0)
    scale = ((high - low) / 255).clamp(min=1e-8)
    zero = (-128 - low / scale).round().clamp(-128, 127).to(torch.int32)
    rounded: Tensor = torch.fake_quantize_per_tensor_affine(x.float(), scale, zero, -128, 127)
    return rounded


def fake_int8_weight(weight: Tensor, axis: int) -> Tensor:
    """A convolution's weight rounded to -127..127 times the largest value of each output channel (on ``axis``)."""
    others = [d for d in range(weight.ndim) if d != axis]
    scale = (weight.detach().abs().amax(others) / 127).clamp(min=1e-8)
    zero = torch.zeros_like(scale, dtype=torch.int32)
    rounded: Tensor = torch.fake_quantize_per_channel_affine(weight.float(), scale, zero, axis, -127, 127)
    return rounded


class Ranges(nn.Module):
    """The running range of every tensor that int8 arithmetic reads, by the name of its first reader (``sites``).

    ``weights`` are the names of the weights that are rounded. ``calibrating``: ranges grow to hold all they see.
    """

    low: Tensor
    high: Tensor
    steps: Tensor

    def __init__(self, sites: Sequence[str], weights: Sequence[str], settings: Qat) -> None:
        super().__init__()
        self.sites = {name: index for index, name in enumerate(sites)}
        self.weights, self.settings, self.calibrating = tuple(weights), settings, False
        self.register_buffer("low", torch.zeros(len(self.sites)))
        self.register_buffer("high", torch.zeros(len(self.sites)))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def observe(self, site: str, x: Tensor) -> None:
        """Let the range of ``site`` follow ``x``."""
        index, (low, high) = self.sites[site], torch.aminmax(x.detach().float())
        if self.calibrating:
            self.low[index] = torch.minimum(self.low[index], low)
            self.high[index] = torch.maximum(self.high[index], high)
        else:
            self.low[index].lerp_(low, self.settings.momentum)
            self.high[index].lerp_(high, self.settings.momentum)

    def round(self, site: str, x: Tensor) -> Tensor:
        """``x`` on the int8 grid of ``site``."""
        return fake_int8(x, self.low[self.sites[site]], self.high[self.sites[site]])


class _Survey(IntegerOps):
    """Lists what there is to round."""

    def __init__(self, weights: dict[int, str]) -> None:
        super().__init__(weights)
        self.sites: list[str] = []
        self.rounded: list[str] = []

    def on_tensor(self, site: str, x: Tensor) -> Tensor:
        if site not in self.sites:
            self.sites.append(site)
        return x

    def on_weight(self, name: str, weight: Tensor, axis: int) -> Tensor:
        self.rounded.append(name)
        return weight


class _Rounding(IntegerOps):
    """Rounds what the survey found; what only training computes (auxiliary heads) is left alone."""

    def __init__(self, ranges: Ranges, weights: dict[int, str], observe: bool) -> None:
        super().__init__(weights)
        self.ranges, self.observe = ranges, observe

    def on_tensor(self, site: str, x: Tensor) -> Tensor:
        if site not in self.ranges.sites:
            return x
        if self.observe or self.ranges.calibrating:
            self.ranges.observe(site, x)
        return x if self.ranges.calibrating else self.ranges.round(site, x)

    def on_weight(self, name: str, weight: Tensor, axis: int) -> Tensor:
        return weight if self.ranges.calibrating else fake_int8_weight(weight, axis)


class _Quantised:
    """Mixed into the class of a prepared network: the same network, computed as int8 would."""

    ranges: Ranges

    def forward(self, x: Tensor) -> Tensor | TrainOutput:
        assert isinstance(self, nn.Module)
        ranges, learning = self.ranges, self.training
        weights = {id(self.get_parameter(name)): name for name in ranges.weights}
        observe = learning and int(ranges.steps) < ranges.settings.hold_after
        rounding = _Rounding(ranges, weights, observe)
        x = rounding.mark(_round_input(self, x.float()))
        with rounding:
            out: Tensor | TrainOutput = super().forward(x)  # type: ignore[misc]
        logits = out.logits if isinstance(out, TrainOutput) else out
        logits = rounding.on_tensor(_LOGITS, logits)
        if learning:
            ranges.steps += 1
        return out._replace(logits=logits) if isinstance(out, TrainOutput) else logits

    def train(self, mode: bool = True) -> Any:
        """Folded batch norms stay in evaluation mode."""
        super().train(mode)  # type: ignore[misc]
        assert isinstance(self, nn.Module)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self


def _round_input(network: nn.Module, x: Tensor) -> Tensor:
    """Normalised pictures keep their own 256 levels, and so does a prior: 0..1 whole, not a part of the picture's
    range."""
    mean, std = (float(getattr(network, name)) for name in ("mean", "std"))
    bounds = x.new_tensor([-mean / std, (1 - mean) / std, 0.0, 1.0])
    image = fake_int8(x[:, :3], bounds[0], bounds[1])
    return torch.cat([image, fake_int8(x[:, 3:], bounds[2], bounds[3])], 1) if x.shape[1] > 3 else image


def prepare(network: nn.Module, settings: Qat) -> nn.Module:
    """Turn ``network`` into its quantisation-aware self, in place; :func:`calibrate` it next.

    Its parameters keep names and shapes; a child ``ranges`` is added, which :func:`float_state` leaves out.
    """
    fold_batch_norms(network)
    parameters = {id(p): name for name, p in network.named_parameters() if p.ndim == 4}
    was = network.training
    survey = _Survey(parameters)
    with torch.no_grad(), survey:
        network.eval()(survey.mark(blank_input(network)))
    ranges = Ranges([*survey.sites, _LOGITS], survey.rounded, settings)
    network.ranges = ranges.to(next(network.parameters()).device)
    kind = type(network)
    network.__class__ = type(f"Quantised{kind.__name__}", (_Quantised, kind), {})
    return network.train(was)


@torch.no_grad()
def calibrate(network: nn.Module, batches: Sequence[Tensor]) -> None:
    """Set the ranges of a prepared network to what ``batches`` of normalised input reach in float."""
    was = network.training
    network.eval()
    with _calibrating(network):
        for batch in batches:
            network(batch)
    network.train(was)


@contextmanager
def _calibrating(network: nn.Module) -> Iterator[None]:
    ranges = network.ranges
    assert isinstance(ranges, Ranges)
    ranges.calibrating = True
    try:
        yield
    finally:
        ranges.calibrating = False


def float_state(network: nn.Module) -> dict[str, Tensor]:
    """The tensors of a network as its architecture knows them, on the CPU: without the ranges of a prepared one."""
    quantised = isinstance(network, _Quantised)
    return {n: t.cpu() for n, t in network.state_dict().items() if not (quantised and n.startswith(_PREFIX))}
