"""Reading a model file for OpenVINO; a .tflite gets the tensor names of its signature, which the spec uses."""

from __future__ import annotations

import re
import struct
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import openvino as ov

from pocketmatte.core import PocketmatteError
from pocketmatte.runtime.tflite_file import IDENTIFIER, pack, unpack

_OLD_CODES = 127  # operators from here on do not fit the older field of one byte, which then says 127


@cache
def shared_core() -> ov.Core:
    """The one core of this process. It holds the libraries that read and run models, which must not be unloaded while
    a model of theirs waits to be collected."""
    return ov.Core()


def read_file(core: ov.Core, path: Path) -> ov.Model:
    """The network of a .xml with its .bin, an .onnx or a .tflite. Raises :class:`PocketmatteError` when it is none."""
    suffix = path.suffix.lower()
    if suffix == ".xml" and not path.with_suffix(".bin").is_file():
        raise PocketmatteError(f"{path} lacks its weights: expected {path.with_suffix('.bin').name} beside it")
    try:
        return _read_tflite(core, path) if suffix == ".tflite" else core.read_model(str(path))
    except RuntimeError as error:
        raise refusal(path, error) from error


def refusal(path: Path, error: RuntimeError) -> PocketmatteError:
    """OpenVINO's message is several lines; the last says what is wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return PocketmatteError(f"{path} is not a model OpenVINO can load: {lines[-1] if lines else 'no reason given'}")


def _read_tflite(core: ov.Core, path: Path) -> ov.Model:
    content = path.read_bytes()
    try:
        if content[4:8] != IDENTIFIER:
            raise ValueError("it is no .tflite file")
        model = unpack(content)
        names = _signature_names(model)
    except (ValueError, TypeError, IndexError, AttributeError, struct.error, OverflowError) as error:
        raise PocketmatteError(f"{path} is not a model OpenVINO can load: it is damaged or no .tflite file") from error
    mended = _complete_codes(model)
    network = _read_mended(core, pack(model)) if mended else core.read_model(str(path))
    for port in (*network.inputs, *network.outputs):
        tensor = port.get_any_name()
        port.get_tensor().set_names({names.get(tensor) or re.sub(r":\d+$", "", tensor)})
    return network


def _signature_names(model: Any) -> dict[str, str]:
    """Name of a tensor in the graph -> what the signature calls it: converters prefix it and append to it."""
    tensors = model.subgraphs[0].tensors
    signatures = model.signatureDefs or []
    entries = [e for s in signatures[:1] for e in (*s.inputs, *s.outputs)]
    return {_text(tensors[entry.tensorIndex].name): _text(entry.name) for entry in entries}


def _complete_codes(model: Any) -> bool:
    """Write every operator's code into the older field too; whether there was anything to write.

    OpenVINO believes the older field where it is left at 0, which is ADD: a DEQUANTIZE of weights in half precision,
    as quantizers write it, then fails to load (openvinotoolkit/openvino issue 29666).
    """
    changed = False
    for entry in model.operatorCodes:
        old = min(entry.builtinCode, _OLD_CODES)
        if entry.deprecatedBuiltinCode < old:
            entry.deprecatedBuiltinCode, changed = old, True
    return changed


def _read_mended(core: ov.Core, content: bytes) -> ov.Model:
    """OpenVINO reads a .tflite from a file only, not from memory."""
    with tempfile.TemporaryDirectory(prefix="pocketmatte-") as folder:
        file = Path(folder) / "mended.tflite"
        file.write_bytes(content)
        return core.read_model(str(file))


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
