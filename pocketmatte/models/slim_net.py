"""Slim-Net: after MediaPipe's hair segmenter (Tkachenka et al. 2019). 4x down-sampling at once, PReLU with one slope
per channel, dilated bottlenecks, no batch norm (512x512; 256 is four times cheaper).

Deviations: the main path of the decoder is resized with half-pixel centres (the original aligned corners), and one
logit leaves the last transposed convolution. It is trained with batch norms behind its dense convolutions, which learns
several times faster; export folds them away, so the exported network has none, as published. ``act="relu"`` trains it
with ReLU, for int8.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pocketmatte.core import PocketmatteError
from pocketmatte.models.blocks import normed, start_small, upsample2
from pocketmatte.models.decoders import Crop
from pocketmatte.models.portrait_model import PortraitModel
from pocketmatte.models.registry import register

TRUNK = ("S", "D2", "S5", "D4", "S", "D8", "S", "D2", "S5", "D4", "S", "D8")


def activation(channels: int, kind: str) -> nn.Module:
    """PReLU with one slope per channel, or ReLU. Raises :class:`PocketmatteError` for another ``kind``."""
    if kind not in ("prelu", "relu"):
        raise PocketmatteError(f"unknown activation {kind!r}; known: prelu, relu")
    return nn.PReLU(channels) if kind == "prelu" else nn.ReLU()


class Bottleneck(nn.Module):
    """``[N,cin,h,w] -> [N,cout,h,w]`` (half the size with ``pool``) by a branch of ``inner`` channels.

    ``core``: ``S`` separable and depthwise 3x3, ``S5`` the same with 5x5 in the separable, ``Dk`` dense 3x3 of
    dilation k that widens to ``cout`` channels already. Returns the output, the activated input and the shortcut.
    """

    def __init__(self, cin: int, inner: int, cout: int, core: str, act: str, pool: bool = False) -> None:
        super().__init__()
        self.pool = pool
        self.act = activation(cin, act)
        side = 2 if pool else 1
        layers: list[nn.Module] = [*normed(nn.Conv2d(cin, inner, side, side, bias=False)), activation(inner, act)]
        if core.startswith("D"):
            space = int(core[1:])
            layers += normed(nn.Conv2d(inner, cout, 3, padding=space, dilation=space, bias=False))
            inner = cout
        else:
            kernel = int(core[1:] or 3)
            layers += [
                nn.Conv2d(inner, inner, kernel, padding=kernel // 2, groups=inner, bias=False),
                *normed(nn.Conv2d(inner, inner, 1, bias=False)),
                activation(inner, act),
                *normed(nn.Conv2d(inner, inner, 3, padding=1, groups=inner, bias=False)),
            ]
        layers += [activation(inner, act), *normed(nn.Conv2d(inner, cout, 1, bias=False))]
        self.branch = nn.Sequential(*layers)
        start_small(self.branch)
        widen = normed(nn.Conv2d(cin, cout, 1, bias=False)) if cin != cout else [nn.Identity()]
        self.widen = nn.Sequential(*widen)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        active = self.act(x)
        shortcut = F.max_pool2d(active, 2) if self.pool else active
        return self.branch(active) + self.widen(shortcut), active, shortcut


class UpBottleneck(nn.Module):
    """``[N,cin,h,w] -> [N,cout,2h,2w]``; ``pooled`` ``[N,cout,h,w]`` is added, ``joined`` channels are concatenated."""

    def __init__(self, cin: int, first: int, cout: int, second: int, joined: int, act: str) -> None:
        super().__init__()
        self.act = activation(cin, act)
        self.main = nn.Sequential(*normed(nn.Conv2d(cin, cout, 1, bias=False)))
        self.branch = nn.Sequential(
            *normed(nn.Conv2d(cin, first, 1, bias=False)),
            activation(first, act),
            *normed(nn.ConvTranspose2d(first, 8, 3, 2, bias=False)),
            Crop(),
            activation(8, act),
            *normed(nn.Conv2d(8, cout, 1, bias=False)),
        )
        self.middle = activation(cout, act)
        self.mix = nn.Sequential(
            *normed(nn.Conv2d(cout + joined, second, 1, bias=False)),
            activation(second, act),
            *normed(nn.Conv2d(second, second, 3, padding=1, bias=False)),
            activation(second, act),
            *normed(nn.Conv2d(second, cout, 1, bias=False)),
        )
        shortcut = normed(nn.Conv2d(cout + joined, cout, 1, bias=False)) if joined else [nn.Identity()]
        self.shortcut = nn.Sequential(*shortcut)

    def forward(self, x: Tensor, pooled: Tensor, joined: Tensor | None) -> Tensor:
        x = self.act(x)
        y = self.middle(self.branch(x) + upsample2(self.main(x) + pooled))
        if joined is not None:
            y = torch.cat([y, joined], 1)
        z: Tensor = self.mix(y) + self.shortcut(y)
        return z


class SlimNet(PortraitModel):
    """See :class:`PortraitModel`. ``width`` scales the wide channels (32, 64, 128), not the inner ones."""

    def __init__(self, width: float = 1.0, size: int = 512, act: str = "prelu", prior: bool = False) -> None:
        a, b, c = (round(n * width) for n in (32, 64, 128))
        super().__init__(size, fine=a, deep=c, prior=prior)
        self.stem = nn.Sequential(
            *normed(nn.Conv2d(3 + prior, 8, 2, 2, bias=False)),
            activation(8, act),
            *normed(nn.Conv2d(8, a, 2, 2, bias=False)),
        )
        rows = [(a, 16, b, "S", True), (b, 16, b, "S", False), (b, 16, b, "S", False), (b, 32, c, "S", True)]
        rows += [(c, 16, c, "S", False)] * 4 + [(c, 16, c, "S", True)]
        rows += [(c, 8, c, core, False) for core in TRUNK] + [(c, 4, c, "D1", False)]
        self.blocks = nn.ModuleList(
            Bottleneck(cin, inner, cout, core, act, pool) for cin, inner, cout, core, pool in rows
        )
        self.up32 = UpBottleneck(c, 8, c, 8, c, act)
        self.up64 = UpBottleneck(c, 8, b, 4, b, act)
        self.up128 = UpBottleneck(b, 4, a, 4, 0, act)
        self.head = nn.Sequential(
            activation(a, act),
            *normed(nn.ConvTranspose2d(a, 8, 2, 2, bias=False)),
            activation(8, act),
            nn.ConvTranspose2d(8, 1, 2, 2),
        )

    def look(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y = self.stem(x)
        pooled, joined = [], []
        for index, block in enumerate(self.blocks):
            y, active, shortcut = block(y)
            if index in (0, 3, 8):  # the blocks that pool
                pooled.append(shortcut)
            if index in (1, 4):  # their input is the output of the first block at its size
                joined.append(active)
        deep = y
        y = self.up32(y, pooled[2], joined[1])
        y = self.up64(y, pooled[1], joined[0])
        fine = self.up128(y, pooled[0], None)
        return self.head(fine), fine, deep


register("slim-net")(SlimNet)
