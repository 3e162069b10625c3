"""Computes a Core ML file here, where Apple's runtime does not exist: its operators one by one, rounded as they say.

What is read back is the file itself, program and weights. So a certificate of a .mlpackage speaks of what is in the
file, and of half-precision arithmetic in general, but not of Apple's kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pocketmatte.core import PocketmatteError
from pocketmatte.export.coreml import load_coremltools
from pocketmatte.runtime.base import Placement, TensorInfo, check_inputs

Array = np.ndarray[Any, np.dtype[Any]]
Values = dict[str, Any]
_TYPES = {"fp16": torch.float16, "fp32": torch.float32}


class MilSession:
    """An ML program behind the protocol of :class:`pocketmatte.runtime.base.Session`. Pictures are grey levels 0..255.

    Every operator computes in single precision and is then rounded to the type that the program gives its result.
    """

    def __init__(self, path: Path) -> None:
        ct = load_coremltools()
        from coremltools.converters.mil.frontend.milproto.load import load

        model = ct.models.MLModel(str(path), skip_model_load=True)
        described = model.get_spec()
        program = load(
            described, specification_version=described.specificationVersion, file_weights_dir=model.weights_dir
        )
        self._function = program.functions["main"]
        self._version = str(ct.__version__)
        self.inputs = tuple(_info(name, var) for name, var in self._function.inputs.items())
        self.outputs = tuple(_info(var.name, var) for var in self._function.outputs)
        self._constants: dict[str, Any] = {}
        unknown = {op.op_type for op in self._function.operations} - {"const", *_OPERATORS}
        if unknown:
            raise PocketmatteError(f"{path.name} holds {', '.join(sorted(unknown))}, which cannot be computed here")

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """See :class:`pocketmatte.runtime.base.Session`."""
        check_inputs(inputs, self.inputs)
        known: dict[str, Tensor] = {name: torch.from_numpy(np.ascontiguousarray(x)) for name, x in inputs.items()}
        with torch.no_grad():
            for operation in self._function.operations:
                if operation.op_type == "const":
                    continue
                values = {name: self._value(var, known) for name, var in operation.inputs.items()}
                result = _OPERATORS[operation.op_type](values)
                (out,) = operation.outputs
                kind = _TYPES[_type(out)]
                known[out.name] = result.to(kind).float() if kind is torch.float16 else result
        return {info.name: known[info.name].numpy() for info in self.outputs}

    def _value(self, var: Any, known: dict[str, Tensor]) -> Any:
        if isinstance(var, list | tuple):
            return [self._value(v, known) for v in var]
        if var.val is None:
            return known[var.name]
        if var.name not in self._constants:
            self._constants[var.name] = _constant(var.val)
        return self._constants[var.name]

    def describe(self) -> Placement:
        """This evaluator, which is no runtime of Apple's."""
        return Placement("Core ML operators computed by PyTorch", self._version, "cpu", torch.get_num_threads())

    def close(self) -> None:
        """Nothing to free."""


def _type(var: Any) -> str:
    from coremltools.converters.mil.mil import types

    return str(types.builtin_to_string(var.dtype))


def _info(name: str, var: Any) -> TensorInfo:
    return TensorInfo(name, tuple(int(n) for n in var.shape), np.dtype(np.float32))


def _constant(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return torch.from_numpy(np.asarray(value, np.float32))
    return float(value) if isinstance(value, np.floating) else value


def _padded(v: Values, kernel: tuple[int, int], fill: float = 0.0) -> Tensor:
    """``x`` with the padding of a window operator (order top, bottom, left, right) made explicit."""
    x: Tensor = v["x"]
    kind = v["pad_type"]
    if kind == "valid":
        return x
    if kind == "custom":
        top, bottom, left, right = (int(n) for n in v["pad"])
    elif kind in ("same", "same_lower"):
        spans = []
        for side, k, s, d in zip(x.shape[2:], kernel, v["strides"], v.get("dilations", (1, 1)), strict=True):
            whole = max(0, (-(-side // int(s)) - 1) * int(s) + (k - 1) * int(d) + 1 - side)
            half = whole // 2
            spans += [half, whole - half] if kind == "same" else [whole - half, half]
        top, bottom, left, right = spans
    else:
        raise PocketmatteError(f"padding {kind!r} of a Core ML operator is not known here")
    return F.pad(x, (left, right, top, bottom), value=fill)


def _pair(values: Any) -> tuple[int, int]:
    first, second = (int(n) for n in values)
    return first, second


def _conv(v: Values) -> Tensor:
    weight = v["weight"]
    x = _padded(v, _pair(weight.shape[2:]))
    return F.conv2d(x, weight, v.get("bias"), _pair(v["strides"]), 0, _pair(v["dilations"]), int(v["groups"]))


def _conv_transpose(v: Values) -> Tensor:
    full = F.conv_transpose2d(v["x"], v["weight"], v.get("bias"), _pair(v["strides"]), groups=int(v["groups"]))
    top, bottom, left, right = (int(n) for n in v["pad"]) if v["pad_type"] == "custom" else (0, 0, 0, 0)
    full = full[..., top : full.shape[2] - bottom, left : full.shape[3] - right]
    shape = v.get("output_shape")
    return full if shape is None else full[..., : int(shape[2]), : int(shape[3])]


def _pad(v: Values) -> Tensor:
    spans = [int(n) for n in v["pad"]]
    flat = [n for axis in range(len(spans) - 2, -1, -2) for n in spans[axis : axis + 2]]
    return F.pad(v["x"], flat, mode=v["mode"], value=float(v["constant_val"]) if v["mode"] == "constant" else None)


def _average(v: Values) -> Tensor:
    kernel = _pair(v["kernel_sizes"])
    summed = F.avg_pool2d(_padded(v, kernel), kernel, _pair(v["strides"]), divisor_override=1)
    if not v["exclude_padding_from_average"]:
        return summed / (kernel[0] * kernel[1])
    ones = {**v, "x": torch.ones_like(v["x"])}
    return summed / F.avg_pool2d(_padded(ones, kernel), kernel, _pair(v["strides"]), divisor_override=1)


def _maximum(v: Values) -> Tensor:
    kernel = _pair(v["kernel_sizes"])
    return F.max_pool2d(_padded(v, kernel, -float("inf")), kernel, _pair(v["strides"]))


def _upsample(v: Values) -> Tensor:
    scale = (float(v["scale_factor_height"]), float(v["scale_factor_width"]))
    return F.interpolate(v["x"], scale_factor=scale, mode="bilinear", align_corners=bool(v["align_corners"]))


def _slice(v: Values) -> Tensor:
    """``slice_by_index``: begin and end per axis, negative ones from the back; a mask means from or to the edge."""
    x: Tensor = v["x"]
    index: list[slice | int] = []
    for axis in range(x.ndim):

        def at(name: str, axis: int = axis) -> Any:
            values = v.get(name)
            return None if values is None else values[axis]

        begin = None if at("begin_mask") else int(at("begin"))
        if at("squeeze_mask"):
            index.append(begin or 0)
        else:
            index.append(slice(begin, None if at("end_mask") else int(at("end")), int(at("stride") or 1)))
    return x[tuple(index)]


_OPERATORS: dict[str, Callable[[Values], Tensor]] = {
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "pad": _pad,
    "avg_pool": _average,
    "max_pool": _maximum,
    "upsample_bilinear": _upsample,
    "add": lambda v: v["x"] + v["y"],
    "sub": lambda v: v["x"] - v["y"],
    "mul": lambda v: v["x"] * v["y"],
    "clip": lambda v: v["x"].clamp(float(v["alpha"]), float(v["beta"])),
    "relu": lambda v: v["x"].relu(),
    "relu6": lambda v: v["x"].clamp(0, 6),
    "leaky_relu": lambda v: F.leaky_relu(v["x"], float(v["alpha"])),
    "prelu": lambda v: F.prelu(v["x"], v["alpha"]),
    "sigmoid": lambda v: v["x"].sigmoid(),
    "sigmoid_hard": lambda v: (v["x"] * float(v["alpha"]) + float(v["beta"])).clamp(0, 1),
    "reduce_mean": lambda v: v["x"].mean([int(n) for n in v["axes"]], keepdim=bool(v["keep_dims"])),
    "concat": lambda v: torch.cat(v["values"], int(v["axis"])),
    "cast": lambda v: v["x"].float(),
    "identity": lambda v: v["x"],
    "reshape": lambda v: v["x"].reshape([int(n) for n in v["shape"]]),
    "slice_by_index": _slice,
    "transpose": lambda v: v["x"].permute([int(n) for n in v["perm"]]),
}
