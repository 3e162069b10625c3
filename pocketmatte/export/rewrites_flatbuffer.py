"""Rewrites of .tflite graphs. Each takes a model, changes it in place and returns how often it did.

None changes what the graph computes beyond the rounding of float sums; the tests run each before and after.
"""

from __future__ import annotations

from typing import Any

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
    type_name,
    writer,
)
from pocketmatte.export.flatbuffer_names import shorten_names


def expand_half(model: Model) -> int:
    """Weights stored in half precision behind a DEQUANTIZE -> plain float weights, as the quantiser needs them."""
    done = 0
    for graph in model.subgraphs:
        for operator in list(graph.operators):
            if operator_name(model, operator) != "DEQUANTIZE" or type_name(graph, operator.inputs[0]) != "FLOAT16":
                continue
            values = constant(model, graph, operator.inputs[0])
            if values is None:
                continue
            plain = add_constant(model, graph, tensor_name(graph, operator.outputs[0]), values.astype(np.float32))
            _replace_reads(graph, operator.outputs[0], plain)
            graph.operators.remove(operator)
            done += 1
    return _swept(model, done)


def flat_bias(model: Model) -> int:
    """Bias of a TRANSPOSE_CONV that the converter wrote as ``[1,1,1,C]`` -> ``[C]``: the quantiser takes its scales
    along the first axis, and LiteRT refuses the file when that has length one."""
    done = 0
    for graph in model.subgraphs:
        for operator in graph.operators:
            if operator_name(model, operator) != "TRANSPOSE_CONV" or len(operator.inputs) < 4:
                continue
            bias = constant(model, graph, operator.inputs[3])
            if bias is None or bias.ndim == 1:
                continue
            name = f"{tensor_name(graph, operator.inputs[3])};flat"
            operator.inputs[3] = add_constant(model, graph, name, bias.reshape(-1))
            done += 1
    return _swept(model, done)


def merge_pad(model: Model) -> int:
    """A zero PAD before a VALID convolution -> the convolution's own SAME padding, where both are the same."""
    done = 0
    for graph in model.subgraphs:
        for operator in list(graph.operators):
            if operator_name(model, operator) != "PAD":
                continue
            reads = readers(graph, operator.outputs[0])
            amounts = constant(model, graph, operator.inputs[1])
            kernels = [_kernel(model, graph, r) for r in reads]
            if amounts is None or not reads or any(kernel is None for kernel in kernels):
                continue
            shape = shape_of(graph, operator.inputs[0])
            if not all(_same(amounts, shape, *kernel) for kernel in kernels if kernel):
                continue
            for read in reads:
                read.builtinOptions.padding = codes("Padding")["SAME"]
            _replace_reads(graph, operator.outputs[0], operator.inputs[0])
            graph.operators.remove(operator)
            done += 1
    return _swept(model, done)


def _kernel(model: Model, graph: Graph, operator: Operator) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Kernel extent and stride (rows, columns) of a VALID convolution, ``None`` for anything else."""
    if operator_name(model, operator) not in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        return None
    options = operator.builtinOptions
    if options.padding != codes("Padding")["VALID"]:
        return None
    _, rows, columns, _ = shape_of(graph, operator.inputs[1])
    extent = ((rows - 1) * options.dilationHFactor + 1, (columns - 1) * options.dilationWFactor + 1)
    return extent, (options.strideH, options.strideW)


def _same(amounts: Array, shape: tuple[int, ...], extent: tuple[int, int], stride: tuple[int, int]) -> bool:
    """Whether SAME would pad exactly so: the whole is ``(ceil(n / s) - 1) s + k - n``, its larger half behind."""
    if len(shape) != 4 or amounts[0].any() or amounts[3].any():
        return False
    for side in (0, 1):
        size, step = shape[1 + side], stride[side]
        whole = max(0, (-(-size // step) - 1) * step + extent[side] - size)
        if list(amounts[1 + side]) != [whole // 2, whole - whole // 2]:
            return False
    return True


def remove_transposes(model: Model) -> int:
    """Transpositions that do nothing, alone or two in a row, are taken out."""
    done = 0
    for graph in model.subgraphs:
        outputs = {int(i) for i in graph.outputs}
        for operator in list(graph.operators):
            if operator not in graph.operators or operator_name(model, operator) != "TRANSPOSE":
                continue
            order, source = _permutation(model, graph, operator)
            if order is None:
                continue
            before = writer(graph, source)
            if before is not None and operator_name(model, before) == "TRANSPOSE":
                first, origin = _permutation(model, graph, before)
                if first is not None:
                    order, source = [first[i] for i in order], origin
            result = int(operator.outputs[0])
            if order != list(range(len(order))) or result in outputs:
                continue
            _replace_reads(graph, result, source)
            graph.operators.remove(operator)
            if before is not None and not readers(graph, int(before.outputs[0])) and before in graph.operators:
                leads_out = int(before.outputs[0]) in outputs
                if operator_name(model, before) == "TRANSPOSE" and not leads_out:
                    graph.operators.remove(before)
            done += 1
    return _swept(model, done)


def _permutation(model: Model, graph: Graph, operator: Operator) -> tuple[list[int] | None, int]:
    values = constant(model, graph, operator.inputs[1])
    return (None if values is None else [int(i) for i in values]), int(operator.inputs[0])


def pool_to_convolution(model: Model) -> int:
    """AVERAGE_POOL_2D without padding -> a depthwise convolution of equal weights, which XNNPACK also takes in int8."""
    done = 0
    for graph in model.subgraphs:
        for place, pool in enumerate(list(graph.operators)):
            if operator_name(model, pool) != "AVERAGE_POOL_2D":
                continue
            options, result = pool.builtinOptions, int(pool.outputs[0])
            rows, columns = int(options.filterHeight), int(options.filterWidth)
            height, width = shape_of(graph, int(pool.inputs[0]))[1:3]
            exact = height % options.strideH == 0 == width % options.strideW
            covers = rows == options.strideH and columns == options.strideW
            if options.padding == codes("Padding")["SAME"] and not (exact and covers):
                continue  # borders are averaged over fewer values there
            channels, name = shape_of(graph, result)[-1], tensor_name(graph, result)
            equal = np.full((1, rows, columns, channels), 1 / (rows * columns), np.float32)
            weights = add_constant(model, graph, f"{name};mean", equal)
            bias = add_constant(model, graph, f"{name};zero", np.zeros(channels, np.float32))
            conv = schema().DepthwiseConv2DOptionsT()
            conv.padding, conv.strideH, conv.strideW = codes("Padding")["VALID"], options.strideH, options.strideW
            conv.depthMultiplier = conv.dilationHFactor = conv.dilationWFactor = 1
            conv.fusedActivationFunction = options.fusedActivationFunction
            inputs = [int(pool.inputs[0]), weights, bias]
            graph.operators[place] = make_operator(model, "DEPTHWISE_CONV_2D", inputs, [result], conv)
            done += 1
    return _swept(model, done)


def split_prior(model: Model) -> int:
    """CONCATENATION of inputs before one convolution -> one convolution per input and a sum.

    Quantised, all parts of a concatenation share one scale: a previous alpha in 0..1 beside a picture in -1..1 gets
    128 levels. With a convolution of its own it has a scale of its own and all 256.
    """
    done = 0
    for graph in model.subgraphs:
        inputs = {int(i) for i in graph.inputs}
        for join in list(graph.operators):
            parts = [int(i) for i in join.inputs] if operator_name(model, join) == "CONCATENATION" else []
            reads = readers(graph, join.outputs[0]) if parts and set(parts) <= inputs else []
            if len(parts) != 2 or len(reads) != 1 or operator_name(model, reads[0]) != "CONV_2D":
                continue
            weights = constant(model, graph, reads[0].inputs[1])
            bias = constant(model, graph, reads[0].inputs[2])
            if weights is not None and bias is not None:
                _split(model, graph, join, reads[0], weights, bias)
                done += 1
    return _swept(model, done)


def _split(model: Model, graph: Graph, join: Operator, conv: Operator, weights: Array, bias: Array) -> None:
    options, result = conv.builtinOptions, int(conv.outputs[0])
    activation, start = options.fusedActivationFunction, 0
    options.fusedActivationFunction = codes("ActivationFunctionType")["NONE"]
    name, place, sums = tensor_name(graph, result), graph.operators.index(join), []
    for number, part in enumerate(int(i) for i in join.inputs):
        channels = shape_of(graph, part)[-1]
        kernel = add_constant(model, graph, f"{name};w{number}", weights[..., start : start + channels])
        offset = add_constant(model, graph, f"{name};b{number}", bias if number == 0 else np.zeros_like(bias))
        sums.append(add_tensor(graph, f"{name};part{number}", shape_of(graph, result)))
        graph.operators.insert(place + number, make_operator(model, "CONV_2D", [part, kernel, offset], [sums[-1]]))
        new = graph.operators[place + number]
        new.builtinOptions, new.builtinOptionsType = options, conv.builtinOptionsType
        start += channels
    add = schema().AddOptionsT()
    add.fusedActivationFunction = activation
    graph.operators[graph.operators.index(conv)] = make_operator(model, "ADD", sums, [result], add)
    graph.operators.remove(join)


def short_names(model: Model) -> int:
    """Tensor names that are paths of Python classes -> paths of modules; see :func:`shorten_names`."""
    return int(shorten_names(model))


def activation_of(operator: Operator) -> int:
    """The number of the activation that an operator computes along with its own work, 0 for none."""
    return int(getattr(operator.builtinOptions, "fusedActivationFunction", 0))


def _replace_reads(graph: Graph, old: int, new: int) -> None:
    for operator in graph.operators:
        operator.inputs = np.array([new if i == old else i for i in operator.inputs], np.int32)


def _swept(model: Model, done: int) -> int:
    """Drop the tensors, buffers and operator codes that nothing uses any more."""
    if done:
        sweep(model)
    return done


def sweep(model: Model) -> None:
    """Renumber tensors, buffers and operator codes without the unused ones."""
    used_codes = sorted({int(o.opcodeIndex) for g in model.subgraphs for o in g.operators})
    model.operatorCodes = [model.operatorCodes[i] for i in used_codes]
    for graph in model.subgraphs:
        index: dict[int, int] = {-1: -1}
        used = {int(i) for i in (*graph.inputs, *graph.outputs)}
        for operator in graph.operators:
            operator.opcodeIndex = used_codes.index(int(operator.opcodeIndex))
            used |= {int(i) for i in (*operator.inputs, *operator.outputs)}
        kept = [i for i in range(len(graph.tensors)) if i in used]
        index |= {old: new for new, old in enumerate(kept)}
        graph.tensors = [graph.tensors[i] for i in kept]
        for holder in (graph, *graph.operators):
            holder.inputs = np.array([index[int(i)] for i in holder.inputs], np.int32)
            holder.outputs = np.array([index[int(i)] for i in holder.outputs], np.int32)
        _renumber_signatures(model, graph, index)
    _sweep_buffers(model)


def _renumber_signatures(model: Model, graph: Graph, index: dict[int, int]) -> None:
    number = model.subgraphs.index(graph)
    for signature in model.signatureDefs or []:
        if signature.subgraphIndex == number:
            for entry in (*signature.inputs, *signature.outputs):
                entry.tensorIndex = index[int(entry.tensorIndex)]


def _sweep_buffers(model: Model) -> None:
    holders: list[Any] = [t for g in model.subgraphs for t in g.tensors] + list(model.metadata or [])
    kept = sorted({0, *(int(h.buffer) for h in holders)})
    index = {old: new for new, old in enumerate(kept)}
    model.buffers = [model.buffers[i] for i in kept]
    for holder in holders:
        holder.buffer = index[int(holder.buffer)]
