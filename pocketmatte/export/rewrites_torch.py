"""Rewrites of torch networks before they are exported. Each returns a rewritten copy and how often it applied."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from pocketmatte.core import PocketmatteError


class ReluPair(nn.Module):
    """PReLU out of what every GPU delegate has: ``relu(x) - a * relu(-x)``; ``[N,C,...] -> [N,C,...]``."""

    def __init__(self, slope: Tensor, rank: int = 4) -> None:
        super().__init__()
        shape = (1, -1, *(1,) * (rank - 2)) if slope.numel() > 1 else (1,)
        self.slope = nn.Parameter(slope.detach().clone().reshape(shape))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x) - self.slope * F.relu(-x)


def prelu_to_relu(network: nn.Module) -> tuple[nn.Module, int]:
    """Every ``nn.PReLU`` -> :class:`ReluPair`, with the same output."""
    network, done = copy.deepcopy(network), 0
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.PReLU):
            network.set_submodule(name, ReluPair(module.weight))
            done += 1
    return network, done


def trace(network: nn.Module) -> fx.GraphModule:
    """The network as a graph of calls. Raises :class:`PocketmatteError` when its code decides on tensor values."""
    try:
        return fx.symbolic_trace(copy.deepcopy(network).eval())
    except Exception as error:  # whatever the network's own code runs into
        raise PocketmatteError(f"{type(network).__name__} cannot be traced for rewriting: {error}") from error


def only_user(node: fx.Node) -> fx.Node | None:
    """The one node that reads ``node``, ``None`` when there are more."""
    return next(iter(node.users)) if len(node.users) == 1 else None


def module_at(graph: fx.GraphModule, node: fx.Node | None) -> nn.Module | None:
    """The module that a node calls, ``None`` for other nodes; modules called twice do not count either."""
    if node is None or node.op != "call_module":
        return None
    calls = sum(n.op == "call_module" and n.target == node.target for n in graph.graph.nodes)
    return graph.get_submodule(str(node.target)) if calls == 1 else None


def fold_batch_norm(network: nn.Module) -> tuple[nn.Module, int]:
    """Batch norm after a convolution, transposed ones included, goes into its weights and bias (evaluation mode)."""
    traced, done = trace(network), 0
    network = copy.deepcopy(network).eval()
    for node in traced.graph.nodes:
        convolution = module_at(traced, node)
        after = only_user(node) if convolution is not None else None
        norm = module_at(traced, after)
        if not isinstance(convolution, nn.Conv2d | nn.ConvTranspose2d) or not isinstance(norm, nn.BatchNorm2d):
            continue
        network.set_submodule(str(node.target), _folded(convolution, norm))
        assert after is not None
        network.set_submodule(str(after.target), nn.Identity())
        done += 1
    return network, done


def _folded(convolution: nn.Conv2d | nn.ConvTranspose2d, norm: nn.BatchNorm2d) -> nn.Module:
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        raise PocketmatteError("a batch norm without running statistics cannot be folded; train it with them")
    ones = torch.ones_like(mean)
    gain = (norm.weight if norm.weight is not None else ones) / torch.sqrt(variance + norm.eps)
    shift = norm.bias if norm.bias is not None else torch.zeros_like(mean)
    new = copy.deepcopy(convolution)
    bias = convolution.bias if convolution.bias is not None else torch.zeros_like(mean)
    if isinstance(convolution, nn.ConvTranspose2d):
        # weight [cin, cout / groups, h, w]: the outputs of each group follow one another
        groups, (cin, cout) = convolution.groups, convolution.weight.shape[:2]
        factors = gain.reshape(groups, 1, cout, 1, 1).expand(-1, cin // groups, -1, -1, -1).reshape(cin, cout, 1, 1)
    else:
        factors = gain.reshape(-1, 1, 1, 1)
    new.weight = nn.Parameter((convolution.weight * factors).detach())
    new.bias = nn.Parameter((shift + (bias - mean) * gain).detach())
    return new


def head_before_resize(network: nn.Module) -> tuple[nn.Module, int]:
    """Bilinear up-sampling, then a 1x1 convolution to fewer channels -> the convolution first.

    Both are linear and the weights of the interpolation sum to one, so only rounding differs; the resize then moves
    one or two channels instead of many.
    """
    traced, done = trace(network), 0
    for resize in list(traced.graph.nodes):
        after = only_user(resize) if _is_bilinear(traced, resize) else None
        head = module_at(traced, after)
        if after is None or not isinstance(head, nn.Conv2d) or not _is_pointwise(head):
            continue
        source = resize.args[0]
        after.replace_input_with(resize, source)
        after.replace_all_uses_with(resize)
        resize.replace_input_with(source, after)
        resize.prepend(after)
        done += 1
    if not done:
        return copy.deepcopy(network), 0
    traced.graph.lint()
    traced.recompile()
    for name in ("inputs", "mean", "std", "stride"):  # what the exporters ask a network
        if hasattr(network, name):
            setattr(traced, name, getattr(network, name))
    return traced, done


def _is_bilinear(traced: fx.GraphModule, node: fx.Node) -> bool:
    if node.op == "call_function" and node.target is F.interpolate:
        return node.kwargs.get("mode") == "bilinear" and isinstance(node.args[0], fx.Node)
    module = module_at(traced, node)
    return isinstance(module, nn.Upsample) and module.mode == "bilinear"


def _is_pointwise(head: nn.Conv2d) -> bool:
    plain = head.kernel_size == (1, 1) and head.stride == (1, 1) and head.padding in ((0, 0), "valid", "same")
    return plain and head.groups == 1 and head.out_channels < head.in_channels


def true_dilation(network: nn.Module) -> tuple[nn.Module, int]:
    """Kernels with zeros between their taps, as some converters write a dilation -> a small kernel and a dilation."""
    network, done = copy.deepcopy(network), 0
    for name, module in list(network.named_modules()):
        if not isinstance(module, nn.Conv2d) or module.dilation != (1, 1) or isinstance(module.padding, str):
            continue
        step = dilation_of(module.weight)
        if step == 1:
            continue
        small = module.weight[:, :, ::step, ::step].detach().clone()
        new = nn.Conv2d(
            module.in_channels,
            module.out_channels,
            (small.shape[2], small.shape[3]),
            stride=(module.stride[0], module.stride[1]),
            padding=(int(module.padding[0]), int(module.padding[1])),
            dilation=step,
            groups=module.groups,
            bias=module.bias is not None,
            padding_mode=module.padding_mode,
        )
        new.weight = nn.Parameter(small)
        if module.bias is not None:
            new.bias = nn.Parameter(module.bias.detach().clone())
        network.set_submodule(name, new.train(module.training))
        done += 1
    return network, done


def dilation_of(weight: Tensor) -> int:
    """Largest step, the same both ways, so that all values of ``[cout,cin,h,w]`` off its grid are zero; 1 for none."""
    height, width = weight.shape[2:]
    for step in range(max(height, width) - 1, 1, -1):
        if (height - 1) % step or (width - 1) % step:
            continue
        rest = weight.detach().clone()
        rest[:, :, ::step, ::step] = 0
        if not rest.any():
            return step
    return 1
