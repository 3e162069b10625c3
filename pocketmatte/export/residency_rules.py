"""The conditions of the allow-lists, each checked on one operator of a .tflite graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pocketmatte.export.flatbuffer import Graph, Model, Operator, codes, constant, shape_of

Rule = dict[str, Any]


def problem(model: Model, graph: Graph, operator: Operator, rule: Rule) -> str:
    """Why ``operator`` breaks ``rule``, in words; empty when it does not."""
    for key, value in rule.items():
        check = CHECKS.get(key)
        if check and (reason := check(model, graph, operator, value)):
            return reason
    return ""


def doubt(model: Model, graph: Graph, operator: Operator, rule: Rule) -> str:
    """What the source leaves open about ``operator``; empty for nothing."""
    if "maybe" in rule:
        return str(rule["maybe"])
    if "half_pixel" in rule and getattr(operator.builtinOptions, "halfPixelCenters", False):
        return f"half-pixel centres: {rule['half_pixel']}"
    if "int8_only" in rule and not _integer(graph, int(operator.inputs[0])):
        return str(rule["int8_only"])
    return ""


def _integer(graph: Graph, index: int) -> bool:
    return graph.tensors[index].type in (codes("TensorType")["INT8"], codes("TensorType")["UINT8"])


def _fused(model: Model, graph: Graph, operator: Operator, allowed: list[str]) -> str:
    number = getattr(operator.builtinOptions, "fusedActivationFunction", 0)
    names = {code: name for name, code in codes("ActivationFunctionType").items()}
    return "" if names[number] in allowed else f"fused {names[number]}"


def _static(model: Model, graph: Graph, operator: Operator, inputs: list[int]) -> str:
    for number in inputs:
        if number < len(operator.inputs) and operator.inputs[number] >= 0:
            values = constant(model, graph, int(operator.inputs[number]))
            from_half = values is None and _dequantized(model, graph, int(operator.inputs[number]))
            if values is None and not from_half:
                return f"input {number} is computed, must be constant"
    return ""


def _dequantized(model: Model, graph: Graph, index: int) -> bool:
    """Whether a tensor is a constant behind a DEQUANTIZE, as in files with weights in half precision."""
    for operator in graph.operators:
        if index in list(operator.outputs):
            return len(operator.inputs) == 1 and constant(model, graph, int(operator.inputs[0])) is not None
    return False


def _max_version(model: Model, graph: Graph, operator: Operator, most: int) -> str:
    version = int(model.operatorCodes[operator.opcodeIndex].version)
    integer = _integer(graph, int(operator.inputs[0]))  # 8-bit files carry higher versions of the same operator
    return f"version {version}, at most {most}" if version > most and not integer else ""


def _inputs(model: Model, graph: Graph, operator: Operator, count: int) -> str:
    found = len(operator.inputs)
    return "" if found == count else f"{found} inputs, must be {count}"


def _axes(model: Model, graph: Graph, operator: Operator) -> list[int]:
    axes = constant(model, graph, int(operator.inputs[1]))
    rank = len(shape_of(graph, int(operator.inputs[0])))
    return [] if axes is None else sorted(int(a) % rank for a in np.atleast_1d(axes))


def _spatial(model: Model, graph: Graph, operator: Operator, _: bool) -> str:
    axes = _axes(model, graph, operator)
    return "" if set(axes) <= {1, 2} else f"reduces axes {axes}, only height and width are taken"


def _keep_dims(model: Model, graph: Graph, operator: Operator, _: bool) -> str:
    return "" if getattr(operator.builtinOptions, "keepDims", False) else "drops the reduced axes"


def _spatial_pad(model: Model, graph: Graph, operator: Operator, _: bool) -> str:
    amounts = constant(model, graph, int(operator.inputs[1]))
    if amounts is None or len(amounts) != 4 or amounts[0].any() or amounts[3].any():
        return "pads other axes than height and width"
    return ""


def _pad_rank(model: Model, graph: Graph, operator: Operator, rank: int) -> str:
    found = len(shape_of(graph, int(operator.inputs[0])))
    return "" if found <= rank else f"pads a tensor of rank {found}"


def _dilation(operator: Operator) -> tuple[int, int]:
    options = operator.builtinOptions
    return int(options.dilationHFactor), int(options.dilationWFactor)


def _same_dilation(model: Model, graph: Graph, operator: Operator, _: bool) -> str:
    rows, columns = _dilation(operator)
    return "" if rows == columns else f"dilation {rows}x{columns}, must be the same both ways"


def _no_dilation(model: Model, graph: Graph, operator: Operator, _: bool) -> str:
    rows, columns = _dilation(operator)
    return "" if rows == columns == 1 else f"dilation {rows}x{columns}"


def _unit_strides(model: Model, graph: Graph, operator: Operator, _: bool) -> str:
    strides = constant(model, graph, int(operator.inputs[3]))
    return "" if strides is not None and (strides == 1).all() else "strides other than 1"


def _beta(model: Model, graph: Graph, operator: Operator, value: float) -> str:
    return "" if float(operator.builtinOptions.beta) == value else f"beta {operator.builtinOptions.beta}"


CHECKS: dict[str, Callable[[Model, Graph, Operator, Any], str]] = {
    "fused": _fused,
    "static": _static,
    "max_version": _max_version,
    "inputs": _inputs,
    "spatial": _spatial,
    "keep_dims": _keep_dims,
    "spatial_pad": _spatial_pad,
    "pad_rank": _pad_rank,
    "same_dilation": _same_dilation,
    "no_dilation": _no_dilation,
    "unit_strides": _unit_strides,
    "beta": _beta,
}
