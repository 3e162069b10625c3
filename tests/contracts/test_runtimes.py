"""Every runtime gives the same answer on the golden vectors, says truthfully where it runs, and fails helpfully."""

from pathlib import Path

import numpy as np
import pytest

from pocketmatte.core import PocketmatteError
from pocketmatte.pipeline.golden import check_golden, read_golden
from pocketmatte.pipeline.pipeline import Pipeline
from pocketmatte.runtime.base import RUNTIMES, Session, formats_of, installed, open_session, runtime_for
from pocketmatte.spec import read_spec

REPOSITORY = Path(__file__).parents[2]
SPECS = {
    "litert": REPOSITORY / "pocketmatte/zoo/weights/base/spec.json",
    "onnxruntime": REPOSITORY / "weights/base/spec.json",
    "openvino": REPOSITORY / "weights/base/spec.json",
}
HARDWARE = {"tensorrt", "coral"}  # they run only where there is a device that no test machine has


@pytest.fixture(params=sorted(SPECS))
def opened(request):
    spec = read_spec(SPECS[request.param])
    path = spec.path_of(spec.file_for(formats_of(request.param)[-1]))
    session = open_session(path, request.param, threads=1)
    yield request.param, spec, path, session
    session.close()


def zeros(session: Session) -> dict[str, np.ndarray]:
    return {i.name: np.zeros(i.shape, i.dtype) for i in session.inputs}


def test_every_runtime_has_a_file_to_be_tested_with():
    assert set(SPECS) | HARDWARE == set(RUNTIMES)
    assert all(installed(RUNTIMES[name]) for name in SPECS)
    assert all(RUNTIMES[name].untested == (name in HARDWARE) for name in RUNTIMES)


@pytest.mark.parametrize("name", sorted(HARDWARE))
def test_a_runtime_without_its_hardware_says_what_is_needed(name, tmp_path):
    entry = RUNTIMES[name]
    assert not installed(entry)
    file = tmp_path / f"x{entry.suffixes[0]}"
    file.write_bytes(b"")
    with pytest.raises(PocketmatteError, match=f"{name} runtime, which is not installed") as caught:
        open_session(file, name)
    assert entry.install in str(caught.value)
    assert "\n" not in str(caught.value)


def test_golden_vectors(opened):
    _, spec, _, session = opened
    worst, bound = check_golden(Pipeline(session, spec))
    assert worst <= bound <= 0.02


def test_golden_check_notices_another_answer(opened, monkeypatch):
    _, spec, _, session = opened
    vectors = read_golden(spec)
    vectors["alpha"] = np.roll(vectors["alpha"], 8, axis=1)
    monkeypatch.setattr("pocketmatte.pipeline.golden.read_golden", lambda _: vectors)
    worst, bound = check_golden(Pipeline(session, spec))
    assert worst > 10 * bound


def test_describes_itself_truthfully(opened):
    name, _, _, session = opened
    placement = session.describe()
    assert (placement.runtime, placement.device, placement.threads) == (name, "cpu", 1)
    assert sum(placement.nodes.values()) > 1
    assert placement.version[0].isdigit()


def test_runs_are_repeatable_and_results_are_the_callers(opened):
    _, _, _, session = opened
    inputs = zeros(session)
    first = session.run(inputs)["alpha"]
    kept = first.copy()
    inputs["image"] = inputs["image"] + 1
    session.run(inputs)
    assert np.array_equal(first, kept)
    assert np.array_equal(session.run(zeros(session))["alpha"], kept)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda i: {}, "expected .*image.*found"),
        (lambda i: {**i, "more": i["image"]}, "more"),
        (lambda i: {"image": i["image"][..., :2]}, "model input image: expected float32"),
        (lambda i: {"image": i["image"].astype(np.float64)}, "found float64"),
    ],
)
def test_wrong_inputs_say_what_was_expected(opened, change, message):
    session = opened[3]
    with pytest.raises(PocketmatteError, match=message):
        session.run(change(zeros(session)))


def test_close_twice_then_run(opened):
    _, _, _, session = opened
    inputs = zeros(session)
    session.close()
    session.close()
    with pytest.raises(PocketmatteError, match="closed"):
        session.run(inputs)


def test_a_broken_file_is_one_clear_line(opened, tmp_path):
    _, _, path, _ = opened
    broken = tmp_path / f"x{path.suffix}"
    broken.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(PocketmatteError) as caught:
        open_session(broken)
    assert str(broken) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_device_that_is_not_there_is_an_error(opened):
    name, _, path, _ = opened
    with pytest.raises(PocketmatteError, match="npu"):
        open_session(path, name, device="npu")
    open_session(path, name, device="auto").close()


def test_unknown_runtime_missing_file_and_foreign_suffix():
    with pytest.raises(PocketmatteError, match="unknown runtime 'x'; known: auto, litert"):
        runtime_for(Path("a.tflite"), "x")
    assert runtime_for(Path("a.onnx")).name == "onnxruntime"
    assert runtime_for(Path("a.xml")).name == "openvino"
    with pytest.raises(PocketmatteError, match="litert cannot open a.onnx"):
        runtime_for(Path("a.onnx"), "litert")
    with pytest.raises(PocketmatteError, match="expected a file ending in"):
        runtime_for(Path("a.bin"))
    with pytest.raises(PocketmatteError, match="no model file"):
        open_session("missing.tflite")
