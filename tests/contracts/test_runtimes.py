"""Every runtime gives the same answer on the golden vectors, says truthfully where it runs, and fails helpfully."""

from pathlib import Path

import numpy as np
import pytest

from pocketmatte.core import PocketmatteError
from pocketmatte.pipeline.golden import check_golden, read_golden
from pocketmatte.pipeline.pipeline import Pipeline, format_for, load
from pocketmatte.runtime.base import RUNTIMES, Session, formats_of, installed, open_session, runtime_for
from pocketmatte.spec import read_spec
from pocketmatte.zoo.find import list_models

REPOSITORY = Path(__file__).parents[2]
SHIPPED = REPOSITORY / "pocketmatte/zoo/weights/base/spec.json"
ONNX = REPOSITORY / "weights/base/spec.json"
CASES = {
    "litert": ("litert", SHIPPED),
    "onnxruntime": ("onnxruntime", ONNX),
    "openvino, .onnx": ("openvino", ONNX),
    "openvino, .tflite": ("openvino", SHIPPED),
}
TESTED = {runtime for runtime, _ in CASES.values()}
HARDWARE = {"tensorrt", "coral"}  # they run only where there is a device that no test machine has


@pytest.fixture(params=sorted(CASES))
def opened(request):
    runtime, file = CASES[request.param]
    spec = read_spec(file)
    path = spec.path_of(spec.file_for(format_for(spec, runtime)))
    session = open_session(path, runtime, threads=1)
    yield runtime, spec, path, session
    session.close()


def zeros(session: Session) -> dict[str, np.ndarray]:
    return {i.name: np.zeros(i.shape, i.dtype) for i in session.inputs}


def test_every_runtime_has_a_file_to_be_tested_with():
    assert set(RUNTIMES) == TESTED | HARDWARE
    assert all(installed(RUNTIMES[name]) for name in TESTED)
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


@pytest.mark.parametrize("runtime", sorted(n for n in TESTED if "litert" in formats_of(n)))
@pytest.mark.parametrize("model", [spec.name for spec in list_models()])
def test_golden_vectors_of_every_shipped_file(runtime, model):
    with load(model, runtime=runtime, threads=1) as pipeline:
        assert pipeline.session.describe().runtime == runtime
        spec = pipeline.spec
        assert [(i.name, i.shape) for i in pipeline.session.inputs] == [
            (spec.input.name, (1, *spec.input.size, spec.input.channels)),
            *((state.input, state.shape) for state in spec.states),
        ]
        assert [o.name for o in pipeline.session.outputs] == [spec.output.name]
        worst, bound = check_golden(pipeline)
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


@pytest.mark.parametrize("length", [0, 3, 1000, -1000])
def test_a_broken_file_is_one_clear_line(opened, tmp_path, length):
    name, _, path, _ = opened
    broken = tmp_path / f"x{path.suffix}"
    broken.write_bytes(path.read_bytes()[:length])
    with pytest.raises(PocketmatteError) as caught:
        open_session(broken, name)
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
