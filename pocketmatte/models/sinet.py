"""SINet (Park et al. 2020): spatial-squeeze modules and an information-blocking decoder (320x320, 0.087 M parameters).

Deviations: one logit, so the decoder's confidence, the larger of two class probabilities, is sigmoid(|logit|); resizes
have half-pixel centres; the channel shuffle after the grouped 1x1 is left out, because a depthwise and a dense
convolution follow in every branch, to which the order of the channels is all one.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pocketmatte.models.blocks import upsample2
from pocketmatte.models.portrait_model import PortraitModel
from pocketmatte.models.registry import register

Pairs = tuple[tuple[int, int], tuple[int, int]]
LEVEL2: tuple[Pairs, ...] = (((3, 1), (5, 1)), ((3, 1), (3, 1)))
LEVEL3: tuple[Pairs, ...] = (
    *(((3, 1), (5, 1)), ((3, 1), (3, 1)), ((5, 1), (3, 2)), ((5, 2), (3, 4))),
    *(((3, 1), (3, 1)), ((5, 1), (5, 1)), ((3, 2), (3, 4)), ((3, 1), (5, 2))),
)
_norm = partial(nn.BatchNorm2d, eps=1e-3)


class Squeeze(nn.Module):
    """Channel scales from the mean over the picture, without a sigmoid; ``share`` narrows the layer between."""

    def __init__(self, channels: int, share: int) -> None:
        super().__init__()
        between = channels // share
        layers = [nn.Conv2d(channels, between, 1), nn.PReLU(between)]
        if share > 1:
            layers += [nn.Conv2d(between, channels, 1), nn.PReLU(channels)]
        self.scale = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x * self.scale(x.mean((2, 3), keepdim=True))
        return y


class Entry(nn.Sequential):
    """Depthwise 3x3 stride 2, squeeze, 1x1, batch norm, PReLU; ``[N,cin,h,w] -> [N,cout,h/2,w/2]``."""

    def __init__(self, cin: int, cout: int, share: int) -> None:
        super().__init__(
            nn.Conv2d(cin, cin, 3, 2, 1, groups=cin, bias=False),
            Squeeze(cin, share),
            nn.Conv2d(cin, cout, 1, bias=False),
            _norm(cout),
            nn.PReLU(cout),
        )


class SqueezeBlock(nn.Module):
    """Average ``pool`` x ``pool``, depthwise ``kernel``, 1x1, resize back; ``[N,C,h,w]`` in and out."""

    def __init__(self, channels: int, kernel: int, pool: int) -> None:
        super().__init__()
        self.pool = pool
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels, bias=False),
            _norm(channels),
            nn.PReLU(channels),
            nn.Conv2d(channels, channels, 1, bias=False),
        )
        self.norm = _norm(channels)

    def forward(self, x: Tensor) -> Tensor:
        if self.pool == 1:
            y: Tensor = self.norm(self.body(x))
            return y
        # the norm before the resize: per channel, it commutes with it, and there it can be folded away
        y = self.norm(self.body(F.avg_pool2d(x, self.pool)))
        return F.interpolate(y, scale_factor=float(self.pool), mode="bilinear", align_corners=False)


class SqueezeModule(nn.Module):
    """Grouped 1x1 to half the width, two parallel blocks, concatenated; ``[N,cin,h,w] -> [N,cout,h,w]``."""

    def __init__(self, cin: int, cout: int, pairs: Pairs, residual: bool) -> None:
        super().__init__()
        half = cout // 2
        self.halve = nn.Conv2d(cin, half, 1, groups=2, bias=False)
        self.left, self.right = (SqueezeBlock(half, kernel, pool) for kernel, pool in pairs)
        self.finish = nn.Sequential(_norm(cout), nn.PReLU(cout))
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        y = self.halve(x)
        y = torch.cat([self.left(y), self.right(y)], 1)
        z: Tensor = self.finish(x + y if self.residual else y)
        return z


def _modules(cin: int, cout: int, level: tuple[Pairs, ...]) -> nn.Sequential:
    return nn.Sequential(
        *(SqueezeModule(cout if i else cin, cout, pairs, residual=i > 0) for i, pairs in enumerate(level))
    )


class SINet(PortraitModel):
    """See :class:`PortraitModel`. ``width`` scales all channels.

    ``part``: ``encoder`` ends with the logits at 1/8, resized: the first of two trainings, whose weights start the
    whole ``network`` (``init``) in the second.
    """

    def __init__(self, width: float = 1.0, size: int = 320, part: str = "network", prior: bool = False) -> None:
        if part not in ("encoder", "network"):
            raise ValueError(f"part {part!r}: expected encoder or network")
        first, entry2, out2, entry3, out3 = (2 * round(n * width / 2) for n in (12, 16, 48, 48, 96))
        super().__init__(size, fine=entry3 + out3, deep=entry3 + out3, prior=prior, coarse=False)
        self.encoder = nn.ModuleDict(
            {
                "stem": nn.Sequential(nn.Conv2d(3 + prior, first, 3, 2, 1, bias=False), _norm(first), nn.PReLU(first)),
                "entry2": Entry(first, entry2, 1),
                "level2": _modules(entry2, out2, LEVEL2),
                "join2": nn.Sequential(_norm(entry2 + out2), nn.PReLU(entry2 + out2)),
                "entry3": Entry(entry2 + out2, entry3, 2),
                "level3": _modules(entry3, out3, LEVEL3),
                "join3": nn.Sequential(_norm(entry3 + out3), nn.PReLU(entry3 + out3)),
            }
        )
        self.coarse_logit = nn.Conv2d(entry3 + out3, 1, 1, bias=False)
        self.part = part
        if part == "network":
            self.lift = _norm(1)
            self.detail = nn.Sequential(nn.Conv2d(out2, 1, 1, bias=False), _norm(1), nn.PReLU(1))
            self.blend = _norm(1)
            self.head = nn.Conv2d(1, 1, 3, padding=1, bias=False)

    def _encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features at 1/4 and 1/8 of the size."""
        net = self.encoder
        entry = net["entry2"](net["stem"](x))
        level2 = net["level2"](entry)
        entry = net["entry3"](net["join2"](torch.cat([entry, level2], 1)))
        return level2, net["join3"](torch.cat([entry, net["level3"](entry)], 1))

    def coarse(self, deep: Tensor) -> Tensor:
        y: Tensor = self.coarse_logit(deep)
        return y

    def look(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        level2, deep = self._encode(x)
        coarse = self.coarse(deep)
        if self.part == "encoder":
            return upsample2(upsample2(upsample2(coarse))), deep, deep
        y = upsample2(self.lift(coarse))
        unsure = 1 - torch.sigmoid(y.abs())
        y = y + self.detail(level2) * unsure
        y = upsample2(self.blend(y))
        return self.head(upsample2(y)), deep, deep


register("sinet")(SINet)
