"""LiteRT (.tflite): the mobile runtime, here on the CPU through XNNPACK."""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from pocketmatte.core import PocketmatteError
from pocketmatte.runtime.base import Placement, Tensor, TensorInfo, check_inputs

_BANNER = b"INFO: Created TensorFlow Lite XNNPACK delegate"
_one_at_a_time = threading.Lock()


def open_file(path: Path, device: str, threads: int) -> LitertSession:
    """See :func:`pocketmatte.runtime.base.open_session`."""
    if device not in ("auto", "cpu"):
        raise PocketmatteError(
            f"LiteRT's Python package runs on the CPU only, found --device {device}; use cpu or auto"
        )
    return LitertSession(path, threads)


class LitertSession:
    """One interpreter with its tensors allocated.

    A file with 8-bit inputs and outputs (made for an Edge TPU or an NPU) is asked and answers in float32 all the same:
    the scales it states are applied here, so that nobody above has to know.
    """

    def __init__(self, path: Path, threads: int, delegate: object = None) -> None:
        try:
            with _without_banner():
                delegates = None if delegate is None else [delegate]
                interpreter = Interpreter(str(path), num_threads=threads, experimental_delegates=delegates)
                interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise PocketmatteError(f"{path} is not a model LiteRT can load: {str(error).splitlines()[0]}") from error
        self._interpreter: Any = interpreter
        self._threads = threads
        signature = _signature(interpreter)
        self._input_details = {_name(d["name"], signature): d for d in interpreter.get_input_details()}
        outputs = interpreter.get_output_details()
        names = signature["outputs"] if len(signature["outputs"]) == len(outputs) == 1 else None
        self._output_details = {(names[0] if names else _name(d["name"], signature)): d for d in outputs}
        self.inputs = tuple(_info(n, d) for n, d in self._input_details.items())
        self.outputs = tuple(_info(n, d) for n, d in self._output_details.items())

    def run(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See :class:`pocketmatte.runtime.base.Session`."""
        if self._interpreter is None:
            raise PocketmatteError("this session is closed; open the model again")
        check_inputs(inputs, self.inputs)
        for name, detail in self._input_details.items():
            self._interpreter.set_tensor(detail["index"], _quantized(np.ascontiguousarray(inputs[name]), detail))
        self._interpreter.invoke()
        get = self._interpreter.get_tensor
        return {name: _restored(get(d["index"]), d) for name, d in self._output_details.items()}

    def describe(self) -> Placement:
        """Operators taken over by XNNPACK run in its DELEGATE node; the rest are LiteRT's own kernels."""
        nodes: dict[str, int] = {}
        if self._interpreter is not None:
            operators = self._interpreter._get_ops_details()
            delegates = sum(o["op_name"] == "DELEGATE" for o in operators)
            total = len(operators) - delegates
            nodes = {"XNNPACK partitions": delegates, "operators": total}
        return Placement("litert", version("ai-edge-litert"), "cpu", self._threads, nodes)

    def close(self) -> None:
        """Free the interpreter."""
        self._interpreter = None


@contextmanager
def _without_banner() -> Iterator[None]:
    """Keep LiteRT's unconditional banner off stderr, which belongs to the user; every other line passes."""
    with _one_at_a_time, tempfile.TemporaryFile() as caught:
        kept = os.dup(2)
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            caught.seek(0)
            for line in caught:
                if not line.startswith(_BANNER):
                    os.write(2, line)


def _signature(interpreter: Any) -> dict[str, list[str]]:
    signatures = interpreter.get_signature_list()
    return next(iter(signatures.values()), {"inputs": [], "outputs": []})


def _name(tensor: str, signature: dict[str, list[str]]) -> str:
    """The signature's name of a graph tensor: converters prefix it with the signature and append an index."""
    plain = re.sub(r":\d+$", "", tensor)
    for name in (*signature["inputs"], *signature["outputs"]):
        if plain == name or plain.endswith(f"_{name}"):
            return name
    return plain


def _info(name: str, detail: dict[str, Any]) -> TensorInfo:
    dtype = np.float32 if _scale(detail) else detail["dtype"]
    return TensorInfo(name, tuple(int(n) for n in detail["shape"]), np.dtype(dtype))


def _scale(detail: dict[str, Any]) -> float:
    """Step between two levels of an 8-bit tensor; 0 for every other tensor."""
    return float(detail["quantization"][0]) if np.dtype(detail["dtype"]).itemsize == 1 else 0.0


def _quantized(tensor: Tensor, detail: dict[str, Any]) -> Tensor:
    scale = _scale(detail)
    if not scale:
        return tensor
    limits = np.iinfo(detail["dtype"])
    levels = np.rint(np.asarray(tensor, np.float32) / np.float32(scale)) + detail["quantization"][1]
    return np.asarray(np.clip(levels, limits.min, limits.max), detail["dtype"])


def _restored(tensor: Tensor, detail: dict[str, Any]) -> Tensor:
    scale = _scale(detail)
    if not scale:
        return tensor
    return (np.asarray(tensor, np.float32) - np.float32(detail["quantization"][1])) * np.float32(scale)
