"""Rounding the kernels of spatial convolutions so that what a flat region gives does not change.

Each weight rounded to its nearest level leaves a kernel whose sum is off by up to a step or more. Neighbouring pixels
are much alike, so the sum is what most pixels see: a kernel that takes differences, with large weights of both signs,
answers a flat region with that error instead of nothing. Here the weights that were nearest to the middle between two
levels go the other way until the sum is right to half a level. No data is needed; compare learned rounding (Nagel et
al. 2020, *Up or down? Adaptive rounding*), which finds the same by training.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from pocketmatte.export.flatbuffer import (
    Model,
    constant,
    operator_name,
    tensor_name,
)

LEVELS = 127  # of a symmetric int8 weight, each way
CHANNEL_AXIS = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3}  # of the outputs, in the weights
Weights = npt.NDArray[np.float32]


def keep_sums(model: Model, skip: Collection[str] = ()) -> int:
    """Put the weights of convolutions with more than one tap on levels that keep each kernel's sum.

    The weights stay float, at most one level from where they were: per-channel quantisation with the scale
    ``largest / 127`` codes them exactly. ``skip``: operator types and output tensors that stay as they are. Returns how
    many convolutions changed.
    """
    done = 0
    for graph in model.subgraphs:
        for operator in graph.operators:
            kind, name = operator_name(model, operator), tensor_name(graph, int(operator.outputs[0]))
            if kind not in CHANNEL_AXIS or kind in skip or name in skip:
                continue
            index = int(operator.inputs[1])
            weights = constant(model, graph, index)
            if weights is None or weights.dtype != np.float32 or weights.shape[1] * weights.shape[2] == 1:
                continue
            kept = sum_keeping(weights, CHANNEL_AXIS[kind])
            model.buffers[graph.tensors[index].buffer].data = np.frombuffer(kept.tobytes(), np.uint8)
            done += 1
    return done


def sum_keeping(weights: Weights, axis: int) -> Weights:
    """``weights`` on multiples of ``largest / 127`` of their output channel (``axis``), the sum of each within half a
    level of what it was. Where the sum is right already, as on zeros, nothing but the nearest level is taken."""
    flat = np.moveaxis(weights, axis, 0)
    rows = flat.reshape(len(flat), -1).astype(np.float64)
    scale = np.abs(rows).max(1, keepdims=True) / LEVELS
    exact = np.divide(rows, scale, out=np.zeros_like(rows), where=scale > 0)
    level = np.rint(exact)
    missing = np.rint((exact - level).sum(1, keepdims=True))
    towards = np.sign(missing)
    # how little is lost by one level more in the direction wanted; what is at the end, or the largest itself, stays
    ease = np.where(np.abs(level) < LEVELS, (exact - level) * towards, -np.inf)
    rank = np.argsort(np.argsort(-ease, axis=1, kind="stable"), axis=1)
    level += towards * ((rank < np.abs(missing)) & np.isfinite(ease))
    kept = (level * scale).astype(np.float32).reshape(flat.shape)
    return np.ascontiguousarray(np.moveaxis(kept, 0, axis))
