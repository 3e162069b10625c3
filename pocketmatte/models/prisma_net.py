"""Prisma-Net: a U-Net of residual separable blocks with added skips and no batch norm (256x256)."""

from __future__ import annotations

from torch import Tensor, nn

from pocketmatte.models.decoders import Crop
from pocketmatte.models.portrait_model import PortraitModel
from pocketmatte.models.registry import register


def _separable(channels: int) -> list[nn.Module]:
    return [
        nn.ReLU(),
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1),
    ]


class Residual(nn.Module):
    """ReLU, separable 3x3, ReLU, separable 3x3, plus the input; ``[N,C,h,w]`` in and out.

    The last 1x1 starts small: 27 blocks without a norm would otherwise double the signal again and again
    (Zhang et al. 2019, Fixup initialization, does the same with zeros).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(*_separable(channels), *_separable(channels))
        last = self.branch[-1]
        assert isinstance(last, nn.Conv2d)
        nn.init.normal_(last.weight, std=0.1 / channels**0.5)

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
            conv = nn.Conv2d(cin, cout, 3, 1 if number == 0 else 2, 1)
            self.down.append(nn.Sequential(conv, *(Residual(cout) for _ in range(blocks))))
            cin = cout
        self.up, self.mix = nn.ModuleList(), nn.ModuleList()
        for cout in widths[-2::-1]:
            self.up.append(nn.Sequential(nn.ConvTranspose2d(cin, cout, 3, 2), Crop()))
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
