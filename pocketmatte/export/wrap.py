"""The graph that is exported: trained network plus sigmoid, in the layout of the target."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class AlphaNet(nn.Module):
    """Normalised picture in, alpha out, both in the target's layout.

    ``nhwc``: ``[1,H,W,3] -> [1,H,W,1]`` (LiteRT); ``nchw``: ``[1,3,H,W] -> [1,1,H,W]`` (ONNX). A video network takes
    ``prior``, the alpha of the previous frame, in the layout of its output: feed the one back as the other.
    """

    def __init__(self, network: nn.Module, nhwc: bool) -> None:
        super().__init__()
        self.network, self.nhwc = network, nhwc

    def forward(self, image: Tensor, prior: Tensor | None = None) -> Tensor | dict[str, Tensor]:
        # joined in the target's layout: joining after the permutation would leave transpositions in the graph
        x = image if prior is None else torch.cat([image, prior], -1 if self.nhwc else 1)
        if not self.nhwc:
            return torch.sigmoid(self.network(x))
        alpha = torch.sigmoid(self.network(x.permute(0, 3, 1, 2)))
        return {"alpha": alpha.permute(0, 2, 3, 1)}


def input_names(network: nn.Module) -> tuple[str, ...]:
    """``("image",)``, or ``("image", "prior")`` for a video network."""
    names = getattr(network, "inputs", ("image",))
    return tuple(str(name) for name in names)


def example_inputs(network: nn.Module, size: tuple[int, int], nhwc: bool = False) -> dict[str, Tensor]:
    """One zero tensor per input of ``network`` for pictures of ``size`` (H, W)."""
    channels = {"image": 3, "prior": 1}
    shapes = {name: (channels[name], *size) for name in input_names(network)}
    return {name: torch.zeros(1, h, w, c) if nhwc else torch.zeros(1, c, h, w) for name, (c, h, w) in shapes.items()}


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
