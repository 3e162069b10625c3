"""A small encoder without pretrained weights, for the tiers whose budget Lite0 does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from pocketmatte.models.blocks import InvertedResidual, SamePadConv


@dataclass(frozen=True)
class SlimStage:
    """Halves the size, then repeats at that size: ``width`` channels, depthwise ``kernel``, ``repeats`` blocks more.

    ``expand`` widens inside the blocks, ``halve`` inside the one that halves (1: depthwise convolution and 1x1 only).
    """

    width: int
    repeats: int
    kernel: int = 3
    expand: int = 2
    halve: int = 2


class SlimEncoder(nn.Module):
    """``[N,channels,H,W]`` -> features at strides 2, 4, 8 ...: a strided 3x3 stem, then one feature per stage.

    Nothing is widened at the two highest resolutions: there a phone pays for memory traffic, not for arithmetic
    (Howard et al. 2019 thin the first layers for the same reason).
    """

    def __init__(self, stem: int, stages: Sequence[SlimStage], channels: int = 3) -> None:
        super().__init__()
        self.stem = nn.Sequential(SamePadConv(channels, stem, 3), nn.BatchNorm2d(stem), nn.ReLU6())
        self.stages = nn.ModuleList()
        cin = stem
        for stage in stages:
            first = InvertedResidual(cin, stage.width, stage.kernel, 2, stage.halve)
            rest = [
                InvertedResidual(stage.width, stage.width, stage.kernel, 1, stage.expand) for _ in range(stage.repeats)
            ]
            self.stages.append(nn.Sequential(first, *rest))
            cin = stage.width
        self.widths = (stem, *(stage.width for stage in stages))

    def forward(self, x: Tensor) -> list[Tensor]:
        features = [self.stem(x)]
        for stage in self.stages:
            features.append(stage(features[-1]))
        return features
