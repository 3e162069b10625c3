"""What OpenVINO has beyond the contract of all runtimes: its own file form, single precision, several at once."""

from pathlib import Path

import numpy as np
import pytest

from pocketmatte.core import PocketmatteError
from pocketmatte.pipeline.golden import check_golden
from pocketmatte.pipeline.pipeline import Pipeline, load
from pocketmatte.runtime.base import open_session
from pocketmatte.spec import read_spec

MODEL = Path(__file__).parents[2] / "weights/base"


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
