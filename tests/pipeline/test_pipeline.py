"""The pipeline is driven by the spec alone: layout, colour order, letterbox, output kind, state."""

from dataclasses import replace

import numpy as np
import pytest

from pocketmatte.core import Frame, PocketmatteError, Size
from pocketmatte.pipeline.pipeline import Pipeline, load
from pocketmatte.pipeline.tensors import prepare, read_alpha
from pocketmatte.runtime.base import open_session
from pocketmatte.spec import InputSpec, ModelSpec, OutputSpec, StateSpec
from pocketmatte.zoo.find import list_models

BASE = list_models()[0]


def spec_like(**changes) -> ModelSpec:
    return replace(BASE, **changes)


def picture(height=40, width=60):
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)


def test_prepare_is_the_formula_of_the_spec():
    source = InputSpec("image", Size(40, 60), mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))
    image = picture()
    expected = (image / 255 - np.array(source.mean)) / np.array(source.std)
    nhwc = prepare(image, spec_like(input=source), "nhwc").tensor
    assert nhwc.dtype == np.float32
    assert np.abs(nhwc[0] - expected).max() < 1e-6
    nchw = prepare(image, spec_like(input=source), "nchw").tensor
    assert np.array_equal(nchw, nhwc.transpose(0, 3, 1, 2))
    assert nchw.flags.c_contiguous


def test_bgr_input():
    rgb = prepare(picture(), spec_like(input=InputSpec("image", Size(40, 60))), "nhwc").tensor
    bgr = prepare(picture(), spec_like(input=InputSpec("image", Size(40, 60), color="bgr")), "nhwc").tensor
    assert np.array_equal(bgr, rgb[..., ::-1])


def test_letterbox_keeps_the_aspect_and_comes_back_to_the_picture():
    source = InputSpec("image", Size(64, 64), resize="letterbox", pad=255)
    prepared = prepare(picture(32, 64), spec_like(input=source), "nhwc")
    assert (prepared.tensor[0, :16] == 1).all()
    assert (prepared.tensor[0, 48:] == 1).all()
    assert prepared.geometry.inverse(np.zeros((64, 64), np.float32)).shape == (32, 64)


@pytest.mark.parametrize("kind", ["alpha", "logits", "two-logits"])
def test_output_kinds(kind):
    spec = spec_like(input=InputSpec("image", Size(2, 3)), output=OutputSpec("alpha", kind, 0))
    alpha = np.array([[0.1, 0.5, 0.9], [0.2, 0.7, 0.4]], np.float32)
    logits = np.log(alpha / (1 - alpha))
    maps = {
        "alpha": alpha[..., None],
        "logits": logits[..., None],
        "two-logits": np.dstack([logits + 3, 0 * logits + 3]),
    }
    tensor = maps[kind][None].astype(np.float32)
    for layout, given in (("nhwc", tensor), ("nchw", tensor.transpose(0, 3, 1, 2))):
        assert np.abs(read_alpha(given, spec, layout) - alpha).max() < 1e-6
    assert np.abs(read_alpha(tensor.reshape(1, -1), spec, "nchw") - alpha).max() < 1e-6  # flat output


def test_outputs_of_another_rank_are_refused():
    with pytest.raises(PocketmatteError, match="rank 2 or 4"):
        read_alpha(np.zeros((1, 2, 3, 4, 5), np.float32), BASE, "nhwc")


@pytest.fixture
def stateful(tmp_path):
    """A real ONNX model with a previous-mask input: alpha = 0.5 x prior + 0.5 x red."""
    import onnx
    from onnx import TensorProto, helper

    shape = [1, 1, 8, 8]
    nodes = [
        helper.make_node("Slice", ["image", "start", "end", "axis"], ["red"]),
        helper.make_node("Mul", ["red", "half"], ["a"]),
        helper.make_node("Mul", ["prior", "half"], ["b"]),
        helper.make_node("Add", ["a", "b"], ["alpha"]),
    ]
    constants = [helper.make_tensor(n, TensorProto.INT64, [1], [v]) for n, v in (("start", 0), ("end", 1), ("axis", 1))]
    constants.append(helper.make_tensor("half", TensorProto.FLOAT, [1], [0.5]))
    inputs = [
        helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 8, 8]),
        helper.make_tensor_value_info("prior", TensorProto.FLOAT, shape),
    ]
    outputs = [helper.make_tensor_value_info("alpha", TensorProto.FLOAT, shape)]
    graph = helper.make_graph(nodes, "stateful", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = tmp_path / "stateful.onnx"
    onnx.save(model, str(path))
    state = StateSpec("prior", "alpha", (1, 1, 8, 8))
    spec = spec_like(input=InputSpec("image", Size(8, 8)), output=OutputSpec("alpha"), states=(state,))
    return Pipeline(open_session(path), spec, refine="bilinear", clean="off", foreground="none")


@pytest.mark.build
def test_state_is_carried_and_forgotten_on_reset(stateful):
    frame = Frame(np.full((8, 8, 3), 255, np.uint8))
    seen = [stateful.step(frame).alpha.mean() for _ in range(3)]
    assert seen == pytest.approx([0.5, 0.75, 0.875])
    stateful.reset()
    assert stateful.step(frame).alpha.mean() == pytest.approx(0.5)


@pytest.mark.build
def test_a_description_that_does_not_fit_its_file_is_refused_at_once(stateful):
    with pytest.raises(PocketmatteError, match="does not fit its file"):
        Pipeline(stateful.session, replace(stateful.spec, states=()))


def test_step_tells_its_stages_and_keeps_the_time():
    from fractions import Fraction

    heard = []
    with load() as pipeline:
        matte = pipeline.step(
            Frame(picture(90, 70), Fraction(7, 25)), lambda stage, seconds: heard.append((stage, seconds))
        )
    assert [stage for stage, _ in heard] == ["preprocess", "infer", "refine", "foreground"]
    assert all(seconds > 0 for _, seconds in heard)
    assert matte.pts == Fraction(7, 25)
    assert matte.size == (90, 70)


def test_unknown_ways_are_refused():
    with pytest.raises(PocketmatteError, match="unknown refinement 'x'; known: guided, bilinear"):
        load(refine="x")
    with pytest.raises(PocketmatteError, match="unknown foreground estimation 'x'; known: fast, ml, none"):
        load(foreground="x")
