"""The graph that is exported: trained network plus sigmoid, in the layout and the form of the target."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from pocketmatte.core import PocketmatteError, Size

Variant = Literal["plain", "flat", "aligned4"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)


class AlphaNet(nn.Module):
    """Normalised picture in, alpha out, both in the target's layout.

    ``nhwc``: ``[N,H,W,3] -> [N,H,W,1]`` (LiteRT); ``nchw``: ``[N,3,H,W] -> [N,1,H,W]`` (ONNX). A video network takes
    ``prior``, the alpha of the previous frame, in the form of its output: feed the one back as the other.

    ``variant`` (LiteRT only) is for GPU delegates, which store tensors in texels of four channels: ``flat`` gives
    ``[N,H*W]``, which a delegate copies out without unpacking; ``aligned4`` takes ``[N,H,W,4]``, of which the last is
    ignored, and gives ``[N,H,W/4,4]``. The numbers and their order in memory are those of ``plain``.
    """

    def __init__(self, network: nn.Module, nhwc: bool, variant: Variant = "plain") -> None:
        super().__init__()
        self.network, self.nhwc, self.variant = network, nhwc, variant

    def forward(self, image: Tensor, prior: Tensor | None = None) -> Tensor | dict[str, Tensor]:
        if prior is not None and self.variant == "flat":
            prior = prior.reshape(*image.shape[:3], 1)
        # joined in the target's layout: joining after the permutation would leave transpositions in the graph
        x = image if prior is None else torch.cat([image, prior], -1 if self.nhwc else 1)
        if not self.nhwc:
            return torch.sigmoid(self.network(x))
        alpha = torch.sigmoid(self.network(x.permute(0, 3, 1, 2))).permute(0, 2, 3, 1)
        n, height, width, _ = alpha.shape
        if self.variant == "flat":
            alpha = alpha.reshape(n, height * width)
        elif self.variant == "aligned4":
            alpha = alpha.reshape(n, height, width // 4, 4)
        return {"alpha": alpha}


def for_variant(network: nn.Module, variant: Variant) -> nn.Module:
    """The network that a variant wraps: for ``aligned4`` its first convolution takes a fourth channel of weight 0.

    So nothing is sliced off at run time. Raises :class:`PocketmatteError` for a video network, whose picture and prior
    are four channels already.
    """
    if variant != "aligned4":
        return network
    if input_names(network) != ("image",):
        raise PocketmatteError(
            "--variant aligned4 is for still models: the picture and the prior of a video model are four channels as "
            "they are; use plain or flat"
        )
    return _Widened(network)


class _Widened(nn.Module):
    """``network`` for four channels; shares every tensor but the first convolution's weights."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        name, first = next((n, m) for n, m in network.named_modules() if isinstance(m, nn.Conv2d))
        if first.in_channels != 3 or first.groups != 1:
            raise PocketmatteError(f"--variant aligned4: {name} is no first convolution of three channels; use plain")
        self.network, self.name = network, f"network.{name}.weight"
        self.register_buffer("wide", torch.cat([first.weight.data, torch.zeros_like(first.weight.data[:, :1])], 1))

    def forward(self, x: Tensor) -> Tensor:
        wide = self.get_buffer("wide")
        y: Tensor = torch.func.functional_call(self.network, {self.name.removeprefix("network."): wide}, (x,))
        return y


def input_names(network: nn.Module) -> tuple[str, ...]:
    """``("image",)``, or ``("image", "prior")`` for a video network."""
    names = getattr(network, "inputs", ("image",))
    return tuple(str(name) for name in names)


def example_inputs(
    network: nn.Module, size: tuple[int, int], nhwc: bool = False, batch: int = 1, variant: Variant = "plain"
) -> dict[str, Tensor]:
    """One zero tensor per input of ``network`` for ``batch`` pictures of ``size`` (H, W)."""
    channels = {"image": 4 if variant == "aligned4" else 3, "prior": 1}
    height, width = size
    examples = {}
    for name in input_names(network):
        c = channels[name]
        if variant == "flat" and name == "prior":
            shape: tuple[int, ...] = (batch, height * width)
        else:
            shape = (batch, height, width, c) if nhwc else (batch, c, height, width)
        examples[name] = torch.zeros(shape)
    return examples


def check_size(network: nn.Module, size: Size, variant: Variant = "plain") -> None:
    """Raise :class:`PocketmatteError` when the network cannot take pictures of ``size``, naming the nearest it can."""
    step = int(getattr(network, "stride", 32))
    if variant == "aligned4":
        step = max(step, 4)
    near = [max(step, round(n / step) * step) for n in size]
    if list(size) != near:
        raise PocketmatteError(
            f"--size {size.height}x{size.width}: both sides must be multiples of {step}, e.g. {near[0]}x{near[1]}"
        )


def count_parameters(network: nn.Module) -> int:
    """Parameters of the deployed graph: batch norms count only the bias they leave in the convolution before them.

    Heads that only training uses (their module's name says ``coarse``) do not count.
    """
    total = 0
    for name, module in network.named_modules():
        if name.startswith("coarse_head"):
            continue
        if isinstance(module, nn.BatchNorm2d):
            total += module.num_features
        else:
            total += sum(p.numel() for p in module.parameters(recurse=False))
    return total


def count_macs(network: nn.Module, size: tuple[int, int]) -> int:
    """Multiply-accumulates of the convolutions for one picture of ``size`` (H, W).

    Transposed convolutions count input pixels x kernel x channels in x channels out.
    """
    total = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.ConvTranspose2d):
            total += inputs[0][0, 0].numel() * module.weight.numel()
        elif isinstance(module, nn.Conv2d):
            total += output[0, 0].numel() * module.weight.numel()

    handles = [
        m.register_forward_hook(count) for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)
    ]
    try:
        with torch.no_grad():
            network.eval()(torch.cat(list(example_inputs(network, size).values()), 1))
    finally:
        for handle in handles:
            handle.remove()
    return total
