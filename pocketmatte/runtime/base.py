"""The session protocol, the registry of runtimes and the one way to open a file: :func:`open_session`."""

from __future__ import annotations

import ctypes.util
import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from pocketmatte.core import PocketmatteError

Tensor = npt.NDArray[np.generic]
DEFAULT_THREADS = 2  # more gains little on phones and laptops, and collapses on busy machines


@dataclass(frozen=True)
class Placement:
    """Where a session really runs. ``nodes`` counts the graph's operators per provider or delegate."""

    runtime: str
    version: str
    device: str
    threads: int
    nodes: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class TensorInfo:
    """Name, shape and NumPy type of one input or output."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]


@runtime_checkable
class Session(Protocol):
    """A loaded model. Not safe for use from several threads at once: open one per worker."""

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]

    def run(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """One inference. Every tensor of ``self.inputs`` must be given with its exact shape and type.

        Returns fresh arrays: a later ``run`` never changes them. Raises :class:`PocketmatteError` on a wrong name,
        shape or type, or after :meth:`close`.
        """
        ...

    def describe(self) -> Placement:
        """What the runtime says it uses, asked of the loaded session, not of the request."""
        ...

    def close(self) -> None:
        """Free the model; harmless when called again."""
        ...


@dataclass(frozen=True)
class RuntimeEntry:
    """``module`` holds ``open_file(path, device, threads)``; ``package`` is what must be installed for it.

    ``library`` is a shared library it needs besides. ``untested`` says that the project had no hardware to run it on.
    """

    name: str
    suffixes: tuple[str, ...]
    module: str
    package: str
    install: str
    library: str = ""
    untested: bool = False


RUNTIMES: dict[str, RuntimeEntry] = {
    entry.name: entry
    for entry in (
        RuntimeEntry(
            "litert", (".tflite",), "pocketmatte.runtime.litert", "ai_edge_litert", "pip install ai-edge-litert"
        ),
        RuntimeEntry(
            "onnxruntime",
            (".onnx",),
            "pocketmatte.runtime.onnx_runtime",
            "onnxruntime",
            "pip install 'pocketmatte[onnx]'",
        ),
        RuntimeEntry(
            "openvino",
            (".xml", ".onnx", ".tflite"),
            "pocketmatte.runtime.openvino",
            "openvino",
            "pip install 'pocketmatte[openvino]'",
        ),
        RuntimeEntry(
            "tensorrt",
            (".engine", ".plan"),
            "pocketmatte.runtime.tensorrt",
            "tensorrt",
            "pip install tensorrt cuda-python (NVIDIA GPUs only; on a Jetson both come with JetPack)",
            untested=True,
        ),
        RuntimeEntry(
            "coral",
            (".tflite",),
            "pocketmatte.runtime.coral",
            "ai_edge_litert",
            "apt-get install libedgetpu1-std, or a build from github.com/feranick/libedgetpu (needs an Edge TPU)",
            library="edgetpu",
            untested=True,
        ),
    )
}
# runtime name -> file format in spec.json that it prefers
FORMATS = {
    "litert": "litert",
    "onnxruntime": "onnx",
    "openvino": "openvino",
    "tensorrt": "tensorrt-engine",
    "coral": "edgetpu",
}
_ALSO = {"openvino": ("onnx", "litert")}


def formats_of(runtime: str) -> tuple[str, ...]:
    """The file formats of ``spec.json`` that a runtime opens, the preferred one first."""
    return (FORMATS[runtime], *_ALSO.get(runtime, ()))


def installed(entry: RuntimeEntry) -> bool:
    """Whether the runtime's package can be imported and its library found, without loading either."""
    there = importlib.util.find_spec(entry.package) is not None
    return there and (not entry.library or ctypes.util.find_library(entry.library) is not None)


def runtime_for(path: Path, runtime: str = "auto") -> RuntimeEntry:
    """The runtime named, or the one that opens this suffix. Raises :class:`PocketmatteError` when none fits."""
    if runtime != "auto" and runtime not in RUNTIMES:
        raise PocketmatteError(f"unknown runtime {runtime!r}; known: auto, {', '.join(RUNTIMES)}")
    fitting = [e for e in RUNTIMES.values() if path.suffix.lower() in e.suffixes and runtime in ("auto", e.name)]
    if fitting:
        return next((e for e in fitting if installed(e)), fitting[0])
    if runtime == "auto":
        known = ", ".join(dict.fromkeys(s for e in RUNTIMES.values() for s in e.suffixes))
        raise PocketmatteError(f"cannot tell the runtime of {path.name}: expected a file ending in {known}")
    raise PocketmatteError(f"{runtime} cannot open {path.name}: it takes {', '.join(RUNTIMES[runtime].suffixes)} files")


def open_session(
    path: str | Path, runtime: str = "auto", device: str = "auto", threads: int = DEFAULT_THREADS
) -> Session:
    """Load a weight file.

    ``device`` is ``auto``, ``cpu``, ``gpu`` or ``npu``; asking for one by name and not getting it is an error, never
    a silent fall-back. Raises :class:`PocketmatteError` for a missing or broken file, package or device.
    """
    path = Path(path)
    if not path.is_file():
        raise PocketmatteError(f"no model file at {path}; `pocketmatte models` lists the models there are")
    if threads < 1:
        raise PocketmatteError(f"threads must be at least 1, found {threads}")
    entry = runtime_for(path, runtime)
    if not installed(entry):
        raise PocketmatteError(f"{path.name} needs the {entry.name} runtime, which is not installed: {entry.install}")
    opened: Session = importlib.import_module(entry.module).open_file(path, device, threads)
    return opened


def check_inputs(given: Mapping[str, Tensor], expected: tuple[TensorInfo, ...]) -> None:
    """Raise :class:`PocketmatteError` unless ``given`` has exactly the expected names, shapes and types."""
    names = {info.name for info in expected}
    if set(given) != names:
        raise PocketmatteError(f"model inputs: expected {sorted(names)}, found {sorted(given)}")
    for info in expected:
        tensor = given[info.name]
        if tuple(tensor.shape) != info.shape or tensor.dtype != info.dtype:
            raise PocketmatteError(
                f"model input {info.name}: expected {info.dtype} {list(info.shape)}, "
                f"found {tensor.dtype} {list(tensor.shape)}"
            )
