"""ONNX Runtime (.onnx)."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime as ort

from pocketmatte.core import PocketmatteError
from pocketmatte.runtime.base import Placement, Tensor, TensorInfo, check_inputs

_TYPES = {
    "tensor(float)": np.float32,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(float16)": np.float16,
}
_GPU_PROVIDERS = ("CUDAExecutionProvider", "ROCMExecutionProvider", "DmlExecutionProvider", "CoreMLExecutionProvider")
CPU = "CPUExecutionProvider"


def open_file(path: Path, device: str, threads: int) -> OnnxSession:
    """See :func:`pocketmatte.runtime.base.open_session`."""
    available = [p for p in _GPU_PROVIDERS if p in ort.get_available_providers()]
    if device == "npu" or (device == "gpu" and not available):
        raise PocketmatteError(
            f"--device {device}: this onnxruntime offers {', '.join(ort.get_available_providers())}; use cpu or auto"
        )
    session = OnnxSession(path, [*available, CPU] if device in ("auto", "gpu") else [CPU], threads)
    if device == "gpu" and session.describe().device == "cpu":
        raise PocketmatteError("--device gpu: onnxruntime fell back to the CPU; check its GPU libraries or use auto")
    return session


class OnnxSession:
    """One inference session with a fixed thread count."""

    def __init__(self, path: Path, providers: list[str], threads: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")  # for describe()
        if platform.machine().lower() in ("aarch64", "arm64"):
            # 1.24-1.26 leak memory on every new frame there, 1.27 gives results that do not repeat
            options.add_session_config_entry("mlas.disable_kleidiai", "1")
        try:
            self._session: ort.InferenceSession | None = ort.InferenceSession(str(path), options, providers=providers)
        except Exception as error:  # onnxruntime's exception classes share no public base
            raise PocketmatteError(
                f"{path} is not a model onnxruntime can load: {str(error).splitlines()[0]}"
            ) from error
        self._threads = threads
        self.inputs = tuple(_info(a) for a in self._session.get_inputs())
        self.outputs = tuple(_info(a) for a in self._session.get_outputs())

    def run(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See :class:`pocketmatte.runtime.base.Session`."""
        if self._session is None:
            raise PocketmatteError("this session is closed; open the model again")
        check_inputs(inputs, self.inputs)
        names = [info.name for info in self.outputs]
        return dict(zip(names, self._session.run(names, dict(inputs)), strict=True))

    def describe(self) -> Placement:
        """Nodes per provider as the session assigned them; empty when this onnxruntime cannot tell (before 1.24)."""
        nodes: Counter[str] = Counter()
        if self._session is not None and hasattr(self._session, "get_provider_graph_assignment_info"):
            for part in self._session.get_provider_graph_assignment_info():
                nodes[part.ep_name] += len(part.get_nodes())
        device = "gpu" if any(nodes[p] for p in _GPU_PROVIDERS) else "cpu"
        return Placement("onnxruntime", ort.__version__, device, self._threads, dict(nodes))

    def close(self) -> None:
        """Free the session."""
        self._session = None


def _info(argument: ort.NodeArg) -> TensorInfo:
    shape = tuple(n if isinstance(n, int) else 1 for n in argument.shape)
    return TensorInfo(argument.name, shape, np.dtype(_TYPES[argument.type]))
