"""Up-sampling blocks of the U-Nets in the reference zoo."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pocketmatte.core import PocketmatteError
from pocketmatte.models.blocks import upsample2
from pocketmatte.models.mobilenet import norm_act

DECODERS = ("deconv", "bilinear", "bilinear-wide")


class Crop(nn.Module):
    """Cuts off the last row and column that a 3x3 transposed convolution of stride 2 computes beyond twice its input.

    So TensorFlow's SAME padding aligns the kernel; the LiteRT converter does not know PyTorch's own way to that size,
    ``output_padding``. A module of its own, so that a batch norm can follow the convolution directly and be folded.
    """

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, :-1, :-1]


class UpBlock(nn.Module):
    """``[N,cin,h,w] -> [N,cout,2h,2w]`` with a 3x3 kernel, batch norm and ReLU.

    ``kind``: ``deconv`` is a transposed convolution; ``bilinear-wide`` resizes first and convolves at the doubled
    size; ``bilinear`` convolves first and resizes the result: the same weights, a quarter of the arithmetic.
    """

    def __init__(self, cin: int, cout: int, kind: str, dropout: float) -> None:
        super().__init__()
        if kind not in DECODERS:
            raise PocketmatteError(f"unknown decoder {kind!r}; known: {', '.join(DECODERS)}")
        self.kind = kind
        if kind == "deconv":
            conv: nn.Conv2d | nn.ConvTranspose2d = nn.ConvTranspose2d(cin, cout, 3, 2, bias=False)
        else:
            conv = nn.Conv2d(cin, cout, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(conv.weight)
        norm, act = norm_act(cout)
        self.mix = nn.Sequential(
            *(conv, norm, *([nn.Dropout(dropout)] if dropout else []), act), *([Crop()] if kind == "deconv" else [])
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.kind == "bilinear-wide":
            x = upsample2(x)
        y: Tensor = self.mix(x)
        return upsample2(y) if self.kind == "bilinear" else y


class ConcatDecoder(nn.Module):
    """Up-sampling blocks of the given ``widths``, each followed by a concatenated skip while there are any.

    ``skips`` are the skips' channels, deepest first, at most as many as ``widths``.
    """

    def __init__(self, cin: int, skips: Sequence[int], widths: Sequence[int], kind: str, dropout: float) -> None:
        super().__init__()
        self.blocks = nn.ModuleList()
        for number, width in enumerate(widths):
            joined = number < len(skips)
            self.blocks.append(UpBlock(cin, width, kind, dropout if joined else 0.0))
            cin = width + (skips[number] if joined else 0)
        self.width = cin

    def forward(self, x: Tensor, skips: Sequence[Tensor]) -> Tensor:
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number < len(skips):
                x = torch.cat([x, skips[number]], 1)
        return x
