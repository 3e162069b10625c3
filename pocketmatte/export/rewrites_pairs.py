"""Two neighbouring pixels of a row as one pixel of twice the channels, where a layer has fewer channels than a vector.

XNNPACK's integer convolutions compute 16 output channels at a time and read input channels by eights: a layer of 3 or 8
channels wastes most of that. In memory a row of pixels and a row of pairs are the same bytes, so only the weights have
to change: each output of a pair takes its own pixels and zeros for the rest. Chosen by measurement
on x86-64; untested on Arm.
"""

from __future__ import annotations

import numpy as np

from pocketmatte.export.flatbuffer import (
    Array,
    Graph,
    Model,
    Operator,
    add_constant,
    add_tensor,
    codes,
    constant,
    make_operator,
    operator_name,
    readers,
    schema,
    shape_of,
    tensor_name,
    writer,
)
from pocketmatte.export.rewrites_flatbuffer import sweep

LANES = 16  # output channels at a time
PAIRED = ";paired"  # ends the name of what is computed in pairs
LEAST_PIXELS = 4096  # smaller maps are not worth their two reshapes


def pair_pixels(model: Model) -> int:
    """Convolutions of large maps with few channels -> the same over pairs of pixels. Exact: only zeros are added.

    * 1x1 with fewer than 16 outputs;
    * depthwise 3x3 of up to 8 channels -> a dense one over pairs, which integer kernels are quicker at;
    * 3x3 at stride 2 from up to 4 channels, such as the first of a network: two taps over pairs instead of three.
    """
    done = 0
    for graph in model.subgraphs:
        for operator in list(graph.operators):
            weights = constant(model, graph, int(operator.inputs[1])) if len(operator.inputs) > 1 else None
            paired = None if weights is None else _paired(model, graph, operator, weights)
            if paired is not None:
                _replace(model, graph, operator, paired)
                done += 1
        if done:
            _join_reshapes(model, graph)
    if done:
        sweep(model)
    return done


def _paired(model: Model, graph: Graph, operator: Operator, weights: Array) -> Array | None:
    """The weights over pairs, ``[outputs, rows, pairs, channels of a pair]``; ``None`` where they do not fit."""
    kind, options = operator_name(model, operator), operator.builtinOptions
    before, after = (shape_of(graph, int(i)) for i in (operator.inputs[0], operator.outputs[0]))
    if kind not in ("CONV_2D", "DEPTHWISE_CONV_2D") or (options.dilationHFactor, options.dilationWFactor) != (1, 1):
        return None
    stride, taps = (options.strideH, options.strideW), weights.shape[1:3]
    same = taps == (1, 1) or options.padding == codes("Padding")["SAME"]
    if not same or weights.dtype != np.float32 or before[2] % 2 or after[2] % 2 or weights.shape[3] != before[3]:
        return None
    bias = int(operator.inputs[2]) if len(operator.inputs) > 2 else -1
    if after[1] * after[2] < LEAST_PIXELS or (bias >= 0 and constant(model, graph, bias) is None):
        return None
    if kind == "DEPTHWISE_CONV_2D":
        fits = before[3] == after[3] <= LANES // 2 and stride == (1, 1) and taps == (3, 3)
        return _neighbours(_dense(weights)) if fits else None
    again = tensor_name(graph, int(operator.outputs[0])).endswith(PAIRED)
    if taps == (1, 1) and stride == (1, 1) and after[3] < LANES and not again:
        return _neighbours(weights)
    if taps == (3, 3) and stride == (2, 2) and before[3] <= 4:
        return _halved(weights)
    return None


def _dense(weights: Array) -> Array:
    """Depthwise ``[1, rows, columns, C]`` -> ``[C, rows, columns, C]``."""
    channels = weights.shape[3]
    return np.ascontiguousarray(weights[0][None] * np.eye(channels, dtype=weights.dtype)[:, None, None, :])


def _neighbours(weights: Array) -> Array:
    """Stride 1, one or three columns: pixel k of a pair reads pixel j of the pair q further on by tap 2q + j - k."""
    outputs, rows, columns, inputs = weights.shape
    reach = columns // 2
    paired = np.zeros((2, outputs, rows, columns, 2, inputs), weights.dtype)
    for k in (0, 1):
        for q in range(-reach, reach + 1):
            for j in (0, 1):
                tap = 2 * q + j - k
                if abs(tap) <= reach:
                    paired[k, :, :, q + reach, j] = weights[:, :, tap + reach]
    return paired.reshape(2 * outputs, rows, columns, 2 * inputs)


def _halved(weights: Array) -> Array:
    """Stride 2, three columns, SAME on an even width (which pads behind only): columns 0 and 1 are one pair, 2 begins
    the next."""
    outputs, rows, _, inputs = weights.shape
    paired = np.zeros((outputs, rows, 2, 2, inputs), weights.dtype)
    paired[:, :, 0] = weights[:, :, :2]
    paired[:, :, 1, 0] = weights[:, :, 2]
    return paired.reshape(outputs, rows, 2, 2 * inputs)


def _replace(model: Model, graph: Graph, operator: Operator, weights: Array) -> None:
    source, result = int(operator.inputs[0]), int(operator.outputs[0])
    given, made = shape_of(graph, source), shape_of(graph, result)
    halved = int(operator.builtinOptions.strideW) == 2
    name, old = tensor_name(graph, result), operator.builtinOptions
    options = schema().Conv2DOptionsT()
    options.padding, options.fusedActivationFunction = old.padding, old.fusedActivationFunction
    options.strideH, options.strideW = old.strideH, 1
    options.dilationHFactor = options.dilationWFactor = 1
    pairs = add_tensor(graph, f"{name};pairs", (given[0], given[1], given[2] // 2, 2 * given[3]))
    new = [_reshape(model, graph, source, pairs)]
    out = result if halved else add_tensor(graph, f"{name}{PAIRED}", (*made[:2], made[2] // 2, 2 * made[3]))
    inputs = [pairs, add_constant(model, graph, f"{name};w", weights)]
    if len(operator.inputs) > 2 and (bias := constant(model, graph, int(operator.inputs[2]))) is not None:
        inputs.append(add_constant(model, graph, f"{name};b", bias if halved else np.tile(bias, 2)))
    new.append(make_operator(model, "CONV_2D", inputs, [out], options))
    if not halved:
        new.append(_reshape(model, graph, out, result))
    place = graph.operators.index(operator)
    graph.operators[place : place + 1] = new


def _reshape(model: Model, graph: Graph, source: int, result: int) -> Operator:
    options, shape = schema().ReshapeOptionsT(), shape_of(graph, result)
    options.newShape = list(shape)
    wanted = add_constant(model, graph, f"{tensor_name(graph, result)};shape", np.array(shape, np.int32))
    return make_operator(model, "RESHAPE", [source, wanted], [result], options)


def _join_reshapes(model: Model, graph: Graph) -> None:
    """Two reshapes in a row -> one; one that changes nothing -> none."""
    ends = {int(i) for i in graph.outputs}
    for reshape in list(graph.operators):
        if operator_name(model, reshape) != "RESHAPE":
            continue
        before = writer(graph, int(reshape.inputs[0]))
        if before is not None and operator_name(model, before) == "RESHAPE":
            reshape.inputs = np.array([before.inputs[0], *reshape.inputs[1:]], np.int32)
            if not readers(graph, int(before.outputs[0])) and int(before.outputs[0]) not in ends:
                graph.operators.remove(before)
        source, result = int(reshape.inputs[0]), int(reshape.outputs[0])
        if shape_of(graph, source) == shape_of(graph, result) and result not in ends:
            for operator in graph.operators:
                operator.inputs = np.array([source if i == result else i for i in operator.inputs], np.int32)
            graph.operators.remove(reshape)
