"""Cutting a .tflite into models of one operator each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from pocketmatte.runtime.tflite_file import pack, unpack

_KINDS = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}


@dataclass(frozen=True)
class Cut:
    """One operator as a .tflite of its own, with the operators on constants (``folded`` of them) that feed it."""

    kind: str
    name: str
    model: bytes
    folded: int


def cut_operators(model: bytes) -> list[Cut]:
    """One :class:`Cut` per operator of the main graph that depends on an input, in the order they run.

    Operators on constants alone (the DEQUANTIZE of weights in half precision) go with the operator that uses them, as
    runtimes run those once, when a file is loaded. Tensors between operators become inputs and outputs.
    """
    whole = unpack(model)
    graph = whole.subgraphs[0]
    constant = {i for i, t in enumerate(graph.tensors) if _has_data(whole, t)}
    makers: dict[int, Any] = {}  # tensor made of constants alone -> its operator
    cuts = []
    for operator in graph.operators:
        inputs = [int(i) for i in operator.inputs if i >= 0]
        if inputs and all(i in constant for i in inputs):
            constant.update(int(i) for i in operator.outputs)
            makers.update((int(i), operator) for i in operator.outputs)
            continue
        before = _ancestors(inputs, makers)
        name = _text(graph.tensors[operator.outputs[0]].name)
        packed = _pack(whole, [*before, operator], [i for i in dict.fromkeys(inputs) if i not in constant])
        cuts.append(Cut(_kind(whole, operator), name, packed, len(before)))
    return cuts


def kinds_of(model: bytes) -> Counter[str]:
    """How many operators of each kind the main graph of a .tflite has."""
    whole = unpack(model)
    return Counter(_kind(whole, o) for o in whole.subgraphs[0].operators)


def _has_data(model: Any, tensor: Any) -> bool:
    data = model.buffers[tensor.buffer].data
    return data is not None and len(data) > 0


def _ancestors(inputs: Iterable[int], makers: dict[int, Any]) -> list[Any]:
    """The operators on constants that ``inputs`` come from, in the order to run them."""
    found: list[Any] = []
    for i in inputs:
        if i in makers and makers[i] not in found:
            earlier = _ancestors([int(j) for j in makers[i].inputs if j >= 0], makers)
            found += [o for o in [*earlier, makers[i]] if o not in found]
    return found


def _pack(whole: Any, operators: list[Any], inputs: list[int]) -> bytes:
    """A model of these operators; tensors, buffers and operator codes are numbered afresh."""
    graph = whole.subgraphs[0]
    used = dict.fromkeys(int(i) for o in operators for i in (*o.inputs, *o.outputs) if i >= 0)
    number = {old: new for new, old in enumerate(used)}
    empty = schema.BufferT()
    model, part = schema.ModelT(), schema.SubGraphT()
    model.version, model.description = whole.version, "one operator"
    model.buffers, part.tensors = [empty], []
    for old in used:
        tensor = copy(graph.tensors[old])
        if _has_data(whole, tensor):
            model.buffers.append(whole.buffers[tensor.buffer])
            tensor.buffer = len(model.buffers) - 1
        else:
            tensor.buffer = 0
        part.tensors.append(tensor)
    codes = list(dict.fromkeys(o.opcodeIndex for o in operators))
    model.operatorCodes = [whole.operatorCodes[c] for c in codes]
    part.operators = []
    for operator in operators:
        moved = copy(operator)
        moved.opcodeIndex = codes.index(operator.opcodeIndex)
        moved.inputs = [number[int(i)] if i >= 0 else -1 for i in operator.inputs]
        moved.outputs = [number[int(i)] for i in operator.outputs]
        part.operators.append(moved)
    part.inputs = [number[i] for i in inputs]
    part.outputs = part.operators[-1].outputs
    model.subgraphs = [part]
    return pack(model)


def _kind(model: Any, operator: Any) -> str:
    code = model.operatorCodes[operator.opcodeIndex]
    if code.customCode:
        return _text(code.customCode)
    # files written before there were more than 127 kinds have only the older field
    return str(_KINDS[max(code.builtinCode, code.deprecatedBuiltinCode)])


def _text(value: bytes | None) -> str:
    return value.decode() if value else ""
