"""OpenVINO (.xml with its .bin, .onnx or .tflite): the fastest runtime on Intel and AMD processors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov

from pocketmatte.core import PocketmatteError
from pocketmatte.runtime.base import Placement, Tensor, TensorInfo, check_inputs
from pocketmatte.runtime.openvino_file import read_file, refusal, shared_core

_DEVICES = {"auto": "CPU", "cpu": "CPU", "gpu": "GPU", "npu": "NPU"}
# Weights stored in half precision are read into a subgraph of constants, which costs nothing while frames pass.
_FREE = ("Const", "Constant", "Input", "Output", "Parameter", "Result")


def open_file(path: Path, device: str, threads: int) -> OpenvinoSession:
    """See :func:`pocketmatte.runtime.base.open_session`."""
    core = shared_core()
    wanted = _DEVICES[device]
    if not any(name.split(".")[0] == wanted for name in core.available_devices):
        raise PocketmatteError(
            f"--device {device}: this OpenVINO offers {', '.join(core.available_devices)}; use cpu or auto"
        )
    return OpenvinoSession(core, path, wanted, threads)


class OpenvinoSession:
    """One compiled model.

    It computes in single precision, and says so explicitly: OpenVINO's own default on new processors is bfloat16,
    which moves an alpha by several grey levels.
    """

    def __init__(self, core: ov.Core, path: Path, device: str, threads: int) -> None:
        config: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32"}
        if device == "CPU":
            config |= {"INFERENCE_NUM_THREADS": threads}
        network = read_file(core, path)
        try:
            self._model: ov.CompiledModel | None = core.compile_model(network, device, config)
        except RuntimeError as error:
            raise refusal(path, error) from error
        self._request: ov.InferRequest | None = self._model.create_infer_request()
        self._threads = threads
        self.inputs = tuple(_info(port) for port in self._model.inputs)
        self.outputs = tuple(_info(port) for port in self._model.outputs)

    def run(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See :class:`pocketmatte.runtime.base.Session`."""
        if self._request is None:
            raise PocketmatteError("this session is closed; open the model again")
        check_inputs(inputs, self.inputs)
        self._request.infer(dict(inputs))
        return self._answer(self._request)

    def run_many(self, batches: Iterable[Mapping[str, Tensor]], jobs: int = 0) -> Iterator[dict[str, Tensor]]:
        """Answers of independent inferences, in order, with up to ``jobs`` of them under way at once (0: OpenVINO's
        own number). For models without a state: a state needs the answer before the next question.
        """
        if self._model is None:
            raise PocketmatteError("this session is closed; open the model again")
        queue = ov.AsyncInferQueue(self._model, jobs)
        done: dict[int, dict[str, Tensor]] = {}
        queue.set_callback(lambda request, number: done.__setitem__(number, self._answer(request)))
        following = 0
        for number, inputs in enumerate(batches):
            check_inputs(inputs, self.inputs)
            queue.start_async(dict(inputs), number)
            while following in done:
                yield done.pop(following)
                following += 1
        queue.wait_all()
        while following in done:
            yield done.pop(following)
            following += 1

    def _answer(self, request: ov.InferRequest) -> dict[str, Tensor]:
        return {info.name: np.array(request.get_output_tensor(i).data) for i, info in enumerate(self.outputs)}

    def describe(self) -> Placement:
        """Operators per precision of the compiled graph, which OpenVINO has fused by then."""
        nodes: Counter[str] = Counter()
        device = "cpu"
        if self._model is not None:
            for node in self._model.get_runtime_model().get_ops():
                facts = node.get_rt_info()
                if _text(facts, "layerType") not in _FREE and node.get_type_name() not in _FREE:
                    nodes[_text(facts, "runtimePrecision") or "unknown"] += 1
            device = str(self._model.get_property("EXECUTION_DEVICES")[0]).split(".")[0].lower()
        return Placement("openvino", ov.__version__.split("-")[0], device, self._threads, dict(nodes))

    def close(self) -> None:
        """Free the model."""
        self._request = self._model = None


def _text(facts: Any, name: str) -> str:
    return str(facts[name].astype(str)) if name in facts else ""


def _info(port: Any) -> TensorInfo:
    return TensorInfo(port.get_any_name(), tuple(port.shape), np.dtype(port.get_element_type().to_dtype()))
