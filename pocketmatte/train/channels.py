"""Which channels of a network belong together: found by watching one run, for any architecture.

Two layers whose outputs meet in an addition or a product must lose the same channels, a depthwise convolution and a
batch norm lose those of their input, and whoever reads a tensor loses the matching inputs (the dependency graph of
Fang et al. 2023, DepGraph, by another road).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pocketmatte.train.folding import CONVOLUTIONS, blank_input

Layout = list[tuple[int, int]]  # the channels of a tensor in order: (group, how many)
_PASS = {
    "batch_norm",
    "prelu",
    "relu",
    "relu6",
    "hardtanh",
    "hardswish",
    "sigmoid",
    "pad",
    "interpolate",
    "mean",
    "avg_pool2d",
    "max_pool2d",
    "adaptive_avg_pool2d",
    "contiguous",
    "dropout",
}
_MEET = {"add", "__add__", "sub", "__sub__", "mul", "__mul__", "maximum", "minimum"}
_NOTE = "channel_layout"


@dataclass
class Layer:
    """A convolution, or a batch norm or PReLU (``pixels`` 0): the layouts of its channels, and the pixels that its
    weight is applied to."""

    module: nn.Module
    outs: Layout
    ins: Layout = field(default_factory=list)
    depthwise: bool = False
    pixels: int = 0


@dataclass
class Dependencies:
    """``layers`` by name; ``sizes`` of the groups that may lose channels. Layouts name groups by :meth:`find`."""

    layers: dict[str, Layer] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)
    parents: dict[int, int] = field(default_factory=dict)
    fixed: set[int] = field(default_factory=set)

    def new(self, size: int) -> int:
        """A group of its own."""
        number = len(self.parents)
        self.parents[number], self.sizes[number] = number, size
        return number

    def find(self, group: int) -> int:
        """The group that ``group`` has become part of."""
        while self.parents[group] != group:
            group = self.parents[group]
        return group

    def join(self, one: int, other: int) -> None:
        """Both lose the same channels from now on."""
        one, other = self.find(one), self.find(other)
        if one != other:
            self.parents[other] = one
            self.sizes.pop(other)
            if other in self.fixed:
                self.fixed.add(one)

    def fix(self, layout: Layout | None) -> None:
        """These keep all their channels."""
        for group, _ in layout or []:
            self.fixed.add(self.find(group))

    def settle(self) -> None:
        """Write the final groups into all layouts and forget those that keep everything."""
        for layer in self.layers.values():
            layer.outs = [(self.find(g), n) for g, n in layer.outs]
            layer.ins = [(self.find(g), n) for g, n in layer.ins]
        self.sizes = {g: n for g, n in self.sizes.items() if g not in {self.find(f) for f in self.fixed}}

    def macs(self, widths: Mapping[int, int]) -> int:
        """Multiply-adds per picture when the groups have ``widths`` (groups that are not named keep theirs)."""
        return sum(self.layer_macs(layer, widths) for layer in self.layers.values())

    def weights(self, widths: Mapping[int, int]) -> int:
        """Weights of the convolutions when the groups have ``widths``."""
        return sum(self.layer_weights(layer, widths) for layer in self.layers.values())

    def layer_macs(self, layer: Layer, widths: Mapping[int, int]) -> int:
        """Multiply-adds of one layer; 0 for a batch norm or PReLU."""
        return layer.pixels * self.layer_weights(layer, widths)

    def layer_weights(self, layer: Layer, widths: Mapping[int, int]) -> int:
        """Weights of one layer without its bias; 0 for a batch norm or PReLU."""
        if not layer.pixels:
            return 0
        outs, ins = (sum(widths.get(g, n) for g, n in layout) for layout in (layer.outs, layer.ins))
        area = layer.module.get_parameter("weight").shape[2:].numel()
        return area * (outs if layer.depthwise else outs * ins)


class _Watch(TorchFunctionMode):
    def __init__(self, network: nn.Module, found: Dependencies) -> None:
        super().__init__()
        self.found = found
        self.weights: dict[int, tuple[str, nn.Conv2d | nn.ConvTranspose2d]] = {}
        self.norms: dict[int, tuple[str, nn.BatchNorm2d | nn.PReLU]] = {}
        for name, module in network.named_modules():
            if isinstance(module, CONVOLUTIONS):
                self.weights[id(module.weight)] = name, module
            elif isinstance(module, nn.BatchNorm2d):
                self.norms[id(module.running_mean)] = name, module
            elif isinstance(module, nn.PReLU) and module.num_parameters > 1:
                self.norms[id(module.weight)] = name, module

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if isinstance(result, Tensor) and result.ndim == 4:
            layout = self._layout(getattr(func, "__name__", ""), args, kwargs, result)
            if layout is not None:
                setattr(result, _NOTE, layout)
        return result

    def _layout(self, name: str, args: Any, kwargs: Mapping[str, Any], result: Tensor) -> Layout | None:
        if name.startswith("conv") and id(args[1]) in self.weights:
            return self._convolution(args[0], *self.weights[id(args[1])], result)
        if name == "cat" and (args[1] if len(args) > 1 else kwargs.get("dim", 0)) in (1, -3):
            parts = [_read(x) for x in args[0]]
            if all(part is not None for part in parts):
                return [entry for part in parts if part is not None for entry in part]
        if name == "__getitem__" and isinstance(args[1], tuple) and args[1][:2] == (slice(None), slice(None)):
            return _read(args[0])  # a crop
        if name in _PASS:
            layout = _read(args[0])
            if name in ("batch_norm", "prelu") and id(args[1]) in self.norms and layout is not None:
                label, module = self.norms[id(args[1])]
                if label in self.found.layers:
                    self.found.fix(layout)
                self.found.layers[label] = Layer(module, layout)
            return layout
        tensors = [x for x in (args[0] if name == "cat" else args) if isinstance(x, Tensor) and x.ndim == 4]
        if name in _MEET:
            return self._meeting(tensors)
        for x in tensors:  # an operator that is not known: nothing may change around it
            self.found.fix(_read(x))
        return None

    def _convolution(self, x: Tensor, label: str, module: nn.Conv2d | nn.ConvTranspose2d, result: Tensor) -> Layout:
        ins = _read(x)
        transposed = isinstance(module, nn.ConvTranspose2d)
        if ins is None:
            ins = [(self.found.new(module.in_channels), module.in_channels)]
            self.found.fix(ins)
        depthwise = module.groups == module.in_channels == module.out_channels > 1
        if depthwise:
            outs = ins
        else:
            outs = [(self.found.new(module.out_channels), module.out_channels)]
            if module.groups > 1 or label in self.found.layers:
                self.found.fix([*ins, *outs])
        pixels = (x if transposed else result)[0, 0].numel()
        self.found.layers[label] = Layer(module, outs, ins, depthwise, pixels)
        return outs

    def _meeting(self, tensors: list[Tensor]) -> Layout | None:
        layouts = [_read(x) for x in tensors]
        wide = max(x.shape[1] for x in tensors)
        same = [layout for x, layout in zip(tensors, layouts, strict=True) if x.shape[1] == wide]
        first = same[0]
        if first is None or any(o is None or [n for _, n in o] != [n for _, n in first] for o in same):
            for layout in layouts:
                self.found.fix(layout)
            return None
        for other in same[1:]:
            for (a, _), (b, _) in zip(first, other or [], strict=True):
                self.found.join(a, b)
        return first


def _read(x: Tensor) -> Layout | None:
    layout: Layout | None = getattr(x, _NOTE, None)
    return layout


@torch.no_grad()
def find_dependencies(network: nn.Module) -> Dependencies:
    """Run ``network`` once (in evaluation mode, with its training heads) and say which channels depend on which.

    The input and what the network answers keep their channels.
    """
    found = Dependencies()
    was = [(module, module.training) for module in network.modules()]
    network.eval()
    network.training = True
    with _Watch(network, found):
        out = network(blank_input(network))
    for module, training in was:
        module.training = training
    for answer in [out] if isinstance(out, Tensor) else out[:2]:
        if answer is not None:
            found.fix(_read(answer))
    found.settle()
    return found
