"""Structured pruning: whole channels leave a trained network, which is then fine-tuned.

The channels that matter least are found by their weights' norm or by a first-order Taylor estimate of what the loss
would lose (Molchanov et al. 2019); which must go together is found by :mod:`pocketmatte.train.channels`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pocketmatte.core import PocketmatteError
from pocketmatte.models.narrow import narrow
from pocketmatte.train.channels import Dependencies, Layout, find_dependencies
from pocketmatte.train.config import Prune
from pocketmatte.train.folding import CONVOLUTIONS, fold_batch_norms, out_axis

Shapes = dict[str, list[int]]


@dataclass(frozen=True)
class Pruned:
    """``shapes`` of all layers that changed (see :func:`pocketmatte.models.narrow.narrow`); multiply-adds per picture
    before and after, as shares of each other in ``left``; how many channels went, of how many."""

    shapes: Shapes
    left: float
    removed: int
    channels: int

    def __str__(self) -> str:
        return f"{self.removed} of {self.channels} channels removed, {self.left:.0%} of the multiply-adds left"


def norm_importance(network: nn.Module) -> dict[int, Tensor]:
    """Group -> importance ``[channels]``: mean over all layers that write or read a channel of the squared norm of its
    weights (batch norms folded), relative to the layer's average channel."""
    folded = copy.deepcopy(network)
    fold_batch_norms(folded)
    found = find_dependencies(folded)
    sums: dict[int, list[Tensor]] = {}
    for layer in found.layers.values():
        if not isinstance(layer.module, CONVOLUTIONS):
            continue
        weight, axis = layer.module.weight.detach(), out_axis(layer.module)
        sides = [(axis, layer.outs)] + ([] if layer.depthwise else [(1 - axis, layer.ins)])
        for side, layout in sides:
            strength = weight.pow(2).sum([d for d in range(4) if d != side])
            strength = strength / strength.mean().clamp(min=1e-12)
            for group, part in _parts(layout, strength):
                sums.setdefault(group, []).append(part)
    return {group: torch.stack(parts).mean(0) for group, parts in sums.items() if group in found.sizes}


def taylor_importance(network: nn.Module, losses: Iterable[Callable[[], Tensor]]) -> dict[int, Tensor]:
    """Group -> importance ``[channels]``: squared first-order change of the loss if a channel's batch norms (where it
    has none, its weights) were zero, summed over layers and ``losses``.

    Each of ``losses`` computes the loss of one batch through ``network``, whose batch norms keep their statistics.
    """
    found = find_dependencies(network)
    normed = {g for x in found.layers.values() if isinstance(x.module, nn.BatchNorm2d) for g, _ in x.outs}
    was = [(module, module.training) for module in network.modules()]
    network.eval()
    network.training = True
    sums: dict[int, Tensor] = {}
    for loss in losses:
        network.zero_grad()
        loss().backward()  # type: ignore[no-untyped-call]
        for layer in found.layers.values():
            norm = isinstance(layer.module, nn.BatchNorm2d)
            if not norm and not layer.pixels:
                continue  # a PReLU's slope says little of its channel
            change = _change(layer.module, 0 if norm else out_axis(layer.module))
            for group, part in _parts(layer.outs, change):
                if norm or group not in normed:
                    sums[group] = sums.get(group, torch.zeros_like(part)) + part.pow(2)
    network.zero_grad()
    for module, training in was:
        module.training = training
    return {group: total for group, total in sums.items() if group in found.sizes}


def _change(module: nn.Module, axis: int) -> Tensor:
    """First-order change of the loss for each output channel of ``module`` that becomes zero."""
    total: Tensor | None = None
    for parameter in module.parameters(recurse=False):
        if parameter.grad is not None:
            product = parameter.detach() * parameter.grad
            if product.ndim > 1:
                product = product.sum([d for d in range(product.ndim) if d != axis])
            total = product if total is None else total + product
    if total is None:
        weight = module.get_parameter("weight")
        total = torch.zeros(weight.shape[axis if weight.ndim > 1 else 0], device=weight.device)
    return total


def _parts(layout: Layout, values: Tensor) -> Iterable[tuple[int, Tensor]]:
    start = 0
    for group, size in layout:
        yield group, values[start : start + size]
        start += size


def choose(found: Dependencies, importance: dict[int, Tensor], settings: Prune) -> dict[int, Tensor]:
    """Group -> indices of the channels to keep, so that the wanted shares of multiply-adds and of weights go.

    Always the ``multiple`` channels go next that cost least importance: per multiply-add they save for ``taylor``
    (there importances of different layers compare), else on average. Raises :class:`PocketmatteError` when ``keep``
    stops it before the share is reached.
    """
    order = {g: importance[g].argsort(descending=True) for g in found.sizes if g in importance}
    widths = dict(found.sizes)
    whole = {"share": found.macs({}), "parameters": found.weights({})}
    now = dict(whole)
    floor = {g: max(settings.multiple, round(settings.keep * n)) for g, n in found.sizes.items()}
    touched = {
        g: [layer for layer in found.layers.values() if any(g == h for h, _ in [*layer.outs, *layer.ins])]
        for g in order
    }

    def too_much() -> list[str]:
        return [name for name in whole if now[name] > (1 - getattr(settings, name)) * whole[name]]

    while wanted := too_much():
        best: tuple[float, int, dict[str, int]] | None = None
        for group in order:
            width = widths[group] - settings.multiple
            if width < floor[group]:
                continue
            lost = float(importance[group][order[group][width : widths[group]]].sum())
            smaller = {**widths, group: width}
            saved = {
                name: sum(cost(x, widths) - cost(x, smaller) for x in touched[group])
                for name, cost in (("share", found.layer_macs), ("parameters", found.layer_weights))
            }
            worth = sum(saved[name] / whole[name] for name in wanted)
            price = lost / max(worth, 1e-9) if settings.importance == "taylor" else lost
            if best is None or price < best[0]:
                best = price, group, saved
        if best is None:
            name = wanted[0]
            what, asked = "multiply-adds" if name == "share" else "weights", getattr(settings, name)
            raise PocketmatteError(
                f"at most {1 - now[name] / whole[name]:.0%} of the {what} can go while every layer keeps "
                f"{settings.keep:.0%} of its channels, asked for {asked:.0%}: lower prune.{name} or prune.keep"
            )
        widths[best[1]] -= settings.multiple
        now = {name: now[name] - best[2][name] for name in now}
    return {g: order[g][: widths[g]].sort().values for g in order if widths[g] < found.sizes[g]}


@torch.no_grad()
def prune(network: nn.Module, importance: dict[int, Tensor], settings: Prune) -> Pruned:
    """Remove channels from ``network`` in place; what stays keeps its weights.

    ``importance`` of its groups, from :func:`norm_importance` or :func:`taylor_importance`.
    """
    found = find_dependencies(network)
    kept = choose(found, importance, settings)
    shapes: Shapes = {}
    chosen: dict[str, dict[str, Tensor]] = {}
    for name, layer in found.layers.items():
        if not any(g in kept for g, _ in [*layer.outs, *layer.ins]):
            continue
        outs, ins = _indices(layer.outs, kept), _indices(layer.ins, kept)
        shapes[name] = [len(outs)] if not layer.pixels else [len(ins), len(outs)]
        axis = 0 if not layer.pixels else out_axis(layer.module)
        chosen[name] = {}
        for leaf, tensor in layer.module.state_dict().items():
            if tensor.ndim == 4:
                tensor = tensor.index_select(axis, outs)
                tensor = tensor if layer.depthwise else tensor.index_select(1 - axis, ins)
            elif tensor.ndim == 1:
                tensor = tensor.index_select(0, outs)
            chosen[name][leaf] = tensor.clone()
    widths = {g: len(k) for g, k in kept.items()}
    removed = sum(found.sizes[g] - n for g, n in widths.items())
    left = found.macs(widths) / found.macs({})
    narrow(network, shapes)
    for name, state in chosen.items():
        network.get_submodule(name).load_state_dict(state)
    return Pruned(shapes, left, removed, sum(found.sizes.values()))


def _indices(layout: Layout, kept: dict[int, Tensor]) -> Tensor:
    parts, start = [], 0
    for group, size in layout:
        parts.append(start + kept.get(group, torch.arange(size)))
        start += size
    return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.int64)
