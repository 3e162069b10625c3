"""Reading and packing .tflite files as plain objects, for what runtimes need to know or mend before they open one."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

IDENTIFIER = b"TFL3"


def unpack(file: bytes) -> Any:
    """The model as objects, constants that stand behind the flatbuffer taken into their buffers."""
    model = schema.ModelT.InitFromPackedBuf(file, 0)
    for buffer in model.buffers:
        if buffer.data is None and buffer.offset > 1:
            buffer.data = np.frombuffer(file, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
    return model


def pack(model: Any) -> bytes:
    """The file of a model that :func:`unpack` gave, or that was built of the schema's objects."""
    builder = _aligned_builder()
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


def _aligned_builder() -> Any:
    """The schema wants the bytes of constants on multiples of 16; Python's builder alone gives 4."""
    plain = flatbuffers.Builder

    def start(self: Any, size: int, count: int, alignment: int) -> Any:
        return plain.StartVector(self, size, count, 16 if size == 1 else alignment)

    return type("Aligned", (plain,), {"StartVector": start})(1024)
