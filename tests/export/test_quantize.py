"""Quantised files on the network that ships: real weights, real portrait."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from pocketmatte.core import PocketmatteError

pytestmark = pytest.mark.build
ZOO = Path(__file__).parents[2] / "pocketmatte" / "zoo" / "weights" / "base"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """base as a plain fp32 file."""
    from pocketmatte.export.flatbuffer import read_model, write_model
    from pocketmatte.export.rewrites_flatbuffer import expand_half, short_names

    model = read_model(ZOO / "base.tflite")
    assert expand_half(model) > 50
    short_names(model)
    path = tmp_path_factory.mktemp("plain") / "plain.tflite"
    write_model(model, path)
    return path


@pytest.fixture(scope="module")
def picture() -> np.ndarray[Any, np.dtype[np.float32]]:
    """The input tensor of the golden vectors."""
    return np.load(ZOO / "golden.npz")["tensor"].astype(np.float32)


def alpha(path: Path, picture: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    interpreter: Any = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    (entry,), (out,) = interpreter.get_input_details(), interpreter.get_output_details()
    if entry["dtype"] == np.int8:
        scale, zero = entry["quantization"]
        picture = np.clip(np.round(picture / scale) + zero, -128, 127).astype(np.int8)
    interpreter.set_tensor(entry["index"], picture)
    interpreter.invoke()
    found = interpreter.get_tensor(out["index"])
    if out["dtype"] == np.int8:
        scale, zero = out["quantization"]
        found = (found.astype(np.float32) - zero) * scale
    return found


@pytest.mark.parametrize(
    ("mode", "share", "bound"),
    [("fp16", 0.55, 2e-3), ("dynamic", 0.55, 0.02), ("int8", 0.35, 0.02), ("int8-io", 0.35, 0.02)],
)
def test_modes_shrink_the_file_and_keep_the_matte(
    plain: Path, picture: Any, tmp_path: Path, mode: Any, share: float, bound: float
) -> None:
    from pocketmatte.export.quantize import quantize_litert

    out = tmp_path / "q.tflite"
    quantize_litert(plain, out, mode, [{"image": picture}])
    assert out.stat().st_size < share * plain.stat().st_size
    assert np.abs(alpha(out, picture) - alpha(plain, picture)).mean() < bound
    details = Interpreter(str(out)).get_input_details()
    assert details[0]["dtype"] == (np.int8 if mode == "int8-io" else np.float32)


def test_mixed_leaves_the_named_operators_in_float(plain: Path, picture: Any, tmp_path: Path) -> None:
    from pocketmatte.export.flatbuffer import operator_name, read_model, type_name
    from pocketmatte.export.quantize import quantize_litert

    graph = read_model(plain).subgraphs[0]
    first = graph.tensors[int(graph.operators[0].outputs[0])].name.decode()
    out = tmp_path / "mixed.tflite"
    quantize_litert(plain, out, "mixed", [{"image": picture}], [first, "LOGISTIC"])
    model = read_model(out)
    graph = model.subgraphs[0]
    kinds = [(operator_name(model, o), type_name(graph, int(o.outputs[0]))) for o in graph.operators]
    assert next(kind for name, kind in kinds if name == "CONV_2D") == "FLOAT32"
    assert [kind for name, kind in kinds if name == "LOGISTIC"] == ["FLOAT32", "FLOAT32"]
    assert sum(name == "CONV_2D" and kind == "INT8" for name, kind in kinds) > 20


def test_the_last_sigmoid_stays_float_and_the_rest_does_not(plain: Path, picture: Any, tmp_path: Path) -> None:
    from pocketmatte.export.flatbuffer import operator_name, read_model, type_name
    from pocketmatte.export.quantize import quantize_litert

    quantize_litert(plain, tmp_path / "int8.tflite", "int8", [{"image": picture}])
    model = read_model(tmp_path / "int8.tflite")
    graph = model.subgraphs[0]
    kinds = [(operator_name(model, o), type_name(graph, int(o.outputs[0]))) for o in graph.operators]
    assert kinds[-2:] == [("DEQUANTIZE", "FLOAT32"), ("LOGISTIC", "FLOAT32")]
    assert {kind for name, kind in kinds[:-2]} == {"INT8"}
    assert not {"AVERAGE_POOL_2D"} & {name for name, _ in kinds}


def test_the_previous_alpha_has_all_levels_to_itself(tmp_path: Path) -> None:
    from pocketmatte.export.quantize import quantize_litert
    from tests.export.tflite_graphs import Builder, convolution, schema

    b = Builder(image=(1, 8, 8, 3), prior=(1, 8, 8, 1))
    options = schema().ConcatenationOptionsT()
    options.axis = 3
    joined = b.add("CONCATENATION", [0, 1], (1, 8, 8, 4), options)
    out = b.add("CONV_2D", [joined, b.weights(6, 3, 3, 4), b.weights(6)], (1, 4, 4, 6), convolution("SAME", 2))
    b.sign(image=0, prior=1)
    plain = b.save(tmp_path / "plain.tflite", out)
    samples = [
        {"image": np.random.default_rng(n).uniform(-1, 1, (1, 8, 8, 3)), "prior": np.zeros((1, 8, 8, 1))}
        for n in (1, 2)
    ]
    quantize_litert(plain, tmp_path / "q.tflite", "int8-io", samples)
    details = {d["name"]: d for d in Interpreter(str(tmp_path / "q.tflite")).get_input_details()}
    scale, zero = details["prior"]["quantization"]
    assert (scale, zero) == (pytest.approx(1 / 255), -128)
    assert details["image"]["quantization"][0] == pytest.approx(2 / 255, rel=0.05)


def test_transposed_convolutions_with_a_bias_become_int8(tmp_path: Path) -> None:
    """The converter gives their bias four axes, of which the quantiser takes the first for the channels."""
    import torch

    from pocketmatte.export.litert import to_litert
    from pocketmatte.export.quantize import quantize_litert
    from pocketmatte.models import create_model

    torch.manual_seed(0)
    network = create_model("prisma-net", width=0.125, size=32).eval()
    to_litert(network, (32, 32), tmp_path / "plain.tflite")
    rng = np.random.default_rng(0)
    samples = [{"image": rng.uniform(-1, 1, (1, 32, 32, 3)).astype(np.float32)} for _ in range(4)]
    quantize_litert(tmp_path / "plain.tflite", tmp_path / "q.tflite", "int8", samples)
    tensors = Interpreter(str(tmp_path / "q.tflite")).get_tensor_details()
    assert sum(t["dtype"] == np.int8 for t in tensors) > 20
    one = samples[0]["image"]
    assert np.abs(alpha(tmp_path / "q.tflite", one) - alpha(tmp_path / "plain.tflite", one)).max() < 0.05


def test_rounded_kernels_keep_their_sums() -> None:
    from pocketmatte.export.quantize_rounding import sum_keeping

    random = np.random.default_rng(0)
    weights = random.normal(size=(1, 5, 5, 32)).astype(np.float32)
    weights[..., 7] = 0
    kept = sum_keeping(weights, 3)
    step = np.abs(weights).max((0, 1, 2)) / 127
    assert (np.abs(kept - weights) <= 1.001 * step).all()
    assert (np.abs(kept.sum((0, 1, 2)) - weights.sum((0, 1, 2))) <= 0.501 * step).all()
    np.testing.assert_allclose(np.abs(kept).max((0, 1, 2)), np.abs(weights).max((0, 1, 2)), rtol=1e-6)
    levels = np.divide(kept, step, out=np.zeros_like(kept), where=step > 0)
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-3)
    nearest = (np.rint(np.divide(weights, step, out=np.zeros_like(kept), where=step > 0)) * step).sum((0, 1, 2))
    assert np.abs(nearest - weights.sum((0, 1, 2))).max() > step.max()  # what would be lost without
    np.testing.assert_allclose(sum_keeping(kept, 3), kept, rtol=1e-6, atol=1e-9)


def test_a_flat_region_answers_as_in_float(tmp_path: Path) -> None:
    """Kernels that take differences of neighbours, on a picture without any."""
    from pocketmatte.export.quantize import quantize_litert
    from tests.export.tflite_graphs import Builder, codes, schema

    b = Builder(x=(1, 64, 64, 32))
    kernels = np.random.default_rng(3).normal(size=(1, 5, 5, 32)).astype(np.float32)
    kernels -= kernels.mean((1, 2), keepdims=True)
    options = schema().DepthwiseConv2DOptionsT()
    options.padding, options.strideW, options.strideH = codes("Padding")["VALID"], 1, 1
    options.depthMultiplier = options.dilationWFactor = options.dilationHFactor = 1
    inputs = [0, b.constant(kernels), b.constant(np.zeros(32, np.float32))]
    out = b.add("DEPTHWISE_CONV_2D", inputs, (1, 60, 60, 32), options)
    b.sign(x=0)
    plain = b.save(tmp_path / "plain.tflite", out)
    random = np.random.default_rng(0)
    samples = [{"x": random.random((1, 64, 64, 32), np.float32)} for _ in range(4)]
    quantize_litert(plain, tmp_path / "q.tflite", "int8", samples)
    flat = np.ones((1, 64, 64, 32), np.float32)
    found = alpha(tmp_path / "q.tflite", flat)
    assert np.abs(alpha(plain, flat)).max() < 1e-4
    nearest = np.rint(kernels / np.abs(kernels).max((1, 2), keepdims=True) * 127).sum((0, 1, 2))
    lost = np.abs(nearest * np.abs(kernels).max((0, 1, 2)) / 127)
    assert lost.mean() > 0.01
    assert np.abs(found).mean() < 0.5 * lost.mean()


def test_wrong_use_is_explained(plain: Path, tmp_path: Path) -> None:
    from pocketmatte.export.quantize import quantize_litert

    out = tmp_path / "no.tflite"
    with pytest.raises(PocketmatteError, match="unknown quantisation 'int4'"):
        quantize_litert(plain, out, "int4")  # type: ignore[arg-type]
    with pytest.raises(PocketmatteError, match="needs calibration samples"):
        quantize_litert(plain, out, "int8")
    with pytest.raises(PocketmatteError, match="no operator CONV_3D"):
        quantize_litert(plain, out, "mixed", [], ["CONV_3D"])
    with pytest.raises(PocketmatteError, match="lacks image"):
        quantize_litert(plain, out, "int8", [{"picture": np.zeros((1, 8, 8, 3), np.float32)}])
    assert not out.exists()
