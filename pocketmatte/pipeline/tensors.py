"""Pictures to network tensors and back, driven by the spec alone."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from pocketmatte.core import Alpha, PocketmatteError, UInt8Image
from pocketmatte.ops.resize import Geometry, place
from pocketmatte.runtime.base import Tensor
from pocketmatte.spec import Layout, ModelSpec

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Prepared:
    """The image tensor, the picture at network size (uint8 RGB) it was made of, and where the picture lies in it."""

    tensor: Array
    small: UInt8Image
    geometry: Geometry


def prepare(image: UInt8Image, spec: ModelSpec, layout: Layout) -> Prepared:
    """uint8 RGB ``[H,W,3]`` -> float32 ``[1,h,w,c]`` or ``[1,c,h,w]`` as the spec's input says; c is 3, or 4 of which
    the last is 0."""
    source = spec.input
    geometry = place(image.shape[:2], source.size, source.resize)
    small = geometry.forward(image, source.filter, source.pad)
    mean, std = (np.tile(np.array(v, np.float32), small.shape[1]) for v in (source.mean, source.std))
    x = np.array(small if source.color == "rgb" else small[..., ::-1], np.float32, order="C")
    rows = x.reshape(small.shape[0], -1)  # numpy is slow along an axis of three
    rows *= 1 / (255 * std)
    rows -= mean / std
    if source.channels > 3:
        x = np.dstack([x, np.zeros((*x.shape[:2], source.channels - 3), np.float32)])
    x = x[None]
    return Prepared(np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if layout == "nchw" else x, small, geometry)


def read_alpha(tensor: Tensor, spec: ModelSpec, layout: Layout) -> Alpha:
    """The output tensor (batch 1) -> float32 alpha ``[h,w]`` in 0..1 at network size."""
    values = np.asarray(tensor, np.float32)
    height, width = spec.input.size
    if values.size == height * width:  # one map in whatever form: also flat, or four pixels in place of channels
        values = values.reshape(1, height, width, 1)
        layout = "nhwc"
    elif values.ndim <= 2:  # flat outputs of some exporters
        values = values.reshape(1, height, width, -1)
        layout = "nhwc"
    if values.ndim != 4:
        raise PocketmatteError(
            f"model {spec.name}: expected an output of rank 2 or 4, found shape {list(values.shape)}"
        )
    maps = values[0] if layout == "nhwc" else values[0].transpose(1, 2, 0)
    channel = spec.output.channel
    if spec.output.kind == "alpha":
        alpha = maps[..., channel]
    elif spec.output.kind == "logits":
        alpha = _sigmoid(maps[..., channel])
    else:
        alpha = _sigmoid(maps[..., channel] - maps[..., 1 - channel])
    return np.asarray(np.clip(np.ascontiguousarray(alpha), 0, 1), np.float32)


def _sigmoid(x: Array) -> Array:
    odds = np.asarray(cv2.exp(-np.ascontiguousarray(x)), np.float32)
    return np.asarray(1 / (1 + odds), np.float32)
