"""What OpenVINO has beyond the contract of all runtimes: its own files and .tflite, one precision, several at once."""

from pathlib import Path

import numpy as np
import pytest

from pocketmatte.core import PocketmatteError
from pocketmatte.export.rewrites import rewrite_file
from pocketmatte.pipeline.golden import check_golden
from pocketmatte.pipeline.pipeline import Pipeline, load
from pocketmatte.runtime.base import open_session
from pocketmatte.spec import read_spec

MODEL = Path(__file__).parents[2] / "weights/base"
SHIPPED = Path(__file__).parents[2] / "pocketmatte/zoo/weights"


@pytest.fixture(scope="module")
def xml(tmp_path_factory):
    import openvino as ov

    path = tmp_path_factory.mktemp("ir") / "m.xml"
    ov.save_model(ov.convert_model(str(MODEL / "base.onnx")), str(path))
    return path


def test_xml_repeats_the_golden_vector(xml):
    spec = read_spec(MODEL / "spec.json")
    with Pipeline(open_session(xml, threads=1), spec) as pipeline:
        assert pipeline.session.describe().runtime == "openvino"
        worst, bound = check_golden(pipeline)
    assert worst <= bound


def test_xml_without_its_weights_is_one_line(xml, tmp_path):
    (tmp_path / "m.xml").write_bytes(xml.read_bytes())
    with pytest.raises(PocketmatteError, match=r"expected m\.bin beside it"):
        open_session(tmp_path / "m.xml")


def test_computes_in_single_precision_whatever_the_processor_prefers(xml):
    session = open_session(xml, threads=1)
    nodes = session.describe().nodes
    assert nodes["f32"] > 20
    assert "bf16" not in nodes
    x = np.random.default_rng(0).normal(size=(1, 3, 256, 256)).astype(np.float32)
    other = open_session(MODEL / "base.onnx", "onnxruntime", threads=1).run({"image": x})["alpha"]
    assert np.abs(session.run({"image": x})["alpha"] - other).max() < 1e-4


def test_many_at_once_come_back_in_order(xml):
    session = open_session(xml, threads=1)
    pictures = [np.full((1, 3, 256, 256), value, np.float32) for value in (-1, 0, 1, 2, 3)]
    together = [a["alpha"] for a in session.run_many(({"image": p} for p in pictures), jobs=2)]
    alone = [session.run({"image": p})["alpha"] for p in pictures]
    assert len(together) == 5
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    session.close()
    with pytest.raises(PocketmatteError, match="closed"):
        next(session.run_many([{"image": pictures[0]}]))


def test_runs_a_model_by_name_of_the_runtime():
    with load(MODEL, runtime="openvino") as pipeline:
        assert pipeline.session.describe().runtime == "openvino"


@pytest.mark.parametrize("name", ["nano", "nano-video"])
@pytest.mark.parametrize("precision", ["fp16", "fp32"])
def test_a_tflite_gives_what_litert_gives(name, precision, tmp_path):
    file = SHIPPED / name / f"{name}.tflite"
    if precision == "fp32":
        assert rewrite_file(file, tmp_path / file.name, ["expand-half"])["expand-half"] > 0
        file = tmp_path / file.name
    reference, session = open_session(file, "litert", threads=1), open_session(file, "openvino", threads=1)
    rng = np.random.default_rng(0)
    assert session.inputs == reference.inputs
    assert session.outputs == reference.outputs
    inputs = {i.name: rng.random(i.shape, np.float32) for i in session.inputs}
    for _ in range(3):  # fed with their own answers where they take them
        expected, found = reference.run(inputs)["alpha"], session.run(inputs)["alpha"]
        assert np.abs(found - expected).max() < 1e-5
        inputs |= {"prior": found} if "prior" in inputs else {}


def test_a_mended_copy_of_a_tflite_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = (SHIPPED / "nano/nano.tflite").read_bytes()
    open_session(SHIPPED / "nano/nano.tflite", "openvino", threads=1).close()
    assert (SHIPPED / "nano/nano.tflite").read_bytes() == before
    assert list(tmp_path.iterdir()) == []
