"""Building blocks shared by the architectures. Only operators that mobile GPU delegates accept: no PReLU, no
align-corners resize, no rank above 4."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ConvBnAct(nn.Sequential):
    """Convolution without bias, batch norm, optional ReLU6; ``[N,cin,H,W] -> [N,cout,H/stride,W/stride]``."""

    def __init__(
        self, cin: int, cout: int, kernel: int = 3, stride: int = 1, groups: int = 1, act: bool = True
    ) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(cin, cout, kernel, stride, kernel // 2, groups=groups, bias=False),
            nn.BatchNorm2d(cout),
        ]
        if act:
            layers.append(nn.ReLU6())
        super().__init__(*layers)


def normed(conv: nn.Conv2d | nn.ConvTranspose2d) -> list[nn.Module]:
    """A convolution and its batch norm, which export folds away: for architectures published without norms."""
    return [conv, nn.BatchNorm2d(conv.out_channels)]


def start_small(branch: nn.Sequential, gain: float = 0.2) -> None:
    """Let a residual branch that ends with a batch norm begin as a small change of its input."""
    norm = branch[-1]
    assert isinstance(norm, nn.BatchNorm2d)
    nn.init.constant_(norm.weight, gain)


class Separable(nn.Sequential):
    """Depthwise ``kernel`` x ``kernel`` then 1x1, both with batch norm and ReLU6 (Howard et al. 2017, MobileNets)."""

    def __init__(self, cin: int, cout: int, kernel: int = 3) -> None:
        super().__init__(ConvBnAct(cin, cin, kernel, groups=cin), ConvBnAct(cin, cout, 1))


class SamePadConv(nn.Module):
    """Strided convolution padded the way TensorFlow's SAME does (extra row and column at bottom and right).

    ImageNet weights that come from TensorFlow were trained with this; symmetric padding would shift their features.
    Input sides must be even.
    """

    def __init__(self, cin: int, cout: int, kernel: int, groups: int = 1) -> None:
        super().__init__()
        before = (kernel - 2) // 2
        after = kernel - 2 - before
        self.pad = (before, after, before, after)
        self.conv = nn.Conv2d(cin, cout, kernel, 2, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(F.pad(x, self.pad))
        return y


class InvertedResidual(nn.Module):
    """MobileNetV2 block (Sandler et al. 2018): expand 1x1, depthwise, linear 1x1; identity when shapes allow."""

    def __init__(self, cin: int, cout: int, kernel: int, stride: int, expand: int) -> None:
        super().__init__()
        mid = cin * expand
        self.expand = ConvBnAct(cin, mid, 1) if expand > 1 else nn.Identity()
        # Padding of a tensor that a skip reads too cannot be folded into the convolution by the LiteRT converter and
        # leaves transpositions round it; without expansion the input is such a tensor.
        depthwise: nn.Module = (
            SamePadConv(mid, mid, kernel, groups=mid)
            if stride == 2 and expand > 1
            else nn.Conv2d(mid, mid, kernel, stride, kernel // 2, groups=mid, bias=False)
        )
        self.depthwise = nn.Sequential(depthwise, nn.BatchNorm2d(mid), nn.ReLU6())
        self.project = ConvBnAct(mid, cout, 1, act=False)
        self.residual = stride == 1 and cin == cout

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.residual else y


def upsample2(x: Tensor) -> Tensor:
    """Bilinear x2 with half-pixel centres: the one resize convention of the project."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


class GlobalGate(nn.Module):
    """Channel gate from global context: mean over the image, 1x1, sigmoid, multiply (LR-ASPP, Howard et al. 2019)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.fc(x.mean((2, 3), keepdim=True)))


class Context(nn.Module):
    """Widens the view of the deepest features: residual 5x5 separable blocks and a global gate.

    ``[N,cin,h,w] -> [N,width,h,w]``. With ``halve`` the blocks work at half the size, and h and w must be even.
    """

    def __init__(self, cin: int, width: int, blocks: int = 2, halve: bool = True) -> None:
        super().__init__()
        self.reduce = ConvBnAct(cin, width, 1)
        self.far = nn.ModuleList([Separable(width, width, 5) for _ in range(blocks)])
        self.gate = GlobalGate(width)
        self.halve, self.width = halve, width

    def forward(self, x: Tensor) -> Tensor:
        x = self.reduce(x)
        y = F.avg_pool2d(x, 2) if self.halve else x
        for block in self.far:
            y = y + block(y)
        z: Tensor = self.gate(x + upsample2(y) if self.halve else y)
        return z


class Decode(nn.Module):
    """Up-sample x2 and join the encoder's skip, both reduced to ``cout`` by 1x1 first, then mix.

    ``join``: ``concat``, or ``add``, which is cheaper. ``mix``: ``separable`` 3x3, or ``dense`` 3x3 for networks
    without a budget.
    """

    def __init__(self, cin: int, skip: int, cout: int, join: str = "concat", mix: str = "separable") -> None:
        super().__init__()
        self.add = join == "add"
        self.skip = ConvBnAct(skip, cout, 1, act=not self.add)
        self.squeeze = ConvBnAct(cin, cout, 1, act=not self.add)
        joined = cout if self.add else 2 * cout
        if mix == "dense":
            self.mix: nn.Module = nn.Sequential(ConvBnAct(joined, cout), ConvBnAct(cout, cout))
        else:
            self.mix = Separable(joined, cout)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        up, skip = upsample2(self.squeeze(x)), self.skip(skip)
        y: Tensor = self.mix(up + skip if self.add else torch.cat([up, skip], 1))
        return y
