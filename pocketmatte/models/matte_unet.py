"""MatteUNet: the project's own family. A pretrained EfficientNet-Lite0 encoder cut at stride 16, a context stage, and
a narrow separable decoder whose last step is a learned 2x2 up-sampling of one channel, so that nothing heavy ever
runs at full network resolution."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pocketmatte.models.blocks import ConvBnAct, GlobalGate, Separable, upsample2
from pocketmatte.models.efficientnet_lite import SKIPS, EfficientNetLite0
from pocketmatte.models.registry import register


class Context(nn.Module):
    """Widens the view of stride-16 features: two residual 5x5 separable blocks at stride 32 and a global gate.

    ``[N,cin,h,w] -> [N,width,h,w]``; h and w even.
    """

    def __init__(self, cin: int, width: int) -> None:
        super().__init__()
        self.reduce = ConvBnAct(cin, width, 1)
        self.far = nn.ModuleList([Separable(width, width, 5), Separable(width, width, 5)])
        self.gate = GlobalGate(width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.reduce(x)
        y = F.avg_pool2d(x, 2)
        for block in self.far:
            y = y + block(y)
        return self.gate(x + upsample2(y))


class Decode(nn.Module):
    """Up-sample x2, join the encoder skip (reduced by 1x1) by concatenation, mix with a separable 3x3."""

    def __init__(self, cin: int, skip: int, cout: int) -> None:
        super().__init__()
        self.skip = ConvBnAct(skip, cout, 1)
        self.squeeze = ConvBnAct(cin, cout, 1)
        self.mix = Separable(2 * cout, cout)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return self.mix(torch.cat([upsample2(self.squeeze(x)), self.skip(skip)], 1))


class MatteUNet(nn.Module):
    """``[N,3,H,W]`` normalised RGB (H, W multiples of 32) -> matte logits ``[N,1,H,W]``.

    In training mode returns ``(logits, coarse)`` with ``coarse`` ``[N,1,H/16,W/16]`` for deep supervision.
    """

    stride = 32
    mean, std = 0.498, 0.502

    def __init__(self, context: int = 128, widths: tuple[int, int, int] = (64, 40, 24)) -> None:
        super().__init__()
        self.encoder = EfficientNetLite0()
        self.context = Context(SKIPS[3], context)
        w8, w4, w2 = widths
        self.decode8 = Decode(context, SKIPS[2], w8)
        self.decode4 = Decode(w8, SKIPS[1], w4)
        self.decode2 = Decode(w4, SKIPS[0], w2)
        self.detail = Separable(w2, w2)
        self.head = nn.ConvTranspose2d(w2, 1, 2, stride=2)
        self.coarse_head = nn.Conv2d(context, 1, 1)

    def load_pretrained_encoder(self) -> None:
        """ImageNet weights for the encoder; see :meth:`EfficientNetLite0.load_imagenet`."""
        self.encoder.load_imagenet()

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        s2, s4, s8, s16 = self.encoder(x)
        deep = self.context(s16)
        y = self.decode2(self.decode4(self.decode8(deep, s8), s4), s2)
        logits = self.head(self.detail(y))
        return (logits, self.coarse_head(deep)) if self.training else logits


@register("matte-unet-lite0")
def matte_unet_lite0(context: int = 128, widths: tuple[int, int, int] = (64, 40, 24)) -> MatteUNet:
    """The ImageNet-encoder member of the family: about 1.1 M parameters, see :class:`MatteUNet`."""
    return MatteUNet(context, widths)
