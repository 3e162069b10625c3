"""The certificate notices what it is there to notice: loss, shift, drift, overflow; and says so in one line each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pocketmatte.core import PocketmatteError, Size
from pocketmatte.export.bounds import BOUNDS, bounds_for, judge
from pocketmatte.export.candidate import Candidate
from pocketmatte.export.certificate import head, table, verdict
from pocketmatte.export.certify import compare, moving_clip, refer, stress_pictures, summary
from pocketmatte.export.pictures import load_pictures
from pocketmatte.runtime.base import Placement, TensorInfo
from pocketmatte.spec import InputSpec, Licences, ModelSpec, OutputSpec, StateSpec

pytestmark = pytest.mark.build
SIZE = Size(64, 64)


class Greenish:
    """A session made of arithmetic: the brighter, the more foreground; with ``prior``, mixed with the matte before."""

    def __init__(self, change=lambda alpha: alpha, stateful=False, batch=1):
        self.change, self.stateful = change, stateful
        names = {"image": 3, **({"prior": 1} if stateful else {})}
        self.inputs = tuple(TensorInfo(n, (batch, *SIZE, c), np.dtype(np.float32)) for n, c in names.items())
        self.outputs = (TensorInfo("alpha", (batch, *SIZE, 1), np.dtype(np.float32)),)

    def run(self, inputs):
        alpha = 1 / (1 + np.exp(12 * (0.55 - inputs["image"].mean(-1, keepdims=True))))
        if self.stateful:
            alpha = 0.7 * alpha + 0.3 * inputs["prior"]
        return {"alpha": self.change(alpha).astype(np.float32)}

    def describe(self):
        return Placement("arithmetic", "1", "cpu", 1)

    def close(self):
        pass


def spec(stateful=False, batch=1):
    states = (StateSpec("prior", "alpha", (batch, *SIZE, 1)),) if stateful else ()
    licences = Licences("Apache-2.0", "none", True)
    source = InputSpec("image", SIZE, batch=batch)
    return ModelSpec("g", "1", "", "none", (), source, OutputSpec("alpha"), 0, 0, licences, states)


@pytest.fixture(scope="module", autouse=True)
def drawn():
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("POCKETMATTE_DATA", raising=False)
        yield


@pytest.fixture(scope="module")
def reference():
    return refer(Candidate(Greenish(), spec()), load_pictures("certification"))


def examined(reference, change, precision="int8", **options):
    row = compare(Candidate(Greenish(change, **options), spec(**options)), reference)
    return row, judge(row, BOUNDS[precision])


def test_the_same_answer_keeps_the_strictest_bounds(reference):
    row, reasons = examined(reference, lambda a: a, "fp32")
    assert reasons == []
    assert row["lost"]["mean"] == row["mad"] == row["largest_difference"] == 0
    assert row["accuracy"] == summary(reference, reference.mattes, reference.scores)


def test_several_pictures_at_a_time_give_the_same_row(reference):
    assert examined(reference, lambda a: a, batch=5)[0] == examined(reference, lambda a: a)[0]


@pytest.mark.parametrize("pixels", [0.2, -0.5])
def test_a_mask_moved_by_part_of_a_pixel_is_refused_for_its_shift(reference, pixels):
    def move(alpha):
        near = np.roll(alpha, int(np.sign(pixels)), axis=2)
        return (1 - abs(pixels)) * alpha + abs(pixels) * near

    row, reasons = examined(reference, move)
    assert row["shift"][1] == pytest.approx(pixels, abs=0.06)
    assert any("shifted" in reason for reason in reasons)


def test_one_bad_picture_is_found_and_named(reference):
    seen = []

    def spoil(alpha):
        seen.append(1)
        return 1 - alpha if len(seen) == 3 else alpha

    row, reasons = examined(reference, spoil)
    assert row["lost"]["worst_picture"] == reference.pictures.pictures[2].name
    assert any("points mIoU on drawn/" in reason for reason in reasons)


def test_finding_people_where_nobody_is_is_refused(reference):
    _, reasons = examined(reference, lambda a: np.where(a > 0.5, a, a + 0.02))
    assert any("where nobody is" in reason for reason in reasons)


def test_nan_is_refused(reference):
    row, _ = examined(reference, lambda a: a)
    row = {**row, "mad": float("nan")}
    assert judge(row, BOUNDS["int8"]) == ["its alpha differs by nan on average, allowed 0.02"]


def test_half_precision_is_refused_when_activations_come_near_its_limit(reference):
    row, _ = examined(reference, lambda a: a)
    assert judge({**row, "range": 100.0}, BOUNDS["fp16"]) == []
    assert "reaches 40000 inside" in judge({**row, "range": 4e4}, BOUNDS["fp16"])[0]


def test_drift_over_the_clip_and_after_a_reset():
    source = refer(Candidate(Greenish(stateful=True), spec(True)), load_pictures("certification"), steps=40)
    same, reasons = examined(source, lambda a: a, "fp32", stateful=True)
    assert reasons == []
    assert same["drift"]["steps"] == 40
    assert same["drift"]["largest"] == same["drift"]["after_reset"] == 0
    level = [0.0]

    def creep(alpha):  # a state that grows a little at every step and survives a reset
        level[0] += 0.002
        return alpha + level[0]

    row, reasons = examined(source, creep, "int8", stateful=True)
    assert row["drift"]["last_20"] > row["drift"]["first_20"]
    assert any("drifts" in reason for reason in reasons)
    assert any("after a reset" in reason for reason in reasons)


def test_allow_drop_loosens_accuracy_and_nothing_else():
    strict, loose = BOUNDS["int8"], bounds_for("int8", 0.01)
    assert (loose.mean, loose.worst) == (0.01, 2 * strict.worst)
    assert (loose.shift, loose.range) == (strict.shift, strict.range)
    assert bounds_for("int8", None) == strict
    assert bounds_for("int8", 0.0001).mean == strict.mean  # it never tightens
    with pytest.raises(PocketmatteError, match="--allow-drop 3"):
        bounds_for("int8", 3)
    assert [verdict(*r) for r in (([], []), ([], ["x"]), (["x"], ["x"]))] == ["passed", "allowed", "refused"]


def test_the_issue_s_bounds_of_int8():
    """At most half a point on average, at most five points on any picture."""
    assert (BOUNDS["int8"].mean, BOUNDS["int8"].worst, BOUNDS["int8"].shift) == (0.005, 0.05, 0.1)


def test_table_shows_every_file_and_every_reason(reference):
    row, _ = examined(reference, lambda a: a)
    rows = [
        {"file": "a.tflite", "precision": "int8", "bytes": 250000, "verdict": "passed", "reasons": [], **row},
        {"file": "b.tflite", "precision": "int8", "bytes": 1, "verdict": "refused", "reasons": ["too bad"], **row},
    ]
    found = summary(reference, reference.mattes, reference.scores)
    text = table({**head("g", "1", SIZE, {"set": "drawn-1", "n": 33}, None), "source": found, "files": rows})
    lines = text.splitlines()
    assert lines[2].split()[:3] == ["a.tflite", "int8", "0.25"]
    assert lines[2].endswith("passed")
    assert "refused b.tflite: too bad" in lines


def test_drawn_pictures_stand_in_and_repeat():
    first, again = load_pictures("certification"), load_pictures("certification")
    assert first.name == "drawn-1"
    assert all(np.array_equal(a.image, b.image) for a, b in zip(first.pictures, again.pictures, strict=True))
    others = load_pictures("calibration")
    assert first.digest != others.digest
    assert not {p.image.tobytes() for p in first.pictures} & {p.image.tobytes() for p in others.pictures}


def test_clip_moves_and_stress_pictures_are_extreme():
    frames = list(moving_clip(3))
    assert not np.array_equal(frames[0], frames[1])
    assert {int(v) for picture in stress_pictures() for v in np.unique(picture)} == {0, 255}


def test_batch_is_part_of_the_spec_file(tmp_path):
    from pocketmatte.spec import read_spec

    made = replace(spec(True, batch=4), golden=None)
    (tmp_path / "spec.json").write_text(made.to_json())
    assert read_spec(tmp_path / "spec.json") == made
