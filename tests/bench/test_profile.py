"""Time per operator: the cut models compute what the whole network computes, and the tables add up."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from pocketmatte.apps.cli import app
from pocketmatte.bench.summary import by_node_type, short, slowest, summary_text
from pocketmatte.core import PocketmatteError
from pocketmatte.runtime.cut_litert import cut_operators, kinds_of
from pocketmatte.runtime.profile import OperatorTime, Profile, profile_file

ROOT = Path(__file__).parents[2]
TFLITE = ROOT / "pocketmatte/zoo/weights/base/base.tflite"
ONNX = ROOT / "weights/base/base.onnx"


def run(model: bytes, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Inputs and outputs by the names of their tensors."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    for detail in interpreter.get_input_details():
        interpreter.set_tensor(detail["index"], values[detail["name"]])
    interpreter.invoke()
    return {d["name"]: interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()}


def test_cut_operators_one_after_the_other_are_the_network():
    model = TFLITE.read_bytes()
    cuts = cut_operators(model)
    kinds = kinds_of(model)
    del kinds["DEQUANTIZE"]  # of weights in half precision: each goes with its convolution
    assert Counter(cut.kind for cut in cuts) == kinds
    picture = np.random.default_rng(0).random((1, 256, 256, 3), np.float32)
    tensors = inputs(model, picture)
    (name, expected), *others = run(model, tensors).items()
    assert not others
    for cut in cuts:
        tensors |= run(cut.model, tensors)
    np.testing.assert_allclose(tensors[name], expected, atol=1e-4)


def inputs(model: bytes, picture: np.ndarray) -> dict[str, np.ndarray]:
    from ai_edge_litert.interpreter import Interpreter

    return {d["name"]: picture for d in Interpreter(model_content=model).get_input_details()}


@pytest.mark.parametrize(
    ("path", "runtime", "kind"),
    [
        (TFLITE, "litert", "CONV_2D"),
        (ONNX, "onnxruntime", "Conv"),
        (ONNX, "openvino", "Convolution"),
        (TFLITE, "openvino", "Convolution"),
    ],
)
def test_profiles_of_the_shipped_model(path, runtime, kind):
    profile = profile_file(path, runtime, 1, rounds=2, warm_up=1)
    assert profile.whole > 0
    assert sum(o.kind == kind for o in profile.operators) >= 30
    assert 0.2 * profile.whole < profile.total < 20 * profile.whole
    assert by_node_type(profile)[-1]["cdf_percent"] == pytest.approx(100)


def test_tables_add_up():
    operators = (OperatorTime("CONV", "a/b", 3.0), OperatorTime("ADD", "c", 1.0), OperatorTime("CONV", "d", 4.0))
    profile = Profile("x", operators, 10.0, 7, "by hand", ("a note",))
    assert by_node_type(profile) == [
        {"node_type": "CONV", "count": 2, "avg_ms": 7.0, "percent": 87.5, "cdf_percent": 87.5},
        {"node_type": "ADD", "count": 1, "avg_ms": 1.0, "percent": 12.5, "cdf_percent": 100.0},
    ]
    assert [r["name"] for r in slowest(profile, 2)] == ["d", "a/b"]
    text = summary_text(profile, "title")
    assert "sum of the operators 8.000 ms, undivided network 10.000 ms: -20.0 %" in text
    assert "[Node type]" in text
    assert text.endswith("a note")


def test_names_are_shortened_to_their_end():
    assert short("x.y.Net/a.b.Block_1/torch.nn.Conv2d_0/torch.ReLU_2;fused;1") == "Block_1/Conv2d_0/ReLU_2"


def test_verb_prints_the_summary_or_json():
    arguments = ["bench", "base", "--profile", "--threads", "1", "--rounds", "1"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "Summary by node type" in result.stdout
    (document,) = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert document["sum_ms"] == pytest.approx(sum(o["milliseconds"] for o in document["operators"]))


def test_runtime_without_a_profiler_says_so():
    with pytest.raises(PocketmatteError, match="no profile per operator from tensorrt"):
        profile_file(ONNX, "tensorrt", 1, 1)
