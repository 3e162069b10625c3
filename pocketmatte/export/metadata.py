"""Standard metadata inside a .tflite, so that MediaPipe Tasks (ImageSegmenter) and Android Studio open it unchanged.

The format is TensorFlow Lite's ``metadata_schema.fbs`` (identifier M001): a flatbuffer of its own in a buffer named
``TFLITE_METADATA``. Only the fields used are written, by their numbers in that schema.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np

from pocketmatte.export.flatbuffer import read_model, text, write_model
from pocketmatte.spec import ModelSpec

NAME = "TFLITE_METADATA"
_SEGMENTER = "SEGMENTER_METADATA"  # MediaPipe's own part: which activation it must add to the output
_FEATURES, _IMAGE, _NORMALIZATION, _RGB = 1, 2, 1, 1  # members of the schema's unions and enumerations


def add_metadata(path: Path, spec: ModelSpec) -> None:
    """Write the metadata of ``spec`` into the .tflite at ``path``, in place of any that is there."""
    from ai_edge_litert import schema_py_generated as schema

    model = read_model(path)
    entry, buffer = schema.MetadataT(), schema.BufferT()
    entry.name, entry.buffer = NAME.encode(), len(model.buffers)
    buffer.data = np.frombuffer(build_metadata(spec, *_order(model, spec)), np.uint8)
    model.buffers = [*model.buffers, buffer]
    model.metadata = [*(e for e in model.metadata or [] if text(e.name) != NAME), entry]
    write_model(model, path)


def _order(model: Any, spec: ModelSpec) -> tuple[list[str], list[str]]:
    """Names of the inputs and outputs in the file's order; its tensors have longer names, such as ``..._image:0``."""
    graph = model.subgraphs[0]
    full = [text(graph.tensors[i].name) for i in graph.inputs]
    states = [s.input for s in spec.states]
    inputs = [next((s for s in states if s in name), spec.input.name) for name in full]
    return inputs, [spec.output.name] * len(graph.outputs)


def build_metadata(spec: ModelSpec, inputs: list[str], outputs: list[str]) -> bytes:
    """The flatbuffer ``ModelMetadata``: normalisation in grey levels 0..255, and that the output is a finished mask."""
    b = flatbuffers.Builder(1024)
    made_in = [_picture(b, spec) if n == spec.input.name else _numbers(b, n, "previous alpha") for n in inputs]
    made_out = [_numbers(b, name, "how much each pixel belongs to a person, 0..1") for name in outputs]
    options = _segmenter_options()
    b.StartVector(1, len(options), 16)
    for byte in reversed(options):
        b.PrependByte(byte)
    custom = _table(b, 2, {1: b.EndVector(), 0: b.CreateString(_SEGMENTER)})
    graph = _table(b, 10, {2: _vector(b, made_in), 3: _vector(b, made_out), 9: _vector(b, [custom])})
    texts = {0: spec.name, 1: spec.summary, 2: spec.version, 5: spec.licences.weights, 7: "1.0.0"}
    strings = {slot: b.CreateString(words) for slot, words in texts.items()}
    b.Finish(_table(b, 8, {**strings, 3: _vector(b, [graph])}), b"M001")
    return bytes(b.Output())


def _segmenter_options() -> bytes:
    """MediaPipe's ``ImageSegmenterOptions`` (V001), activation left at its default NONE: the file has its sigmoid."""
    b = flatbuffers.Builder(64)
    b.Finish(_table(b, 2, {1: b.CreateString("1.0.0")}), b"V001")
    return bytes(b.Output())


def _picture(b: flatbuffers.Builder, spec: ModelSpec) -> int:
    """``TensorMetadata`` of an RGB picture with its size and ``NormalizationOptions``."""
    source = spec.input
    mean, std = ([255 * value for value in values] for values in (source.mean, source.std))
    normalization = _table(b, 2, {0: _floats(b, mean), 1: _floats(b, std)})
    units = _vector(b, [_union(b, 2, _NORMALIZATION, normalization)])
    b.StartObject(2)
    b.PrependUint32Slot(0, source.size.width, 0)
    b.PrependUint32Slot(1, source.size.height, 0)
    extent = b.EndObject()
    b.StartObject(2)
    b.PrependInt8Slot(0, _RGB, 0)
    b.PrependUOffsetTRelativeSlot(1, extent, 0)
    content = _union(b, 3, _IMAGE, b.EndObject())
    name, words = b.CreateString(source.name), b.CreateString("RGB picture, 0..255 before normalisation")
    return _table(b, 7, {0: name, 1: words, 3: content, 4: units})


def _numbers(b: flatbuffers.Builder, name: str, words: str) -> int:
    """``TensorMetadata`` of a tensor that is no picture."""
    content = _union(b, 3, _FEATURES, _table(b, 0, {}))
    return _table(b, 7, {0: b.CreateString(name), 1: b.CreateString(words), 3: content})


def _table(b: flatbuffers.Builder, slots: int, offsets: dict[int, int]) -> int:
    b.StartObject(slots)
    for slot, offset in offsets.items():
        b.PrependUOffsetTRelativeSlot(slot, offset, 0)
    return int(b.EndObject())


def _union(b: flatbuffers.Builder, slots: int, kind: int, value: int) -> int:
    """A table whose first field is a union: its kind in slot 0, its value in slot 1."""
    b.StartObject(slots)
    b.PrependUint8Slot(0, kind, 0)
    b.PrependUOffsetTRelativeSlot(1, value, 0)
    return int(b.EndObject())


def _vector(b: flatbuffers.Builder, offsets: list[int]) -> int:
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return int(b.EndVector())


def _floats(b: flatbuffers.Builder, values: list[float]) -> int:
    b.StartVector(4, len(values), 4)
    for value in reversed(values):
        b.PrependFloat32(value)
    return int(b.EndVector())
