"""PortraitNet (Zhang et al. 2019): MobileNetV2 encoder, d-blocks, transposed convolutions, added skips (224 or 256).

The boundary head of the paper is the training objective's (``loss.boundary``); the deployed network never has it.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from pocketmatte.models.blocks import SamePadConv, upsample2
from pocketmatte.models.lite0_transfer import V2_SOURCES, start_from_lite0
from pocketmatte.models.mobilenet import Block, Bottleneck, mobilenet_v2_blocks, norm_act
from pocketmatte.models.mobilenetv3_add import Transition
from pocketmatte.models.portrait_model import PortraitModel, rounded
from pocketmatte.models.registry import register


def bilinear_kernel() -> Tensor:
    """The 4x4 kernel of a transposed convolution that resizes bilinearly by two, half-pixel centres."""
    ramp = torch.tensor([0.25, 0.75, 0.75, 0.25])
    return ramp[:, None] * ramp[None]


class Up(nn.Module):
    """``[N,C,h,w] -> [N,C,2h,2w]``. ``kind``: ``deconv`` (dense 4x4, starts as a bilinear resize) or ``bilinear``."""

    def __init__(self, channels: int, kind: str) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(channels, channels, 4, 2, 1, bias=False) if kind == "deconv" else None
        if self.conv is not None:
            with torch.no_grad():
                self.conv.weight.copy_(torch.eye(channels)[..., None, None] * bilinear_kernel())

    def forward(self, x: Tensor) -> Tensor:
        return upsample2(x) if self.conv is None else self.conv(x)


class PortraitNet(PortraitModel):
    """See :class:`PortraitModel`. ``width`` scales all channels, ``decoder`` is ``deconv`` or ``bilinear``.

    Strided convolutions are padded at the bottom and right where nothing else reads their input, which needs no PAD
    operator; the original had a symmetric one.
    """

    def __init__(self, width: float = 1.0, size: int = 224, decoder: str = "deconv", prior: bool = False) -> None:
        blocks = mobilenet_v2_blocks(width)
        blocks[0] = Block(rounded(32 * width), blocks[0].width)
        skips = [blocks[i].width for i in (2, 5, 12)]  # at strides 4, 8 and 16
        steps = [blocks[-1].width, *skips[::-1], rounded(16 * width), rounded(8 * width)]
        super().__init__(size, fine=steps[-1], deep=steps[0], prior=prior)
        stem = rounded(32 * width)
        self.encoder = nn.ModuleDict({"stem": nn.Sequential(SamePadConv(3 + prior, stem, 3), *norm_act(stem))})
        inputs = [stem, *(block.width for block in blocks)]
        layers = [Bottleneck(cin, block, nn.ReLU) for cin, block in zip(inputs, blocks, strict=False)]
        # the blocks between two skips
        for number, (a, b) in enumerate([(0, 3), (3, 6), (6, 13), (13, 17)]):
            self.encoder[f"part{number}"] = nn.Sequential(*layers[a:b])
        self.mix = nn.ModuleList(Transition(a, b) for a, b in pairwise(steps))
        self.up = nn.ModuleList(Up(channels, decoder) for channels in steps[1:])
        self.head = nn.Conv2d(steps[-1], 1, 3, padding=1, bias=False)

    def load_pretrained_encoder(self, path: Path | None = None) -> None:
        """Start the encoder from ImageNet weights of Lite0 (:mod:`pocketmatte.models.lite0_transfer`)."""
        start_from_lite0(self.encoder, V2_SOURCES, path)

    def look(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        skips = []
        for part in self.encoder.values():
            x = part(x)
            skips.append(x)
        deep = skips.pop()
        for mix, up in zip(self.mix, self.up, strict=True):
            x = up(mix(x))
            if len(skips) > 1:
                x = x + skips.pop()
        return self.head(x), x, deep


register("portrait-net")(PortraitNet)
register("portrait-net-video")(partial(PortraitNet, prior=True, size=256))
