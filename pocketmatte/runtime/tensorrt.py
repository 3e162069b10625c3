"""TensorRT (.engine): runs an engine that ``trtexec`` built on the same machine.

Written to the documentation of TensorRT 10 and cuda-python and **not run on the hardware by this project**.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pocketmatte.core import PocketmatteError
from pocketmatte.runtime.base import Placement, Tensor, TensorInfo, check_inputs


def _optional(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:  # open_file says so
        return None


trt, cuda = _optional("tensorrt"), _optional("cuda.bindings.runtime")


def open_file(path: Path, device: str, threads: int) -> TensorrtSession:
    """See :func:`pocketmatte.runtime.base.open_session`."""
    if device not in ("auto", "gpu"):
        raise PocketmatteError(f"TensorRT runs on a GPU, found --device {device}; use gpu or auto")
    if trt is None or cuda is None:
        missing = "tensorrt" if trt is None else "cuda-python"
        raise PocketmatteError(f"the TensorRT runtime needs {missing}, which cannot be imported: pip install {missing}")
    return TensorrtSession(path, threads)


class TensorrtSession:
    """One engine, one execution context, one stream, and a device buffer for every tensor."""

    def __init__(self, path: Path, threads: int) -> None:
        self._engine: Any = trt.Runtime(trt.Logger(trt.Logger.ERROR)).deserialize_cuda_engine(path.read_bytes())
        if self._engine is None:
            raise PocketmatteError(
                f"{path} is no engine for TensorRT {trt.__version__} on this GPU; build it here with the script that "
                "`pocketmatte export --to tensorrt` wrote"
            )
        self._context: Any = self._engine.create_execution_context()
        self._stream = _checked(cuda.cudaStreamCreate())
        self._threads = threads
        names = [self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)]
        inputs = [n for n in names if self._engine.get_tensor_mode(n) == trt.TensorIOMode.INPUT]
        self.inputs = tuple(self._info(n) for n in inputs)
        self.outputs = tuple(self._info(n) for n in names if n not in inputs)
        self._buffers = {}
        for info in (*self.inputs, *self.outputs):
            self._buffers[info.name] = _checked(cuda.cudaMalloc(_bytes(info)))
            self._context.set_tensor_address(info.name, int(self._buffers[info.name]))

    def _info(self, name: str) -> TensorInfo:
        shape = tuple(int(n) for n in self._engine.get_tensor_shape(name))
        return TensorInfo(name, shape, np.dtype(trt.nptype(self._engine.get_tensor_dtype(name))))

    def run(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See :class:`pocketmatte.runtime.base.Session`."""
        if self._context is None:
            raise PocketmatteError("this session is closed; open the model again")
        check_inputs(inputs, self.inputs)
        kept = {name: np.ascontiguousarray(tensor) for name, tensor in inputs.items()}  # alive until the copies end
        there, back = cuda.cudaMemcpyKind.cudaMemcpyHostToDevice, cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost
        for name, tensor in kept.items():
            source = tensor.ctypes.data
            _checked(cuda.cudaMemcpyAsync(self._buffers[name], source, tensor.nbytes, there, self._stream))
        if not self._context.execute_async_v3(int(self._stream)):
            raise PocketmatteError("TensorRT could not run the engine; its log on stderr says why")
        answers: dict[str, Tensor] = {info.name: np.empty(info.shape, info.dtype) for info in self.outputs}
        for name, answer in answers.items():
            _checked(cuda.cudaMemcpyAsync(answer.ctypes.data, self._buffers[name], answer.nbytes, back, self._stream))
        _checked(cuda.cudaStreamSynchronize(self._stream))
        return answers

    def describe(self) -> Placement:
        """An engine runs on the GPU as a whole; its layers are counted."""
        nodes = {"engine layers": int(self._engine.num_layers)} if self._engine is not None else {}
        return Placement("tensorrt", str(trt.__version__), "gpu", self._threads, nodes)

    def close(self) -> None:
        """Free the engine and the device memory."""
        if self._engine is None:
            return
        for buffer in self._buffers.values():
            _checked(cuda.cudaFree(buffer))
        _checked(cuda.cudaStreamDestroy(self._stream))
        self._context = self._engine = None


def _bytes(info: TensorInfo) -> int:
    return int(np.prod(info.shape)) * info.dtype.itemsize


def _checked(answer: tuple[Any, ...]) -> Any:
    """The value of a CUDA call, which returns ``(error, value...)``."""
    error, *values = answer
    if int(error) != 0:
        raise PocketmatteError(f"CUDA: {cuda.cudaGetErrorString(error)[1].decode()}")
    return values[0] if values else None
