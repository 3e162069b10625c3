"""Cross-layer equalisation (Nagel et al. 2019, *Data-free quantization through weight equalization and bias
correction*): neighbouring layers share out their channels' ranges, so that one scale fits more of them."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, fx, nn

from pocketmatte.export.rewrites_torch import fold_batch_norm, module_at, only_user, trace

LIMIT = 1e4  # largest factor a channel is scaled by


def equalize(network: nn.Module, rounds: int = 4) -> tuple[nn.Module, int]:
    """Scale channel ``i`` between two convolutions down in the first and up in the second by
    ``sqrt(range of the first / range of the second)``; returns the copy and how many pairs there are.

    Batch norms are folded first. Only pairs with nothing or a ReLU between them qualify, because ``relu(s x)`` is
    ``s relu(x)``; a ReLU6 would clip elsewhere.
    """
    network, _ = fold_batch_norm(network)
    network = copy.deepcopy(network)
    traced = trace(network)
    pairs = _pairs(traced)
    with torch.no_grad():
        for _ in range(rounds):
            for first, second in pairs:
                _balance(network.get_submodule(first), network.get_submodule(second))
    return network, len(pairs)


def _pairs(traced: fx.GraphModule) -> list[tuple[str, str]]:
    found = []
    for node in traced.graph.nodes:
        first, after = module_at(traced, node), only_user(node)
        while isinstance(module_at(traced, after), nn.ReLU | nn.Identity) and after is not None:
            after = only_user(after)
        second = module_at(traced, after)
        if not isinstance(first, nn.Conv2d) or not isinstance(second, nn.Conv2d) or after is None:
            continue
        if second.groups in (1, second.in_channels):
            found.append((str(node.target), str(after.target)))
    return found


def _balance(first: nn.Module, second: nn.Module) -> None:
    assert isinstance(first, nn.Conv2d)
    assert isinstance(second, nn.Conv2d)
    depthwise = second.groups > 1
    ours = first.weight.abs().amax((1, 2, 3))
    theirs = second.weight.abs().amax((1, 2, 3) if depthwise else (0, 2, 3))
    if depthwise and second.out_channels != second.in_channels:
        theirs = theirs.reshape(second.in_channels, -1).amax(1)
    factor: Tensor = torch.sqrt(ours / theirs.clamp_min(1e-12)).clamp(1 / LIMIT, LIMIT)
    factor = torch.where((ours > 0) & (theirs > 0), factor, torch.ones_like(factor))
    first.weight /= factor.reshape(-1, 1, 1, 1)
    if first.bias is not None:
        first.bias /= factor
    if depthwise:
        repeat = second.out_channels // second.in_channels
        second.weight *= factor.repeat_interleave(repeat).reshape(-1, 1, 1, 1)
    else:
        second.weight *= factor.reshape(1, -1, 1, 1)
