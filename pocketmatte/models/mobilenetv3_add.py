"""MobileNetV3 with transition blocks and added skips (256x256).

The original resized 16 channels twice and convolved at full size; here the 1x1 head comes first and only its one
channel is resized, which gives the same result: a 1x1 convolution commutes with a bilinear resize.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from torch import Tensor, nn

from pocketmatte.models.blocks import upsample2
from pocketmatte.models.lite0_transfer import V3_SOURCES, start_from_lite0
from pocketmatte.models.mobilenet import MobileNet, mobilenet_v3_small_blocks, norm_act
from pocketmatte.models.portrait_model import PortraitModel
from pocketmatte.models.registry import register

DEEP = 576


class Transition(nn.Module):
    """Two separable 3x3 convolutions beside a 1x1 shortcut, summed, ReLU; ``[N,cin,h,w] -> [N,cout,h,w]``."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width, act in ((cin, nn.ReLU), (cout, None)):
            layers += [nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False), *norm_act(width)]
            layers += [nn.Conv2d(width, cout, 1, bias=False), *norm_act(cout, act)]
        self.branch = nn.Sequential(*layers)
        self.shortcut = nn.Sequential(nn.Conv2d(cin, cout, 1, bias=False), *norm_act(cout, None))
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.act(self.branch(x) + self.shortcut(x))
        return y


class MobileNetV3Add(PortraitModel):
    """See :class:`PortraitModel`. ``width`` scales what the encoder's blocks hand on; skips are 72, 96, 288 wide."""

    def __init__(self, width: float = 1.0, size: int = 256, prior: bool = False) -> None:
        encoder = MobileNet(16, mobilenet_v3_small_blocks(width), nn.ReLU, 3 + prior)
        super().__init__(size, fine=16, deep=DEEP, prior=prior)
        self.encoder = encoder
        self.last = nn.Sequential(nn.Conv2d(encoder.width, DEEP, 1, bias=False), *norm_act(DEEP))
        widths = [DEEP, *encoder.skip_widths[:0:-1], 16]
        self.steps = nn.ModuleList(Transition(a, b) for a, b in pairwise(widths))
        self.head = nn.Conv2d(16, 1, 1)

    def load_pretrained_encoder(self, path: Path | None = None) -> None:
        """Start the encoder from ImageNet weights of Lite0 (:mod:`pocketmatte.models.lite0_transfer`)."""
        start_from_lite0(self.encoder, V3_SOURCES, path)

    def look(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y, skips = self.encoder(x)
        y = deep = self.last(y)
        for step, skip in zip(self.steps, skips[:0:-1], strict=False):
            y = upsample2(step(y)) + skip
        fine = self.steps[len(self.steps) - 1](y)
        return upsample2(upsample2(self.head(fine))), fine, deep


register("mobilenetv3-add")(MobileNetV3Add)
