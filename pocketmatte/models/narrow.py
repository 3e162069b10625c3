"""Networks with fewer channels than their architecture says: what structured pruning leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from pocketmatte.models.output import TrainOutput


def narrow(network: nn.Module, shapes: Mapping[str, Sequence[int]]) -> nn.Module:
    """Replace the layers named in ``shapes`` by fresh ones of that many channels, in place.

    ``shapes``: convolution -> [channels in, channels out], batch norm or PReLU -> [channels]. Raises ``KeyError`` for
    a name that the network has not, ``TypeError`` for a layer of another kind.
    """
    for name, channels in shapes.items():
        try:
            old = network.get_submodule(name)
        except AttributeError as error:
            raise KeyError(f"the network has no layer {name}") from error
        parent, _, leaf = name.rpartition(".")
        setattr(network.get_submodule(parent), leaf, _fresh(old, name, list(channels)).train(old.training))
    _measure_features(network)
    return network


def _fresh(old: nn.Module, name: str, channels: list[int]) -> nn.Module:
    if isinstance(old, nn.BatchNorm2d):
        return nn.BatchNorm2d(channels[0], old.eps, old.momentum)
    if isinstance(old, nn.PReLU):
        return nn.PReLU(channels[0])
    if not isinstance(old, nn.Conv2d | nn.ConvTranspose2d):
        raise TypeError(f"{name} is a {type(old).__name__}, which has no channels to choose")
    cin, cout = channels
    groups = cin if old.groups == old.in_channels and old.groups > 1 else old.groups
    size, stride = _pair(old.kernel_size), _pair(old.stride)
    bias, dilation, padding = old.bias is not None, _pair(old.dilation), _pair(old.padding)
    if isinstance(old, nn.Conv2d):
        return nn.Conv2d(cin, cout, size, stride, padding, dilation, groups, bias)
    extra = _pair(old.output_padding)
    return nn.ConvTranspose2d(cin, cout, size, stride, padding, extra, groups, bias, dilation)


def _pair(values: str | tuple[int, ...]) -> tuple[int, int]:
    if isinstance(values, str):
        raise TypeError(f"padding {values!r}: only numbers are supported")
    return values[0], values[1]


@torch.no_grad()
def _measure_features(network: nn.Module) -> None:
    """Correct what the network says of the width of its features."""
    if not hasattr(network, "fine_channels"):
        return
    was = [(module, module.training) for module in network.modules()]
    network.eval()
    network.training = True  # features are returned in training mode only; the batch norms must not learn from zeros
    channels = 3 + ("prior" in getattr(network, "inputs", ("image",)))
    side = 2 * int(getattr(network, "stride", 32))
    out = network(torch.zeros(1, channels, side, side))
    for module, training in was:
        module.training = training
    if isinstance(out, TrainOutput):
        for name in ("fine", "deep"):
            feature = getattr(out, name)
            if feature is not None:
                setattr(network, f"{name}_channels", feature.shape[1])
