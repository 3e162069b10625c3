"""Micro-models that show what it costs to bring a mask from a graphics processor to the CPU, and how to make it less.

Each does next to nothing (a 3x3 convolution that copies the first channel, in the place of a network) and differs in
the form of its input and output only. Inputs hold a mask of exactly 0 and 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pocketmatte.ops.bitmask import FP16_BITS, FP32_BITS, FRACTION, unpack_bits, weights

SIDE = 256
_FP16_GROUP = 4 * FP16_BITS  # pixels in one value of four channels


@dataclass(frozen=True)
class Micro:
    """A micro-model: the shapes of its tensors in NHWC or flat, and what is special about it.

    ``bits`` pixels stand in each number of the output, ``fraction`` of them behind the binary point; 0: not packed.
    """

    name: str
    summary: str
    input: tuple[int, ...]
    output: tuple[int, ...]
    build: Callable[[], nn.Module]
    bits: int = 0
    fraction: int = 0

    @property
    def output_bytes(self) -> int:
        """Bytes of the output as float32."""
        return 4 * int(np.prod(self.output))


def identity(inputs: int, outputs: int) -> nn.Conv2d:
    """A 3x3 convolution that copies channel 0 to channel 0 and leaves the other outputs zero."""
    layer = nn.Conv2d(inputs, outputs, 3, padding=1)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[0, 0, 1, 1] = 1
        assert layer.bias is not None
        layer.bias.zero_()
    return layer


def packer(bits: int = FP32_BITS, fraction: int = FRACTION, channels: int = 1) -> nn.Conv2d:
    """A convolution over ``bits * channels`` pixels of a row that packs ``bits`` of them into each channel."""
    group = bits * channels
    layer = nn.Conv2d(1, channels, (1, group), stride=(1, group))
    with torch.no_grad():
        layer.weight.zero_()
        for channel in range(channels):
            start = channel * bits
            layer.weight[channel, 0, 0, start : start + bits] = torch.from_numpy(weights(bits, fraction))
        assert layer.bias is not None
        layer.bias.zero_()
    return layer


class MicroNet(nn.Module):
    """NHWC (or flat) in, NHWC (or rank 2) out. ``steps`` work on NCHW.

    ``keep``: channels of the input that are used, the others are sliced away. ``pad``: zero channels appended to the
    output. ``flat``: the output is reshaped to ``[rows, numbers]``.
    """

    def __init__(
        self, steps: nn.Module, keep: int | None = None, pad: int = 0, flat: bool = False, from_flat: bool = False
    ) -> None:
        super().__init__()
        self.steps, self.keep, self.pad, self.flat, self.from_flat = steps, keep, pad, flat, from_flat

    def forward(self, x: Tensor) -> Tensor:
        if self.from_flat:
            x = x.reshape(1, SIDE, SIDE, -1)
        if self.keep is not None:
            x = x[..., : self.keep]
        y: Tensor = self.steps(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        if self.pad:
            y = F.pad(y, (0, self.pad))
        return y.reshape(y.shape[1], -1) if self.flat else y


def _packed(channels: int) -> nn.Module:
    return nn.Sequential(identity(channels, 1), packer())


def _packed_for_half_precision() -> nn.Module:
    """256 columns are no multiple of 44: eight zero columns go before the packing, to the right."""
    missing = -SIDE % _FP16_GROUP
    return nn.Sequential(identity(4, 1), nn.ZeroPad2d((0, missing, 0, 0)), packer(FP16_BITS, 0, 4))


_PLANE, _TEXELS, _ROWS = (1, SIDE, SIDE, 1), (1, SIDE, SIDE, 4), (SIDE, SIDE // FP32_BITS)
MICRO_MODELS: tuple[Micro, ...] = (
    Micro("plain", "mask in, mask out", _PLANE, _PLANE, lambda: MicroNet(identity(1, 1))),
    Micro(
        "packed",
        "16 pixels in each number",
        _PLANE,
        (1, SIDE, SIDE // FP32_BITS, 1),
        lambda: MicroNet(_packed(1)),
        FP32_BITS,
        FRACTION,
    ),
    Micro("aligned", "four channels in and out", _TEXELS, _TEXELS, lambda: MicroNet(identity(4, 4))),
    Micro(
        "aligned-packed",
        "four channels in, packed rows out",
        _TEXELS,
        _ROWS,
        lambda: MicroNet(_packed(4), flat=True),
        FP32_BITS,
        FRACTION,
    ),
    Micro(
        "flat-packed",
        "a flat RGB buffer in, packed rows out",
        (1, SIDE * SIDE * 3),
        _ROWS,
        lambda: MicroNet(_packed(3), flat=True, from_flat=True),
        FP32_BITS,
        FRACTION,
    ),
    Micro(
        "slice-packed",
        "four channels in, the fourth sliced away, packed rows out",
        _TEXELS,
        _ROWS,
        lambda: MicroNet(_packed(3), keep=3, flat=True),
        FP32_BITS,
        FRACTION,
    ),
    Micro(
        "slice-pad",
        "four channels in, the fourth sliced away; zeros appended to make four out",
        _TEXELS,
        _TEXELS,
        lambda: MicroNet(identity(3, 1), keep=3, pad=3),
    ),
    Micro(
        "aligned-packed-fp16",
        "four channels in, four channels of 11 pixels each out: exact in half precision",
        _TEXELS,
        (SIDE, -(-SIDE // _FP16_GROUP) * 4),
        lambda: MicroNet(_packed_for_half_precision(), flat=True),
        FP16_BITS,
        0,
    ),
)


def write_micro(micro: Micro, path: Path) -> None:
    """Write one of them as a .tflite."""
    import litert_torch

    with torch.no_grad():
        litert_torch.convert(micro.build().eval(), (torch.zeros(micro.input),)).export(str(path))


def write_convolution(path: Path, side: int, kernel: int, stride: int, channels: int) -> int:
    """Write a lone convolution over ``[1,side,side,channels]``, as many channels out; returns its multiplications.

    For sweeps of running time. Padding keeps the size at stride 1.
    """
    import litert_torch

    torch.manual_seed(0)
    network = MicroNet(nn.Conv2d(channels, channels, kernel, stride, kernel // 2)).eval()
    example = torch.zeros(1, side, side, channels)
    with torch.no_grad():
        litert_torch.convert(network, (example,)).export(str(path))
        places = int(np.prod(network(example).shape[1:3]))
    return places * kernel * kernel * channels * channels


def as_input(micro: Micro, mask: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Mask ``[256,256]`` of 0 and 1 -> the input tensor, mask in channel 0 and noise in the channels not used."""
    channels = int(np.prod(micro.input)) // (SIDE * SIDE)
    tensor = np.random.default_rng(0).random((SIDE, SIDE, channels), np.float32)
    tensor[..., 0] = mask
    return tensor.reshape(micro.input)


def read_mask(micro: Micro, output: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """The output tensor -> mask ``[256,256]`` of 0 and 1. Raises ``ValueError`` when packed numbers make no sense."""
    if micro.bits:
        return unpack_bits(output.reshape(SIDE, -1), SIDE, micro.bits, micro.fraction)
    return (output.reshape(SIDE, SIDE, -1)[..., 0] > 0.5).astype(np.uint8)
