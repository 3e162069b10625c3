"""Reading and writing .tflite files as plain objects: the generated classes of LiteRT's schema, with shorter names.

A graph is ``model.subgraphs[0]``: ``tensors``, ``operators``, and ``inputs``/``outputs`` as indices into ``tensors``.
"""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np

from pocketmatte.core import PocketmatteError

Model = Any  # the schema's classes are generated code without types
Graph = Any
Operator = Any
Array = np.ndarray[Any, np.dtype[Any]]

IDENTIFIER = b"TFL3"
_ALIGN = 16  # `force_align` of Buffer.data in TensorFlow Lite's schema; the Python writer alone would give 4
NUMPY_TYPES = {
    "FLOAT32": np.float32,
    "FLOAT16": np.float16,
    "INT32": np.int32,
    "INT64": np.int64,
    "UINT8": np.uint8,
    "INT8": np.int8,
    "INT16": np.int16,
    "BOOL": np.bool_,
}


def schema() -> Any:
    """The generated schema module; 1 MB of code, so loaded when first needed."""
    from ai_edge_litert import schema_py_generated

    return schema_py_generated


@cache
def codes(enumeration: str) -> dict[str, int]:
    """Names and numbers of one of the schema's enumerations, such as ``BuiltinOperator``."""
    return {k: v for k, v in vars(getattr(schema(), enumeration)).items() if isinstance(v, int)}


@cache
def _names(enumeration: str) -> dict[int, str]:
    return {number: name for name, number in codes(enumeration).items()}


def read_model(path: Path) -> Model:
    """The ``ModelT`` of a .tflite, all weights inside. Raises :class:`PocketmatteError` when the file is none."""
    try:
        content = bytearray(path.read_bytes())
    except OSError as error:
        raise PocketmatteError(f"cannot read {path}: {error.strerror}") from error
    if content[4:8] != IDENTIFIER:
        raise PocketmatteError(f"{path} is no .tflite file; expected one, such as pocketmatte export writes")
    try:
        model = schema().ModelT.InitFromObj(schema().Model.GetRootAs(content, 0))
        for buffer in model.buffers:
            if buffer.size:  # ai-edge-quantizer puts large weights behind the flatbuffer, which only new runtimes read
                buffer.data = np.frombuffer(content, np.uint8, buffer.size, buffer.offset)
                buffer.offset = buffer.size = 0
    except Exception as error:  # a damaged file fails anywhere in generated code
        raise PocketmatteError(f"{path} is a damaged .tflite file ({type(error).__name__}); export it again") from error
    return model


def write_model(model: Model, path: Path) -> None:
    """Write a ``ModelT``; the file appears whole or not at all."""
    builder = _aligned_builder()
    builder.Finish(model.Pack(builder), IDENTIFIER)
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(builder.Output())
        Path(part).chmod(0o644)
        Path(part).replace(path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise


def _aligned_builder() -> Any:
    """A builder that starts vectors of bytes where runtimes can map them as weights."""
    base = flatbuffers.Builder

    def start_vector(self: Any, size: int, count: int, alignment: int) -> Any:
        return base.StartVector(self, size, count, max(alignment, _ALIGN if size == 1 else 1))

    return type("AlignedBuilder", (base,), {"StartVector": start_vector})(1 << 20)


def text(name: Any) -> str:
    """A name in a ``ModelT``, which is bytes or a string."""
    return name.decode() if isinstance(name, bytes) else name or ""


def operator_name(model: Model, operator: Operator) -> str:
    """``CONV_2D``...; for a custom operator its own name. Old files keep the code in a deprecated field."""
    entry = model.operatorCodes[operator.opcodeIndex]
    code = max(int(entry.builtinCode), int(entry.deprecatedBuiltinCode))
    if code == codes("BuiltinOperator")["CUSTOM"]:
        return f"CUSTOM:{text(entry.customCode)}"
    return _names("BuiltinOperator").get(code, f"UNKNOWN:{code}")


def operator_index(model: Model, name: str, version: int = 1) -> int:
    """Index of an operator type in the model's list of operator codes, entered when it is not there yet."""
    code = codes("BuiltinOperator")[name]
    for index, entry in enumerate(model.operatorCodes):
        if max(int(entry.builtinCode), int(entry.deprecatedBuiltinCode)) == code:
            entry.version = max(entry.version, version)
            return index
    entry = schema().OperatorCodeT()
    entry.builtinCode, entry.deprecatedBuiltinCode, entry.version = code, min(code, 127), version
    model.operatorCodes.append(entry)
    return len(model.operatorCodes) - 1


def make_operator(
    model: Model, name: str, inputs: list[int], outputs: list[int], options: Any = None, version: int = 1
) -> Operator:
    """An operator of type ``name``; ``options`` is the schema's options object of that type, or ``None``."""
    operator = schema().OperatorT()
    operator.opcodeIndex = operator_index(model, name, version)
    operator.inputs, operator.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
    if options is not None:
        operator.builtinOptions = options
        operator.builtinOptionsType = codes("BuiltinOptions")[type(options).__name__.removesuffix("T")]
    return operator


def tensor_name(graph: Graph, index: int) -> str:
    """Name of a tensor, which converters build from the modules it comes from."""
    return text(graph.tensors[index].name)


def type_name(graph: Graph, index: int) -> str:
    """``FLOAT32``, ``INT8``..."""
    return _names("TensorType").get(graph.tensors[index].type, "UNKNOWN")


def shape_of(graph: Graph, index: int) -> tuple[int, ...]:
    """Shape of a tensor; a missing optional input (index -1) has none."""
    shape = graph.tensors[index].shape if index >= 0 else None
    return () if shape is None else tuple(int(n) for n in shape)


def constant(model: Model, graph: Graph, index: int) -> Array | None:
    """The values of a constant tensor, or ``None`` for one that is computed."""
    kind = NUMPY_TYPES.get(type_name(graph, index)) if index >= 0 else None
    data = model.buffers[graph.tensors[index].buffer].data if kind else None
    if data is None or len(data) == 0:
        return None
    return np.frombuffer(np.asarray(data, np.uint8).tobytes(), kind).reshape(shape_of(graph, index)).copy()


def add_constant(model: Model, graph: Graph, name: str, values: Array) -> int:
    """Append a constant tensor with a buffer of its own; returns its index."""
    buffer = schema().BufferT()
    buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
    model.buffers.append(buffer)
    kind = next(name for name, kind in NUMPY_TYPES.items() if np.dtype(kind) == values.dtype)
    return add_tensor(graph, name, values.shape, kind, len(model.buffers) - 1)


def add_tensor(graph: Graph, name: str, shape: tuple[int, ...], kind: str = "FLOAT32", buffer: int = 0) -> int:
    """Append a tensor, a computed one unless ``buffer`` holds values; returns its index."""
    tensor = schema().TensorT()
    tensor.name, tensor.shape, tensor.buffer = name.encode(), np.array(shape, np.int32), buffer
    tensor.type = codes("TensorType")[kind]
    tensor.hasRank = True
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def readers(graph: Graph, index: int) -> list[Operator]:
    """The operators that read a tensor."""
    return [operator for operator in graph.operators if index in list(operator.inputs)]


def writer(graph: Graph, index: int) -> Operator | None:
    """The operator that computes a tensor, ``None`` for inputs and constants."""
    return next((operator for operator in graph.operators if index in list(operator.outputs)), None)
