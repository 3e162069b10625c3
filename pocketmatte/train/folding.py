"""Batch norms folded into the convolutions before them, in place: the network keeps its tensors' names and shapes, so
its weights still load into the registered architecture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


def out_axis(conv: nn.Module) -> int:
    """The axis of a convolution's weight that its output channels lie on."""
    return 1 if isinstance(conv, nn.ConvTranspose2d) else 0


def blank_input(network: nn.Module, height: int = 0) -> Tensor:
    """A picture of zeros ``[1,c,S,S]`` that ``network`` takes (with an empty prior, if it has one)."""
    side = height or 2 * int(getattr(network, "stride", 32))
    channels = 3 + ("prior" in getattr(network, "inputs", ("image",)))
    device = next(network.parameters()).device
    return torch.zeros(1, channels, side, side, device=device)


class _Pairs(TorchFunctionMode):
    """Notes which batch norm reads which convolution."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.weights = {id(m.weight): m for m in network.modules() if isinstance(m, CONVOLUTIONS)}
        self.norms = {id(m.running_mean): m for m in network.modules() if isinstance(m, nn.BatchNorm2d)}
        self.found: list[tuple[nn.Conv2d | nn.ConvTranspose2d, nn.BatchNorm2d]] = []
        self._producer: dict[int, tuple[Tensor, nn.Conv2d | nn.ConvTranspose2d]] = {}

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        if name in ("conv2d", "conv_transpose2d") and id(args[1]) in self.weights:
            self._producer[id(result)] = result, self.weights[id(args[1])]
        elif name == "batch_norm" and id(args[0]) in self._producer and id(args[1]) in self.norms:
            self.found.append((self._producer[id(args[0])][1], self.norms[id(args[1])]))
        return result


@torch.no_grad()
def find_norms(network: nn.Module) -> list[tuple[nn.Conv2d | nn.ConvTranspose2d, nn.BatchNorm2d]]:
    """Every convolution that a batch norm reads, and that norm, in the order in which the network runs them."""
    was = network.training
    pairs = _Pairs(network.eval())
    with pairs:
        network(blank_input(network))
    network.train(was)
    return pairs.found


@torch.no_grad()
def fold_batch_norms(network: nn.Module) -> int:
    """Move every batch norm's gain into the convolution that feeds it; what is left of it adds a bias.

    The answers in evaluation mode stay the same. Returns how many were folded. The gains (now 1) no longer learn; the
    caller keeps the batch norms in evaluation mode.
    """
    pairs = find_norms(network)
    for conv, norm in pairs:
        assert norm.running_mean is not None
        assert norm.running_var is not None
        gain = norm.weight / (norm.running_var + norm.eps).sqrt()
        shape = [1] * conv.weight.ndim
        shape[out_axis(conv)] = -1
        conv.weight.mul_(gain.view(shape))
        bias = 0.0 if conv.bias is None else conv.bias.clone()
        norm.bias.add_((bias - norm.running_mean) * gain)
        if conv.bias is not None:
            conv.bias.zero_()
        norm.weight.fill_(1.0)
        norm.weight.requires_grad_(False)
        norm.running_mean.zero_()
        norm.running_var.fill_(1 - norm.eps)
    return len(pairs)
