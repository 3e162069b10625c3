"""DeepLabV3 with image pooling on MobileNetV2 x0.5 (Chen et al. 2017): output stride 16 in training, 8 when deployed.

Deviations: 512x512 instead of 513 (half-pixel centres need no odd size). The 1x1 after the concatenation with the
pooled vector is two convolutions, one over the map and one over the vector, whose results are summed: the same
numbers, but half of the original's 554 M multiply-adds there went into a tensor that is constant over the picture.
Dilated kernels stay dilated in every export.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional as F

from pocketmatte.models.blocks import SamePadConv
from pocketmatte.models.lite0_transfer import V2_SOURCES, start_from_lite0
from pocketmatte.models.mobilenet import Block, Bottleneck, norm_act
from pocketmatte.models.portrait_model import PortraitModel, rounded
from pocketmatte.models.registry import register

STAGES = ((12, 2, 2), (16, 3, 2), (32, 4, 2), (48, 3, 1), (80, 3, 2), (160, 1, 1))  # channels, blocks, stride
STEM, FIRST = 16, 8


class DeepLab(PortraitModel):
    """See :class:`PortraitModel`. ``width`` is MobileNetV2's multiplier relative to the published 0.5.

    ``strides``: output stride in training and in evaluation, each 8, 16 or 32. Raises ``ValueError`` for another.
    """

    def __init__(
        self,
        width: float = 1.0,
        size: int = 512,
        strides: Sequence[int] = (16, 8),
        head: int = 256,
        prior: bool = False,
    ) -> None:
        if not set(strides) <= {8, 16, 32}:
            raise ValueError(f"output strides {list(strides)}: expected 8, 16 or 32")

        def scaled(channels: int) -> int:
            return channels if width == 1 else rounded(channels * width)

        cin = scaled(FIRST)
        blocks = [Block(0, cin)]
        for channels, repeats, stride in STAGES:
            for i in range(repeats):
                blocks.append(Block(6 * cin, scaled(channels), stride if i == 0 else 1))
                cin = scaled(channels)
        super().__init__(size, fine=head, deep=cin, prior=prior)
        self.strides = tuple(strides)
        stem = scaled(STEM)
        layers: list[nn.Module] = [SamePadConv(3 + prior, stem, 3), *norm_act(stem, nn.ReLU6)]
        before = stem
        for block in blocks:
            layers.append(Bottleneck(before, block, nn.ReLU6))
            before = block.width
        self.encoder = nn.Sequential(*layers)
        self._steps = [block.stride for block in blocks]
        self.near = nn.Sequential(nn.Conv2d(cin, head, 1, bias=False), *norm_act(head))
        # no batch norm: training batches may be small, and of a pooled vector it would see one value per picture
        self.far = nn.Sequential(nn.Conv2d(cin, head, 1), nn.ReLU())
        # the norm on one summand alone, where it can be folded away
        self.join_near = nn.Sequential(nn.Conv2d(head, head, 1, bias=False), *norm_act(head, None))
        self.join_far = nn.Conv2d(head, head, 1, bias=False)
        self.joined = nn.ReLU()
        self.head = nn.Conv2d(head, 1, 1)
        self.set_output_stride(self.strides[0])

    def train(self, mode: bool = True) -> DeepLab:
        """Also changes to the output stride of training or evaluation."""
        super().train(mode)
        self.set_output_stride(self.strides[0 if mode else 1])
        return self

    def set_output_stride(self, limit: int) -> None:
        """Halve down to 1/``limit`` only; later depthwise kernels are spread out as far as they then need to be."""
        reached, dilation = 2, 1
        blocks = [block for block in self.encoder if isinstance(block, Bottleneck)]
        for block, step in zip(blocks, self._steps, strict=True):
            conv = block.depthwise[0]
            assert isinstance(conv, nn.Conv2d)
            stride = step if reached * step <= limit else 1
            conv.stride, conv.dilation, conv.padding = (stride, stride), (dilation,) * 2, (dilation,) * 2
            reached, dilation = reached * stride, dilation * step // stride

    def load_pretrained_encoder(self, path: Path | None = None) -> None:
        """Start the encoder from ImageNet weights of Lite0 (:mod:`pocketmatte.models.lite0_transfer`)."""
        start_from_lite0(self.encoder, V2_SOURCES, path)

    def look(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        deep = self.encoder(x)
        pooled = self.far(deep.mean((2, 3), keepdim=True))
        fine = self.joined(self.join_near(self.near(deep)) + self.join_far(pooled))
        logits = F.interpolate(self.head(fine), size=x.shape[2:], mode="bilinear", align_corners=False)
        return logits, fine, deep


register("deeplab-mnv2")(DeepLab)
