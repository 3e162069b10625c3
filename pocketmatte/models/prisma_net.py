"""Prisma-Net: a U-Net of residual separable blocks with added skips and no batch norm (256x256).

Deviation: it is trained with batch norms behind its dense convolutions, which learns several times faster; export folds
them away, so the exported network has none, as published.
"""

from __future__ import annotations

from torch import Tensor, nn

from pocketmatte.models.blocks import normed, start_small
from pocketmatte.models.decoders import Crop
from pocketmatte.models.portrait_model import PortraitModel
from pocketmatte.models.registry import register


def _separable(channels: int) -> list[nn.Module]:
    return [
        nn.ReLU(),
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
        *normed(nn.Conv2d(channels, channels, 1, bias=False)),
    ]


class Residual(nn.Module):
    """ReLU, separable 3x3, ReLU, separable 3x3, plus the input; ``[N,C,h,w]`` in and out.

    The last norm starts small, so that a deep stack begins near the identity (Goyal et al. 2017, "Accurate, Large
    Minibatch SGD", does the same with zero).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(*_separable(channels), *_separable(channels))
        start_small(self.branch)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.branch(x)
        return y


class PrismaNet(PortraitModel):
    """See :class:`PortraitModel`. ``width`` scales every channel count."""

    stride = 16

    def __init__(self, width: float = 1.0, size: int = 256, prior: bool = False) -> None:
        widths = [round(n * width) for n in (8, 32, 64, 128, 128)]
        super().__init__(size, fine=widths[0], deep=widths[-1], prior=prior)
        self.down = nn.ModuleList()
        cin = 3 + prior
        for number, (cout, blocks) in enumerate(zip(widths, (1, 1, 1, 2, 6), strict=True)):
            conv = normed(nn.Conv2d(cin, cout, 3, 1 if number == 0 else 2, 1, bias=False))
            self.down.append(nn.Sequential(*conv, *(Residual(cout) for _ in range(blocks))))
            cin = cout
        self.up, self.mix = nn.ModuleList(), nn.ModuleList()
        for cout in widths[-2::-1]:
            self.up.append(nn.Sequential(*normed(nn.ConvTranspose2d(cin, cout, 3, 2, bias=False)), Crop()))
            self.mix.append(nn.Sequential(*(Residual(cout) for _ in range(3))))
            cin = cout
        self.head = nn.Conv2d(cin, 1, 1)

    def look(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        skips = []
        for stage in self.down:
            x = stage(x)
            skips.append(x)
        deep = skips.pop()
        for up, mix in zip(self.up, self.mix, strict=True):
            x = mix(up(x) + skips.pop())
        return self.head(x), x, deep


register("prisma-net")(PrismaNet)
