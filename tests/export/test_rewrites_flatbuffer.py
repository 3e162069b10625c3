"""Rewrites of .tflite graphs: each file runs before and after and gives the same output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from pocketmatte.core import PocketmatteError
from pocketmatte.export.flatbuffer import codes, operator_name, read_model, schema, tensor_name
from pocketmatte.export.flatbuffer_names import module_of
from pocketmatte.export.rewrites import rewrite_file
from tests.export.tflite_graphs import Builder, convolution

SHIPPED = Path(__file__).parents[2] / "pocketmatte" / "zoo" / "weights" / "base" / "base.tflite"
Array = np.ndarray[Any, Any]


def run(path: Path) -> list[Array]:
    interpreter: Any = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    random = np.random.default_rng(1)
    for detail in interpreter.get_input_details():
        interpreter.set_tensor(detail["index"], random.standard_normal(detail["shape"]).astype(np.float32))
    interpreter.invoke()
    return [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]


def operators(path: Path) -> list[str]:
    model = read_model(path)
    return [operator_name(model, o) for o in model.subgraphs[0].operators]


def check(before: Path, rewrite: str, count: int, bound: float = 1e-5) -> Path:
    """Apply a rewrite, compare the outputs, return the new file."""
    after = before.with_name(f"{rewrite}.tflite")
    assert rewrite_file(before, after, [rewrite]) == {rewrite: count}
    for old, new in zip(run(before), run(after), strict=True):
        assert old.std() > 1e-3
        np.testing.assert_allclose(new, old, atol=bound * np.abs(old).max(), rtol=0)
    return after


def prelu(b: Builder, source: int, slopes: int, fused: bool = False) -> int:
    """``relu(x) - a * relu(-x)``, the second ReLU ``fused`` or an operator; returns the result."""
    shape, minus = (1, 6, 6, 4), schema().MulOptionsT()
    minus.fusedActivationFunction = schema().ActivationFunctionType.RELU if fused else 0
    negative = b.add("MUL", [source, b.constant(np.float32([-1]))], shape, minus)
    if not fused:
        negative = b.add("RELU", [negative], shape)
    scaled = b.add("MUL", [negative, slopes], shape, schema().MulOptionsT())
    return b.add("SUB", [b.add("RELU", [source], shape), scaled], shape, schema().SubOptionsT())


@pytest.mark.parametrize("fused", [False, True])
def test_the_operators_of_a_prelu_become_one(tmp_path: Path, fused: bool) -> None:
    b = Builder(x=(1, 6, 6, 4))
    out = prelu(b, 0, b.weights(1, 1, 1, 4), fused)
    after = check(b.save(tmp_path / "prelu.tflite", out), "fuse-prelu", 1)
    assert operators(after) == ["PRELU"]


@pytest.mark.parametrize("form", ["prelu", "separate", "fused"])
def test_a_prelu_becomes_a_maximum(tmp_path: Path, form: str) -> None:
    b = Builder(x=(1, 6, 6, 4))
    slopes = np.float32([-0.3, 0.0, 0.25, 1.0])
    if form == "prelu":
        out = b.add("PRELU", [0, b.constant(slopes.reshape(1, 1, 4))], (1, 6, 6, 4))
    else:
        out = prelu(b, 0, b.constant(slopes.reshape(1, 1, 1, 4)), form == "fused")
    after = check(b.save(tmp_path / "prelu.tflite", out), "prelu-to-max", 1, bound=0.0)
    assert operators(after) == ["MUL", "MAXIMUM"]


def test_a_slope_above_one_is_no_maximum(tmp_path: Path) -> None:
    b = Builder(x=(1, 6, 6, 4))
    out = prelu(b, 0, b.constant(np.float32([0.1, 0.2, 1.5, 0.3]).reshape(1, 1, 1, 4)))
    check(b.save(tmp_path / "prelu.tflite", out), "prelu-to-max", 0)


def test_what_the_caller_reads_inside_a_prelu_stays(tmp_path: Path) -> None:
    b = Builder(x=(1, 6, 6, 4))
    out = prelu(b, 0, b.weights(1, 1, 1, 4))
    positive = int(b.model.subgraphs[0].operators[-2].outputs[0])
    after = check(b.save(tmp_path / "prelu.tflite", out, positive), "fuse-prelu", 1)
    assert sorted(operators(after)) == ["PRELU", "RELU"]


def affine(b: Builder, source: int, *steps: str, relu: bool = False) -> int:
    """Operators with a constant per channel each, the last with a ReLU; returns the result."""
    for number, kind in enumerate(steps):
        options = getattr(schema(), f"{kind.title()}OptionsT")()
        options.fusedActivationFunction = int(relu and number == len(steps) - 1)
        source = b.add(kind, [source, b.weights(1, 1, 1, 4)], (1, 6, 6, 4), options)
    return source


def test_a_batch_norm_in_four_operators_becomes_two(tmp_path: Path) -> None:
    b = Builder(x=(1, 6, 6, 4))
    out = affine(b, 0, "SUB", "MUL", "MUL", "ADD", relu=True)
    after = check(b.save(tmp_path / "norm.tflite", out), "merge-affine", 1)
    assert operators(after) == ["MUL", "ADD"]


def test_only_runs_that_nobody_else_reads_and_that_are_too_long_are_merged(tmp_path: Path) -> None:
    b = Builder(x=(1, 6, 6, 4))
    tapped = affine(b, affine(b, 0, "MUL", "ADD"), "MUL", relu=True)
    out = b.add("ADD", [tapped, affine(b, tapped, "SUB", "ADD")], (1, 6, 6, 4), schema().AddOptionsT())
    after = check(b.save(tmp_path / "runs.tflite", out), "merge-affine", 2)
    assert operators(after) == ["MUL", "ADD", "ADD", "ADD"]


@pytest.mark.parametrize(
    ("amounts", "stride", "merged"),
    [((1, 1, 1, 1), 1, 1), ((0, 1, 0, 1), 2, 1), ((1, 1, 1, 1), 2, 0), ((2, 0, 1, 1), 1, 0)],
)
def test_padding_joins_the_convolution_only_where_same_is_the_same(
    tmp_path: Path, amounts: tuple[int, ...], stride: int, merged: int
) -> None:
    b = Builder(x=(1, 8, 8, 3))
    top, bottom, left, right = amounts
    pads = b.constant(np.array([[0, 0], [top, bottom], [left, right], [0, 0]], np.int32))
    padded = b.add("PAD", [0, pads], (1, 8 + top + bottom, 8 + left + right, 3), schema().PadOptionsT())
    side = (8 + top + bottom - 3) // stride + 1
    inputs = [padded, b.weights(5, 3, 3, 3), b.weights(5)]
    out = b.add("CONV_2D", inputs, (1, side, side, 5), convolution("VALID", stride))
    after = check(b.save(tmp_path / "pad.tflite", out), "merge-pad", merged)
    assert ("PAD" in operators(after)) == (not merged)


def test_transpositions_that_undo_each_other_go(tmp_path: Path) -> None:
    b = Builder(x=(1, 4, 6, 3))
    to_nchw = b.add("TRANSPOSE", [0, b.constant(np.int32([0, 3, 1, 2]))], (1, 3, 4, 6), schema().TransposeOptionsT())
    back = b.add("TRANSPOSE", [to_nchw, b.constant(np.int32([0, 2, 3, 1]))], (1, 4, 6, 3), schema().TransposeOptionsT())
    relu = b.add("RELU", [back], (1, 4, 6, 3))
    last = b.add("TRANSPOSE", [relu, b.constant(np.int32([0, 3, 1, 2]))], (1, 3, 4, 6), schema().TransposeOptionsT())
    after = check(b.save(tmp_path / "t.tflite", last), "remove-transposes", 1)
    assert operators(after) == ["RELU", "TRANSPOSE"]


def test_average_pooling_becomes_a_convolution(tmp_path: Path) -> None:
    b = Builder(x=(1, 8, 8, 5))
    options = schema().Pool2DOptionsT()
    options.padding, options.fusedActivationFunction = codes("Padding")["VALID"], 0
    options.filterHeight = options.filterWidth = options.strideH = options.strideW = 2
    out = b.add("AVERAGE_POOL_2D", [0], (1, 4, 4, 5), options)
    after = check(b.save(tmp_path / "pool.tflite", out), "pool-to-convolution", 1)
    assert operators(after) == ["DEPTHWISE_CONV_2D"]


@pytest.mark.parametrize(("channels", "count"), [(1, 1), (2, 0)])
def test_resizing_one_channel_takes_rows_and_columns_in_turn(tmp_path: Path, channels: int, count: int) -> None:
    b = Builder(x=(1, 5, 7, channels))
    options = schema().ResizeBilinearOptionsT()
    options.halfPixelCenters = True
    out = b.add("RESIZE_BILINEAR", [0, b.constant(np.int32([10, 21]))], (1, 10, 21, channels), options)
    after = check(b.save(tmp_path / "resize.tflite", out), "split-resize", count)
    assert operators(after).count("RESIZE_BILINEAR") == 1 + count


def test_layers_of_few_channels_take_pixels_in_pairs(tmp_path: Path) -> None:
    b = Builder(x=(1, 128, 128, 3))
    relu6 = convolution("SAME", 2)
    relu6.fusedActivationFunction = codes("ActivationFunctionType")["RELU6"]
    stem = b.add("CONV_2D", [0, b.weights(8, 3, 3, 3), b.weights(8)], (1, 64, 64, 8), relu6)
    depthwise = schema().DepthwiseConv2DOptionsT()
    depthwise.padding, depthwise.strideW, depthwise.strideH = codes("Padding")["SAME"], 1, 1
    depthwise.depthMultiplier = depthwise.dilationWFactor = depthwise.dilationHFactor = 1
    mixed = b.add("DEPTHWISE_CONV_2D", [stem, b.weights(1, 3, 3, 8), b.weights(8)], (1, 64, 64, 8), depthwise)
    small = b.add("CONV_2D", [mixed, b.weights(4, 1, 1, 8), b.weights(4)], (1, 64, 64, 4), convolution("VALID", 1))
    wide = b.add("CONV_2D", [small, b.weights(16, 1, 1, 4), b.weights(16)], (1, 64, 64, 16), convolution("VALID", 1))
    after = check(b.save(tmp_path / "few.tflite", wide), "pair-pixels", 3)
    # one reshape to pairs for the picture and one for the two layers in a row, one back
    assert operators(after) == ["RESHAPE", "CONV_2D", "RESHAPE", "CONV_2D", "CONV_2D", "RESHAPE", "CONV_2D"]
    check(after, "pair-pixels", 0)


@pytest.mark.parametrize(("side", "channels"), [(32, 8), (65, 8), (128, 16)])
def test_small_odd_or_wide_maps_stay_single_pixels(tmp_path: Path, side: int, channels: int) -> None:
    b = Builder(x=(1, side, side, 3))
    inputs = [0, b.weights(channels, 1, 1, 3), b.weights(channels)]
    out = b.add("CONV_2D", inputs, (1, side, side, channels), convolution("SAME", 1))
    check(b.save(tmp_path / "single.tflite", out), "pair-pixels", 0)


def test_the_prior_gets_a_convolution_of_its_own(tmp_path: Path) -> None:
    b = Builder(image=(1, 8, 8, 3), prior=(1, 8, 8, 1))
    options = schema().ConcatenationOptionsT()
    options.axis = 3
    joined = b.add("CONCATENATION", [0, 1], (1, 8, 8, 4), options)
    conv = convolution("SAME", 2)
    conv.fusedActivationFunction = codes("ActivationFunctionType")["RELU6"]
    out = b.add("CONV_2D", [joined, b.weights(6, 3, 3, 4), b.weights(6)], (1, 4, 4, 6), conv)
    after = check(b.save(tmp_path / "prior.tflite", out), "split-prior", 1)
    assert operators(after) == ["CONV_2D", "CONV_2D", "ADD"]


def test_half_weights_expand_and_names_shorten_without_changing_the_matte(tmp_path: Path) -> None:
    plain = tmp_path / "plain.tflite"
    counts = rewrite_file(SHIPPED, plain, ["expand-half", "short-names"])
    assert counts["expand-half"] > 50
    assert "DEQUANTIZE" not in operators(plain)
    np.testing.assert_allclose(run(plain)[0], run(SHIPPED)[0], atol=1e-5)
    graph = read_model(plain).subgraphs[0]
    names = [tensor_name(graph, i) for i in range(len(graph.tensors))]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) < 60
    assert any(n.startswith("decode4.mix.0") for n in names)


@pytest.mark.parametrize(
    ("name", "module"),
    [
        (
            "pkg.wrap.AlphaNet/pkg.unet.MatteUNet_network/pkg.blocks.Context_context/torch.nn.Conv2d_far_end;3",
            "context.far_end",
        ),
        ("encoder.stem.0;2", "encoder.stem.0"),
        ("serving_default_image", ""),
        ("arith.constant12", ""),
        ("StatefulPartitionedCall:0", ""),
    ],
)
def test_module_names(name: str, module: str) -> None:
    assert module_of(name) == module


def test_unknown_names_are_listed(tmp_path: Path) -> None:
    with pytest.raises(PocketmatteError, match="unknown rewrite 'magic' for files; known: expand-half"):
        rewrite_file(SHIPPED, tmp_path / "x.tflite", ["magic"])
    assert not list(tmp_path.iterdir())
