"""Other trained networks that help: one to distil from, one whose opinion improves the labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from pocketmatte.data.soften import Predict
from pocketmatte.models.checkpoint import load_weights
from pocketmatte.train.validate import predict

Array = npt.NDArray[Any]


def channels_last(network: nn.Module) -> nn.Module:
    """``network`` itself, its convolution weights laid out with the channels last: faster on CPU and GPU alike."""
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network


def load_teacher(path: str | Path, device: torch.device) -> nn.Module:
    """The frozen network of a weight file, in evaluation mode, channels last."""
    network, _ = load_weights(path)
    return channels_last(network.to(device)).requires_grad_(False)


def opinion_of(network: nn.Module, device: torch.device) -> Predict:
    """``network`` as a function of uint8 RGB ``[n,S,S,3]`` that gives alpha float32 ``[n,S,S]``; mirrored pictures are
    looked at too."""

    def opinion(images: Array) -> Array:
        x = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).to(device)
        both = predict(network, torch.cat([x, x.flip(3)]))
        mean = (both[: len(x)] + both[len(x) :].flip(3)) / 2
        return np.asarray(mean[:, 0].cpu().numpy())

    return opinion
