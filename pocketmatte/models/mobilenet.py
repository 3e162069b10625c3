"""MobileNet encoders of the reference zoo: V2 (Sandler et al. 2018) and the minimalistic V3-small (Howard et al. 2019)
with 3x3 kernels, ReLU and no squeeze-excite. No ImageNet weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from pocketmatte.models.blocks import SamePadConv
from pocketmatte.models.portrait_model import rounded

Activation = Callable[[], nn.Module]


@dataclass(frozen=True)
class Block:
    """Inverted residual: ``expand`` channels inside (0: no 1x1 before the depthwise convolution), ``width`` out."""

    expand: int
    width: int
    stride: int = 1
    dilation: int = 1


def norm_act(channels: int, act: Activation | None = nn.ReLU) -> list[nn.Module]:
    """Batch norm and activation."""
    return [nn.BatchNorm2d(channels), *([act()] if act else [])]


class Bottleneck(nn.Module):
    """``[N,cin,H,W] -> [N,width,H/stride,W/stride]``; :meth:`steps` also gives the expanded activation, a wide skip."""

    def __init__(self, cin: int, block: Block, act: Activation) -> None:
        super().__init__()
        mid = block.expand or cin
        self.expand = (
            nn.Sequential(nn.Conv2d(cin, mid, 1, bias=False), *norm_act(mid, act)) if block.expand else nn.Identity()
        )
        # the expanded activation may be a skip too, so the padding is symmetric (see blocks.InvertedResidual)
        space = block.dilation
        depthwise = nn.Conv2d(mid, mid, 3, block.stride, space, space, groups=mid, bias=False)
        self.depthwise = nn.Sequential(depthwise, *norm_act(mid, act))
        self.project = nn.Sequential(nn.Conv2d(mid, block.width, 1, bias=False), *norm_act(block.width, None))
        self.residual = block.stride == 1 and cin == block.width

    def steps(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The expanded activation and the output."""
        wide = self.expand(x)
        y: Tensor = self.project(self.depthwise(wide))
        return wide, x + y if self.residual else y

    def forward(self, x: Tensor) -> Tensor:
        return self.steps(x)[1]


class MobileNet(nn.Module):
    """``[N,channels,H,W]`` -> the deepest feature and the skips, finest first.

    A skip is the expanded activation of every block that halves (of the stem for a block that does not expand), as
    the U-Nets of the zoo want it; ``skip_widths`` are their channels.
    """

    def __init__(self, stem: int, blocks: Sequence[Block], act: Activation = nn.ReLU6, channels: int = 3) -> None:
        super().__init__()
        self.stem = nn.Sequential(SamePadConv(channels, stem, 3), *norm_act(stem, act))
        layers, cin, skips = [], stem, []
        for block in blocks:
            layers.append(Bottleneck(cin, block, act))
            if block.stride == 2:
                skips.append(block.expand or cin)
            cin = block.width
        self.blocks = nn.ModuleList(layers)
        self.halving = frozenset(i for i, block in enumerate(blocks) if block.stride == 2)
        self.width, self.skip_widths = cin, tuple(skips)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        skips = []
        x = self.stem(x)
        for index, block in enumerate(self.blocks):
            assert isinstance(block, Bottleneck)
            wide, x = block.steps(x)
            if index in self.halving:
                skips.append(wide)
        return x, skips


def mobilenet_v2_blocks(width: float) -> list[Block]:
    """All 17 blocks up to the last linear bottleneck, channels times ``width``."""
    stages = [(6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    cin = rounded(16 * width)
    blocks = [Block(0, cin)]
    for expansion, channels, repeats, stride in stages:
        cout = rounded(channels * width)
        for i in range(repeats):
            blocks.append(Block(expansion * cin, cout, stride if i == 0 else 1))
            cin = cout
    return blocks


def mobilenet_v3_small_blocks(width: float) -> list[Block]:
    """The eleven blocks of V3-small. ``width`` scales what the blocks hand on, not what they widen to inside."""
    rows = [(0, 16, 2), (72, 24, 2), (88, 24, 1), (96, 40, 2), (240, 40, 1), (240, 40, 1)]
    rows += [(120, 48, 1), (144, 48, 1), (288, 96, 2), (576, 96, 1), (576, 96, 1)]
    return [Block(expand, rounded(channels * width), stride) for expand, channels, stride in rows]
