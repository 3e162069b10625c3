"""Small .tflite graphs for tests, built operator by operator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pocketmatte.export.flatbuffer import (
    Graph,
    Model,
    add_constant,
    add_tensor,
    codes,
    make_operator,
    schema,
    tensor_name,
    write_model,
)

Array = np.ndarray[Any, Any]


class Builder:
    """A small graph, operator by operator."""

    def __init__(self, **inputs: tuple[int, ...]) -> None:
        self.model: Model = schema().ModelT()
        self.model.version, self.model.operatorCodes, self.model.buffers = 3, [], [schema().BufferT()]
        self.graph: Graph = schema().SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.model.subgraphs = [self.graph]
        self.random = np.random.default_rng(0)
        self.graph.inputs = np.array([add_tensor(self.graph, n, s) for n, s in inputs.items()], np.int32)

    def constant(self, values: Array) -> int:
        return add_constant(self.model, self.graph, f"c{len(self.graph.tensors)}", values)

    def weights(self, *shape: int) -> int:
        return self.constant(self.random.standard_normal(shape).astype(np.float32))

    def add(self, name: str, inputs: list[int], shape: tuple[int, ...], options: Any = None) -> int:
        result = add_tensor(self.graph, f"r{len(self.graph.tensors)}", shape)
        self.graph.operators.append(make_operator(self.model, name, inputs, [result], options))
        return result

    def sign(self, **inputs: int) -> None:
        """Give the graph a signature with these names for its inputs; the last operator computes its output."""
        signature = schema().SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = b"serving_default", 0
        result = int(self.graph.operators[-1].outputs[0])
        signature.inputs, signature.outputs = (
            [self._entry(name, index) for name, index in names.items()] for names in (inputs, {"alpha": result})
        )
        self.model.signatureDefs = [signature]

    def _entry(self, name: str, index: int) -> Any:
        entry = schema().TensorMapT()
        entry.name, entry.tensorIndex = name.encode(), index
        return entry

    def save(self, path: Path, *outputs: int) -> Path:
        """Write the graph with these outputs."""
        assert all(tensor_name(self.graph, i) for i in outputs)
        self.graph.outputs = np.array(outputs, np.int32)
        write_model(self.model, path)
        return path


def convolution(padding: str, stride: int = 1) -> Any:
    options = schema().Conv2DOptionsT()
    options.padding, options.strideH, options.strideW = codes("Padding")[padding], stride, stride
    options.dilationHFactor = options.dilationWFactor = 1
    return options
