"""int8 for ONNX and OpenVINO on a small network with real pictures' statistics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pocketmatte.core import PocketmatteError
from pocketmatte.export.quantize_onnx import nchw, quantize_onnx, quantize_openvino

pytestmark = pytest.mark.build


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A strided convolution, a depthwise one, a 1x1 and a sigmoid."""
    from onnx import TensorProto, helper, numpy_helper, save

    random = np.random.default_rng(0)
    shapes = {"w1": (16, 3, 3, 3), "w2": (16, 1, 3, 3), "w3": (1, 16, 1, 1)}
    weights = [
        numpy_helper.from_array((random.standard_normal(s) / np.sqrt(np.prod(s[1:]))).astype(np.float32), n)
        for n, s in shapes.items()
    ]
    nodes = [
        helper.make_node("Conv", ["image", "w1"], ["a"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "w2"], ["c"], group=16, pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("Conv", ["d", "w3"], ["e"]),
        helper.make_node("Sigmoid", ["e"], ["alpha"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 64, 64])],
        [helper.make_tensor_value_info("alpha", TensorProto.FLOAT, [1, 1, 32, 32])],
        weights,
    )
    path = tmp_path_factory.mktemp("onnx") / "small.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), str(path))
    return path


@pytest.fixture(scope="module")
def samples() -> list[dict[str, Any]]:
    random = np.random.default_rng(1)
    return [nchw({"image": random.uniform(-1, 1, (1, 64, 64, 3))}) for _ in range(4)]


def alpha(path: Path, sample: dict[str, Any]) -> Any:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, sample)[0]


def test_onnx_in_int8_stays_close(plain: Path, samples: list[dict[str, Any]], tmp_path: Path) -> None:
    import onnx

    out = tmp_path / "int8.onnx"
    quantize_onnx(plain, out, samples)
    nodes = onnx.load(str(out)).graph.node
    assert sum(n.op_type == "QuantizeLinear" for n in nodes) >= 4
    expected = alpha(plain, samples[0])
    assert expected.std() > 0.01
    assert np.abs(alpha(out, samples[0]) - expected).max() < 0.03
    assert list(tmp_path.iterdir()) == [out]


def test_openvino_in_int8_stays_close(plain: Path, samples: list[dict[str, Any]], tmp_path: Path) -> None:
    import openvino as ov

    out = tmp_path / "int8.xml"
    quantize_openvino(plain, out, samples)
    core = ov.Core()
    model = core.read_model(out)
    assert any(o.get_type_name() == "FakeQuantize" for o in model.get_ops())
    compiled = core.compile_model(model, "CPU")
    found = compiled(samples[0])[0]
    assert np.abs(found - alpha(plain, samples[0])).max() < 0.03


def test_wrong_samples_are_explained(plain: Path, tmp_path: Path) -> None:
    out = tmp_path / "no.onnx"
    for function in (quantize_onnx, quantize_openvino):
        with pytest.raises(PocketmatteError, match="needs calibration samples"):
            function(plain, out, [])
        with pytest.raises(PocketmatteError, match="lacks image"):
            function(plain, out, [{"picture": np.zeros((1, 3, 64, 64), np.float32)}])
    assert not out.exists()
