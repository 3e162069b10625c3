"""PyTorch -> ONNX, optionally with weights stored in half precision."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from pocketmatte.export.wrap import AlphaNet, example_inputs

if TYPE_CHECKING:
    import onnx

OPSET = 18
OPSET_TENSORRT = 17  # the newest that TensorRT 8.6, the one of JetPack 5, reads


def to_onnx(network: nn.Module, size: tuple[int, int], path: Path, precision: str = "fp32", *, batch: int = 1) -> None:
    """Write ``network`` as an .onnx with input ``image`` ``[N,3,H,W]`` and output ``alpha`` ``[N,1,H,W]``.

    A video network also has the input ``prior`` ``[N,1,H,W]``, the alpha of the previous frame.
    With ``fp16`` the large weights are stored in half precision behind a cast to single, so the file halves and every
    operator still computes in single precision; runtimes fold the casts away when they load it.
    """
    import onnx

    if precision not in ("fp32", "fp16"):
        raise ValueError(f"precision {precision!r}: expected fp32 or fp16")
    inputs = example_inputs(network, size, batch=batch)
    program = torch.onnx.export(
        AlphaNet(network, nhwc=False).eval(),
        tuple(inputs.values()),
        input_names=list(inputs),
        output_names=["alpha"],
        opset_version=OPSET,
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    model = program.model_proto
    for node in model.graph.node:  # the exporter's stack traces, with the paths of this machine
        del node.metadata_props[:]
    if precision == "fp16":
        _halve(model)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def halve_onnx(plain: Path, path: Path) -> None:
    """Copy an .onnx in single precision with its weights stored in half precision."""
    import onnx

    model = onnx.load(str(plain))
    _halve(model)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def to_plain_onnx(network: nn.Module, size: tuple[int, int], path: Path, *, batch: int = 1) -> None:
    """The same graph for readers of old operator sets: opset 17, fixed shapes, single precision, no local functions."""
    import onnx

    inputs = example_inputs(network, size, batch=batch)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # this exporter is announced to go; the new one writes opset 18 at least
        torch.onnx.export(
            AlphaNet(network, nhwc=False).eval(),
            tuple(inputs.values()),
            str(path),
            input_names=list(inputs),
            output_names=["alpha"],
            opset_version=OPSET_TENSORRT,
            dynamo=False,
        )
    onnx.checker.check_model(onnx.load(str(path)))


def _halve(model: onnx.ModelProto) -> None:
    """Replace every float32 initializer of more than 16 values by a float16 one and a Cast."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        if values.size <= 16:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    for position, node in enumerate(casts):
        graph.node.insert(position, node)
