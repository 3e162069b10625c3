"""Post-training quantisation of a LiteRT file: half-precision weights, dynamic range, static int8, mixed.

Everything here works on the exported fp32 file, so what is quantised is exactly what was certified before.
"""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from pocketmatte.core import PocketmatteError
from pocketmatte.export.flatbuffer import operator_name, read_model, tensor_name, write_model
from pocketmatte.export.flatbuffer_names import shorten_names
from pocketmatte.export.quantize_ranges import (
    Method,
    Samples,
    TensorStatistics,
    choose_ranges,
    to_qsvs,
    watch,
    weight_ranges,
)
from pocketmatte.export.quantize_rounding import keep_sums
from pocketmatte.export.rewrites import rewrite_file

Mode = Literal["fp16", "dynamic", "int8", "int8-io", "mixed"]
MODES: tuple[str, ...] = get_args(Mode)
DYNAMIC_LEAST = 4096  # weights a layer must have to be worth it in dynamic mode
STATIC = ("int8", "int8-io", "mixed")
# What makes a graph quantise well: plain weights, biases with one axis, no pooling that XNNPACK lacks in int8, a scale
# for each input
PREPARATION = ("expand-half", "flat-bias", "pool-to-convolution", "split-prior", "short-names")
# Only for files that run on a CPU: quicker there, but more transpositions and zeros than an NPU likes
FOR_CPU = ("split-resize", "pair-pixels")


def quantize_litert(
    tflite_fp32: Path,
    out: Path,
    mode: Mode,
    samples: Samples | None = None,
    keep_float: Sequence[str] = (),
    *,
    ranges: Method = "minmax",
    statistics: Mapping[str, TensorStatistics] | None = None,
) -> None:
    """Write the .tflite ``tflite_fp32`` to ``out`` in another precision.

    * ``fp16``: weights stored in half precision, computed in single.
    * ``dynamic``: weights of large dense convolutions in int8, activations coded while running.
    * ``int8``: weights (per channel) and activations in int8; inputs, outputs and a last sigmoid stay float, so the
      file is a drop-in for the fp32 one.
    * ``int8-io``: the same with int8 inputs and outputs, as the Edge TPU and many NPUs need it, and without the
      rewrites that only a CPU gains by.
    * ``mixed``: ``int8`` with the operators in ``keep_float`` left in float. Each entry is an operator type
      (``LOGISTIC``) or the name of an operator's output tensor. The other static modes accept ``keep_float`` too.

    ``samples`` are calibration inputs (signature name -> array), needed by the static modes only; ``statistics`` of
    an earlier :func:`~pocketmatte.export.quantize_ranges.watch` replace them. ``ranges`` chooses how much of what was
    seen is coded. An input called ``prior`` always gets all 256 levels of 0..1: scale 1/255, zero point -128.

    Raises :class:`PocketmatteError` for an unknown mode, missing samples, or a ``keep_float`` that names nothing.
    """
    if mode not in MODES:
        raise PocketmatteError(f"unknown quantisation {mode!r}; known: {', '.join(MODES)}")
    if mode == "mixed" and not keep_float:
        raise PocketmatteError("mixed precision needs the operators to keep in float, found none; see sensitivity")
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.tflite"
        prepare_litert(tflite_fp32, plain, mode)
        kept, calibration = _matched(plain, keep_float), None
        if mode in ("int8", "mixed"):
            kept = kept[0], [*kept[1], *_last_sigmoids(plain)]
        if mode in STATIC:
            seen = statistics if statistics is not None else watch(plain, samples or ())
            model = read_model(plain)
            keep_sums(model, {*kept[0], *kept[1]})
            write_model(model, plain)
            calibration = to_qsvs(choose_ranges(plain, seen, ranges)) | weight_ranges(plain)
        _quantize(plain, out, mode, calibration, kept)


def prepare_litert(tflite: Path, out: Path, mode: Mode = "int8") -> None:
    """Write the float graph that is quantised: ``tflite`` with the rewrites that let it quantise well.

    What names operators or tensors (``keep_float``, ``statistics``) means those of this graph. Preparing twice changes
    nothing more.
    """
    names = PREPARATION if mode in STATIC else ("expand-half", "short-names")
    rewrite_file(tflite, out, (*names, *FOR_CPU) if mode in ("int8", "mixed") else names)


def _quantize(plain: Path, out: Path, mode: Mode, calibration: Any, keep: tuple[set[str], list[str]]) -> None:
    from ai_edge_quantizer import quantizer

    tool = quantizer.Quantizer(str(plain))
    if mode == "fp16":
        _half(tool)
    elif mode == "dynamic":
        _dynamic(tool)
    else:
        _static(tool, mode == "int8-io", keep)
    with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():  # its progress bar and remarks
        warnings.simplefilter("ignore", UserWarning)
        result = tool.quantize(calibration, enable_progress_bar=False, enable_progress_report=False)
    raw = plain.with_name("quantized.tflite")
    raw.write_bytes(bytes(result.quantized_model))
    model = read_model(raw)
    shorten_names(model)
    write_model(model, out)


def _half(tool: Any) -> None:
    from ai_edge_quantizer import recipe

    tool.add_weight_only_config(
        regex=".*",
        operation_name=recipe.TFLOperationName.ALL_SUPPORTED,
        num_bits=16,
        algorithm_key=recipe.AlgorithmName.FLOAT_CASTING,
    )


def _dynamic(tool: Any) -> None:
    """Only what XNNPACK computes in integers with activations coded on the fly, and gains by it: large dense
    convolutions. A depthwise one would fall out of the delegate, a small one costs more to code than it saves."""
    from ai_edge_quantizer import recipe

    base = recipe.dynamic_legacy_wi8_afp32()[0]
    config = {**base["op_config"], "min_weight_elements": DYNAMIC_LEAST}
    kinds = ("CONV_2D", "FULLY_CONNECTED")
    tool.load_quantization_recipe([{**base, "operation": kind, "op_config": config} for kind in kinds])


def _static(tool: Any, integer_io: bool, keep: tuple[set[str], list[str]]) -> None:
    from ai_edge_quantizer import recipe

    names, never = recipe.TFLOperationName, recipe.AlgorithmName.NO_QUANTIZE
    tool.add_static_config(regex=".*", operation_name=names.ALL_SUPPORTED, activation_num_bits=8, weight_num_bits=8)
    types, tensors = keep
    if not integer_io:
        types = types | {"INPUT", "OUTPUT"}
    for kind in sorted(types):
        tool.update_quantization_recipe(".*", names(kind), algorithm_key=never)
    for tensor in tensors:
        # the quantiser searches in the names of all outputs of an operator, joined by a semicolon
        tool.update_quantization_recipe(f"^{re.escape(tensor)};?$", names.ALL_SUPPORTED, algorithm_key=never)


def _last_sigmoids(tflite: Path) -> list[str]:
    """Outputs that a sigmoid computes. With float outputs it need not be coded: that would halve the precision of the
    alpha for no speed."""
    model = read_model(tflite)
    graph = model.subgraphs[0]
    outputs = {int(i) for i in graph.outputs}
    last = [o for o in graph.operators if operator_name(model, o) == "LOGISTIC" and int(o.outputs[0]) in outputs]
    return [tensor_name(graph, int(o.outputs[0])) for o in last]


def _matched(tflite: Path, keep_float: Sequence[str]) -> tuple[set[str], list[str]]:
    """Split the operators to keep into types and tensor names. Raises on a name that the file does not have."""
    if not keep_float:
        return set(), []
    model = read_model(tflite)
    graph = model.subgraphs[0]
    types = {operator_name(model, o) for o in graph.operators}
    outputs = {tensor_name(graph, i) for o in graph.operators for i in o.outputs}
    if unknown := [name for name in keep_float if name not in types and name not in outputs]:
        raise PocketmatteError(
            f"{tflite.name} has no operator {unknown[0]}; name an operator type ({', '.join(sorted(types))}) "
            "or an output tensor"
        )
    return {n for n in keep_float if n in types}, [n for n in keep_float if n in outputs]
