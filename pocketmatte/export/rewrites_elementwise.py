"""Rewrites of element-wise operators. On wide maps each of them costs a pass over memory and hardly any arithmetic, so
fewer of them is what counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pocketmatte.export.flatbuffer import (
    Array,
    Graph,
    Model,
    Operator,
    add_constant,
    add_tensor,
    constant,
    make_operator,
    operator_name,
    readers,
    schema,
    shape_of,
    tensor_name,
    writer,
)
from pocketmatte.export.rewrites_flatbuffer import activation_of, sweep


@dataclass(frozen=True)
class _Slopes:
    """A PReLU: the tensor it reads, its ``slopes`` ``[C]``, and the operators it is made of, the last of them first."""

    source: int
    slopes: Array
    operators: list[Operator]


def fuse_prelu(model: Model) -> int:
    """``relu(x) - a * relu(-x)`` in three or four operators, as litert-torch writes a PReLU -> one PRELU."""
    done = 0
    for graph in model.subgraphs:
        for last in list(graph.operators):
            if operator_name(model, last) == "PRELU" or (found := _prelu(model, graph, last)) is None:
                continue
            name = f"{tensor_name(graph, last.outputs[0])};slope"
            index = add_constant(model, graph, name, found.slopes.reshape(1, 1, -1))
            _replace(
                graph, found.operators, [make_operator(model, "PRELU", [found.source, index], [int(last.outputs[0])])]
            )
            done += 1
    if done:
        sweep(model)
    return done


def prelu_to_max(model: Model) -> int:
    """A PReLU none of whose slopes is above one, in whatever operators -> ``max(x, a * x)``, bit for bit the same.

    Two passes over memory instead of four, and MAXIMUM is an operator that GPU delegates and NPUs have.
    """
    done = 0
    for graph in model.subgraphs:
        for last in list(graph.operators):
            found = _prelu(model, graph, last)
            if found is None or (found.slopes > 1).any():
                continue
            name, shape = tensor_name(graph, last.outputs[0]), shape_of(graph, found.source)
            slopes = add_constant(model, graph, f"{name};slope", found.slopes.reshape(*[1] * (len(shape) - 1), -1))
            scaled = add_tensor(graph, f"{name};scaled", shape)
            product = make_operator(model, "MUL", [found.source, slopes], [scaled], schema().MulOptionsT())
            options = schema().MaximumMinimumOptionsT()
            larger = make_operator(model, "MAXIMUM", [found.source, scaled], [int(last.outputs[0])], options)
            _replace(graph, found.operators, [product, larger])
            done += 1
    if done:
        sweep(model)
    return done


def _prelu(model: Model, graph: Graph, last: Operator) -> _Slopes | None:
    """Match a PRELU, or ``SUB(RELU(x), MUL(a, relu(-x)))`` with factors in any order."""
    if operator_name(model, last) == "PRELU":
        values = constant(model, graph, int(last.inputs[1]))
        return None if values is None else _slopes(graph, int(last.inputs[0]), values, [last])
    if operator_name(model, last) != "SUB" or activation_of(last):
        return None
    positive, scaled = (writer(graph, i) for i in last.inputs)
    if positive is None or scaled is None or operator_name(model, positive) != "RELU" or activation_of(scaled):
        return None
    product = _times_constant(model, graph, scaled)
    negative = writer(graph, product[0]) if product else None
    if product is None or negative is None:
        return None
    inner, source = [last, scaled, negative], int(positive.inputs[0])
    minus: Operator | None = negative
    if operator_name(model, negative) == "RELU":
        minus = writer(graph, int(negative.inputs[0]))
        if minus is None or activation_of(minus):
            return None
        inner.append(minus)
    elif activation_of(negative) != schema().ActivationFunctionType.RELU:
        return None
    if minus is None or not _negates(model, graph, minus, source):
        return None
    return _slopes(graph, source, product[1], [*inner, positive])


def _slopes(graph: Graph, source: int, values: Array, operators: list[Operator]) -> _Slopes | None:
    channels = shape_of(graph, source)[-1]
    if values.size not in (1, channels) or (values.ndim and values.shape[-1] != values.size):
        return None
    return _Slopes(source, np.broadcast_to(values.reshape(-1), (channels,)).astype(np.float32), operators)


def _negates(model: Model, graph: Graph, operator: Operator, source: int) -> bool:
    if operator_name(model, operator) == "NEG":
        return int(operator.inputs[0]) == source
    product = _times_constant(model, graph, operator)
    return product is not None and product[0] == source and bool((product[1] == -1).all())


def _times_constant(model: Model, graph: Graph, operator: Operator) -> tuple[int, Array] | None:
    """``MUL`` of a computed tensor and a constant: the tensor and the values."""
    if operator_name(model, operator) != "MUL":
        return None
    first, second = (int(i) for i in operator.inputs)
    for tensor, other in ((first, second), (second, first)):
        values = constant(model, graph, other)
        if values is not None:
            return tensor, values
    return None


def merge_affine(model: Model) -> int:
    """Additions and multiplications of constants per channel, one after the other -> at most one of each.

    litert-torch writes a batch norm that no convolution can take in as four operators.
    """
    done = 0
    for graph in model.subgraphs:
        for first in list(graph.operators):
            if first not in graph.operators or _affine(model, graph, first) is None:
                continue
            before = writer(graph, int(first.inputs[0]))
            if before is not None and _continues(model, graph, before):
                continue  # not where a run starts
            run = [first]
            while _continues(model, graph, run[-1]):
                run.append(readers(graph, int(run[-1].outputs[0]))[0])
            done += _merge(model, graph, run)
    if done:
        sweep(model)
    return done


def _affine(model: Model, graph: Graph, operator: Operator) -> tuple[Array, Array] | None:
    """Gain and shift ``[C]`` of an operator that has a computed first input and one constant per channel, or one."""
    name = operator_name(model, operator)
    if name not in ("ADD", "SUB", "MUL"):
        return None
    values = constant(model, graph, int(operator.inputs[1]))
    channels = shape_of(graph, int(operator.inputs[0]))[-1:]
    if values is None or values.dtype != np.float32 or constant(model, graph, int(operator.inputs[0])) is not None:
        return None
    if values.size not in (1, *channels) or (values.ndim and values.shape[-1] != values.size):
        return None
    if shape_of(graph, int(operator.inputs[0])) != shape_of(graph, int(operator.outputs[0])):
        return None
    whole = np.broadcast_to(values.astype(np.float64).reshape(-1), channels)
    ones, zeros = np.ones(channels), np.zeros(channels)
    return (whole, zeros) if name == "MUL" else (ones, whole if name == "ADD" else -whole)


def _continues(model: Model, graph: Graph, operator: Operator) -> bool:
    """Whether ``operator`` is affine without activation and the only one to read it is affine too."""
    if _affine(model, graph, operator) is None or activation_of(operator):
        return False
    after = readers(graph, int(operator.outputs[0]))
    if len(after) != 1 or int(operator.outputs[0]) in list(graph.outputs):
        return False
    return int(after[0].inputs[0]) == int(operator.outputs[0]) and _affine(model, graph, after[0]) is not None


def _merge(model: Model, graph: Graph, run: list[Operator]) -> int:
    source, result = int(run[0].inputs[0]), int(run[-1].outputs[0])
    shape, name = shape_of(graph, source), tensor_name(graph, result)
    gain, shift = np.ones(shape[-1:]), np.zeros(shape[-1:])
    for operator in run:
        step = _affine(model, graph, operator)
        assert step is not None
        gain, shift = gain * step[0], shift * step[0] + step[1]
    kinds = [
        (kind, values) for kind, values, idle in (("MUL", gain, 1.0), ("ADD", shift, 0.0)) if (values != idle).any()
    ]
    if not kinds or len(kinds) >= len(run):
        return 0
    made: list[Operator] = []
    for number, (kind, values) in enumerate(kinds):
        ends = number == len(kinds) - 1
        out = result if ends else add_tensor(graph, f"{name};scaled", shape)
        options = schema().MulOptionsT() if kind == "MUL" else schema().AddOptionsT()
        options.fusedActivationFunction = activation_of(run[-1]) if ends else 0
        given = add_constant(
            model, graph, f"{name};{kind.lower()}", values.astype(np.float32).reshape(*[1] * (len(shape) - 1), -1)
        )
        made.append(make_operator(model, kind, [source, given], [out], options))
        source = out
    _replace(graph, run[::-1], made)
    return 1


def _replace(graph: Graph, old: list[Operator], new: list[Operator]) -> None:
    """Put ``new`` where the first of ``old`` is, which writes the result; the others go once nobody reads them."""
    place, answers = graph.operators.index(old[0]), {int(i) for i in graph.outputs}
    graph.operators[place : place + 1] = new
    for operator in old[1:]:
        if not any(int(i) in answers or readers(graph, int(i)) for i in operator.outputs):
            graph.operators.remove(operator)
