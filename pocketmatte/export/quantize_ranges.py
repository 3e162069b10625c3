"""Calibration: runs the float model on samples, watches every tensor, and chooses the range each one is coded in."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pocketmatte.core import PocketmatteError
from pocketmatte.export.flatbuffer import (
    Graph,
    Model,
    Operator,
    constant,
    operator_name,
    read_model,
    tensor_name,
    writer,
)

Samples = Iterable[Mapping[str, npt.NDArray[Any]]]
Method = Literal["minmax", "percentile", "mse"]
METHODS = ("minmax", "percentile", "mse")
KEPT = 2048  # values of a tensor kept per sample, evenly spaced
TAIL = 1e-4  # share cut off at each end by `percentile`
SHRINK = np.linspace(1.0, 0.5, 26)  # ranges that `mse` tries, as shares of the whole one
LEAST = 1e-3  # range of a channel of weights, at least this share of the largest channel's

FLAT = 1e-6  # least range of a convolution's output: one that is always 0 would leave it without a scale

SAME_SCALE = ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "MAX_POOL_2D", "AVERAGE_POOL_2D", "PAD", "RESHAPE")

# Inputs whose range is known: calibration pictures need not contain a fully opaque previous alpha
KNOWN_RANGES = {"prior": (0.0, 1.0)}


@dataclass
class TensorStatistics:
    """What one tensor was seen to hold: exact extremes and an even subset of its values."""

    low: float = np.inf
    high: float = -np.inf
    values: list[npt.NDArray[np.float32]] = field(default_factory=list)

    def add(self, values: npt.NDArray[Any]) -> None:
        """Take in the values of one run."""
        flat = values.reshape(-1)
        self.low, self.high = min(self.low, float(flat.min())), max(self.high, float(flat.max()))
        self.values.append(flat[:: max(1, flat.size // KEPT)].astype(np.float32))

    def range(self, method: Method) -> tuple[float, float]:
        """Lowest and highest value to be coded.

        ``minmax``: all that was seen. ``percentile``: without the outermost 1e-4 at both ends. ``mse``: the share of
        the whole range, 0.5 to 1, whose 256 levels leave the least mean square error (as in Nagel et al. 2021, *A
        white paper on neural network quantization*, 3.1).
        """
        if method == "minmax" or self.low == self.high:
            return self.low, self.high
        seen = np.concatenate(self.values)
        if method == "percentile":
            low, high = np.quantile(seen, [TAIL, 1 - TAIL])
            return float(low), float(high)
        low, high = min(self.low, 0.0), max(self.high, 0.0)
        errors = [_error(seen, low * share, high * share) for share in SHRINK]
        best = float(SHRINK[int(np.argmin(errors))])
        return self.low * best, self.high * best


def _error(values: npt.NDArray[np.float32], low: float, high: float) -> float:
    scale = max(high - low, 1e-12) / 255
    coded = np.clip(np.round((values - low) / scale), 0, 255) * scale + low
    return float(np.mean((coded - values) ** 2))


def watch(tflite: Path, samples: Samples) -> dict[str, TensorStatistics]:
    """Statistics of every computed float tensor of ``tflite``, by tensor name, over all ``samples``.

    A sample maps the names of the signature's inputs to arrays of their shape. Raises :class:`PocketmatteError`
    without samples, or when a sample lacks an input.
    """
    from ai_edge_litert.interpreter import Interpreter

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it costs memory, as wanted
        interpreter: Any = Interpreter(str(tflite), experimental_preserve_all_tensors=True, num_threads=1)
    interpreter.allocate_tensors()
    runner = interpreter.get_signature_runner()
    wanted = {name: detail["name"] for name, detail in runner.get_input_details().items()}
    constants = _constant_names(tflite)
    found: dict[str, TensorStatistics] = {}
    details: list[dict[str, Any]] = []
    for sample in samples:
        if missing := set(wanted) - set(sample):
            raise PocketmatteError(
                f"a calibration sample lacks {', '.join(sorted(missing))}; {tflite.name} reads {', '.join(wanted)}"
            )
        given = {name: np.asarray(sample[name], np.float32) for name in wanted}
        for inputs in _with_prior(given, runner):
            runner(**inputs)
            details = details or [d for d in interpreter.get_tensor_details() if d["name"] not in constants]
            for detail in details:
                if detail["dtype"] is not np.float32 or not detail["name"] or not np.prod(detail["shape"]):
                    continue
                try:
                    values = interpreter.get_tensor(detail["index"])
                except ValueError:  # a tensor that only a delegate's node knows
                    continue
                found.setdefault(detail["name"], TensorStatistics()).add(values)
    if not found:
        raise PocketmatteError("static quantisation needs calibration samples, found none; name a folder of pictures")
    for name, tensor in wanted.items():
        if name in KNOWN_RANGES:
            found[tensor] = TensorStatistics(*KNOWN_RANGES[name], [np.array(KNOWN_RANGES[name], np.float32)])
    return found


def _with_prior(given: dict[str, npt.NDArray[Any]], runner: Any) -> Iterator[dict[str, npt.NDArray[Any]]]:
    """The inputs of a sample; once more with the answer as ``prior`` when that was empty, as on a second frame:
    nothing that only a prior brings about may stay unseen."""
    yield given
    prior = given.get("prior")
    if prior is not None and not prior.any():
        answers = [a for a in runner(**given).values() if a.shape == prior.shape]
        if answers:
            yield {**given, "prior": np.clip(answers[0], 0, 1)}


def _constant_names(tflite: Path) -> set[str]:
    model = read_model(tflite)
    graph = model.subgraphs[0]
    return {tensor_name(graph, i) for i in range(len(graph.tensors)) if constant(model, graph, i) is not None}


def choose_ranges(
    tflite: Path, statistics: Mapping[str, TensorStatistics], method: Method
) -> dict[str, tuple[float, float]]:
    """Lowest and highest value of every tensor. All parts of a concatenation, and what they are resized or padded
    from, get the range of the whole: with one scale they are joined without being coded again. No scale is so far
    from those beside it that XNNPACK would refuse the operator, see :func:`_within_limits`."""
    ranges = {name: entry.range(method) for name, entry in statistics.items()}
    model = read_model(tflite)
    graph = model.subgraphs[0]
    for _ in range(2):  # the second time for what the first has widened further on
        for operator in graph.operators:
            _within_limits(model, graph, operator, ranges)
    for join in graph.operators:
        if operator_name(model, join) != "CONCATENATION":
            continue
        whole = ranges.get(tensor_name(graph, int(join.outputs[0])))
        for part in map(int, join.inputs if whole else ()):
            while tensor_name(graph, part) in ranges and part not in list(graph.inputs) and whole:
                ranges[tensor_name(graph, part)] = whole
                before = writer(graph, part)
                if before is None or operator_name(model, before) not in SAME_SCALE:
                    break
                part = int(before.inputs[0])
    return ranges


def _within_limits(model: Model, graph: Graph, operator: Operator, ranges: dict[str, tuple[float, float]]) -> None:
    """Widen what a network leaves almost empty. XNNPACK wants ``input scale * weight scale / output scale`` below 2^8,
    and the scales of a sum within 2^-10 to 2^8 of each other; what is lost lies below the other tensor's resolution.
    """
    kind, result = operator_name(model, operator), tensor_name(graph, int(operator.outputs[0]))
    if kind in ("ADD", "SUB"):
        inputs = [tensor_name(graph, int(i)) for i in operator.inputs]
        _widen(ranges, result, max(_width(ranges, name) for name in inputs) / 200)
        for name in inputs:
            _widen(ranges, name, _width(ranges, result) / 500)
    elif kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        weights = constant(model, graph, int(operator.inputs[1]))
        if weights is not None:
            reach = float(np.abs(weights).max()) * _width(ranges, tensor_name(graph, int(operator.inputs[0])))
            _widen(ranges, result, max(reach / (127 * 200), FLAT))


def _width(ranges: Mapping[str, tuple[float, float]], name: str) -> float:
    low, high = ranges.get(name, (0.0, 0.0))
    return max(high, 0.0) - min(low, 0.0)


def _widen(ranges: dict[str, tuple[float, float]], name: str, least: float) -> None:
    if name in ranges and _width(ranges, name) < least:
        low, high = ranges[name]
        ranges[name] = (min(low, 0.0), max(high, 0.0, min(low, 0.0) + least))


def to_qsvs(ranges: Mapping[str, tuple[float, float]]) -> dict[str, dict[str, npt.NDArray[np.float32]]]:
    """Ranges in the form in which ai-edge-quantizer takes the result of its own calibration."""
    return {
        name: {"min": np.array([low], np.float32), "max": np.array([high], np.float32)}
        for name, (low, high) in ranges.items()
    }


def weight_ranges(tflite: Path) -> dict[str, dict[str, npt.NDArray[np.float32]]]:
    """Per-channel ranges of the weights that hold channels without any, in the form of :func:`to_qsvs`.

    Training leaves dead channels: weights of 0 or 1e-6 and a bias. Their own scale would push the bias beyond 32 bits,
    so they share in a thousandth of the largest channel's range.
    """
    model = read_model(tflite)
    graph = model.subgraphs[0]
    found = {}
    for operator in graph.operators:
        kind = operator_name(model, operator)
        axes = {"CONV_2D": (1, 2, 3), "DEPTHWISE_CONV_2D": (0, 1, 2), "TRANSPOSE_CONV": (1, 2, 3)}.get(kind)
        weights = constant(model, graph, operator.inputs[1]) if axes else None
        if weights is None:
            continue
        largest = np.abs(weights).max(axes, keepdims=True)
        floor = np.float32(LEAST * largest.max())
        if (largest < floor).any():
            bound = np.maximum(largest, floor).astype(np.float32)
            found[tensor_name(graph, operator.inputs[1])] = {"min": -bound, "max": bound}
    return found
