"""The runners on folders written here. Pictures carry the alpha to be predicted in their red channel."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from pocketmatte.core import Alpha, PocketmatteError, UInt8Image
from pocketmatte.evaluate.runner import evaluate_empty, evaluate_pairs, evaluate_sequence

HEIGHT, WIDTH = 40, 60


def red(image: UInt8Image) -> Alpha:
    assert image.dtype == np.uint8
    assert image.shape[2] == 3
    return image[..., 0].astype(np.float32) / 255


def box(left: int, right: int) -> np.ndarray:
    """uint8 mask, 255 in the columns left..right."""
    values = np.zeros((HEIGHT, WIDTH), np.uint8)
    values[:, left:right] = 255
    return values


def write(folder: Path, name: str, values: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(folder / f"{name}.png"), values)


def picture(folder: Path, name: str, predicted: np.ndarray) -> None:
    blue, green = np.full_like(predicted, 90), np.full_like(predicted, 30)
    write(folder, name, np.dstack([blue, green, predicted]))  # OpenCV writes BGR


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """Exactly right; half of the person found; everything wrong."""
    for name, predicted in (("right", box(10, 30)), ("half", box(10, 20)), ("wrong", 255 - box(10, 30))):
        picture(tmp_path / "images", name, predicted)
        write(tmp_path / "masks", name, box(10, 30))
    return tmp_path


def test_three_pictures_with_known_scores(three: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    values = evaluate_pairs(red, three, progress=lambda *step: seen.append(step)).to_dict()
    assert seen == [(1, 3, "half"), (2, 3, "right"), (3, 3, "wrong")]
    wrong, half, right = values["images"]
    assert [row["stem"] for row in values["images"]] == ["wrong", "half", "right"]
    assert right == pytest.approx(
        {"stem": "right", "miou": 1, "iou": 1, "biou": 1, "acc": 1, "mad": 0, "mse": 0, "grad": 0, "conn": 0}
    )
    # Columns: 10 of 20 found; background 40 of 50; 10 of 60 wrong.
    assert half["miou"] == pytest.approx((10 / 20 + 40 / 50) / 2)
    assert (half["iou"], half["acc"]) == pytest.approx((0.5, 50 / 60))
    assert (half["mad"], half["mse"]) == pytest.approx((1 / 6, 1 / 6), rel=1e-5)
    assert half["conn"] == pytest.approx(10 * HEIGHT / 1000)
    assert (wrong["miou"], wrong["iou"], wrong["acc"], wrong["mad"]) == (0, 0, 0, 1)
    assert values["n"] == 3
    assert values["miou"] == pytest.approx((1 + 0.65 + 0) / 3, abs=1e-5)
    json.dumps(values, allow_nan=False)


@pytest.mark.parametrize(("full", "depth"), [(1, np.uint8), (255, np.uint8), (65535, np.uint16)])
def test_scores_do_not_depend_on_how_masks_are_stored(three: Path, full: int, depth: type[np.generic]) -> None:
    expected = evaluate_pairs(red, three)
    for name in ("right", "half", "wrong"):
        write(three / "masks", name, (box(10, 30) // 255).astype(depth) * depth(full))
    assert evaluate_pairs(red, three) == expected


def test_prediction_is_brought_to_the_size_of_the_truth(tmp_path: Path) -> None:
    """A ramp survives a bilinear resize with half-pixel centres; corners aligned would shift it."""
    ramp = np.tile(np.linspace(0, 255, 120).round().astype(np.uint8), (80, 1))
    picture(tmp_path / "images", "a", ramp)
    write(tmp_path / "alphas", "a", ramp)
    half = evaluate_pairs(lambda image: cv2.resize(red(image), (60, 40), interpolation=cv2.INTER_AREA), tmp_path)
    assert half.images[0].mad < 1e-3
    assert half.images[0].miou > 0.99
    write(tmp_path / "alphas", "a", cv2.resize(ramp, (240, 160), interpolation=cv2.INTER_LINEAR))
    assert evaluate_pairs(red, tmp_path).images[0].mad < 3e-3
    assert evaluate_pairs(red, tmp_path).notes == ()


def test_turned_truth_is_told(three: Path) -> None:
    write(three / "masks", "half", box(10, 30).T)
    notes = evaluate_pairs(red, three).notes
    assert len(notes) == 1
    assert notes[0].startswith("half:")


def test_missing_partners_are_in_the_report(three: Path) -> None:
    (three / "masks" / "half.png").unlink()
    report = evaluate_pairs(red, three)
    assert len(report.images) == 2
    assert report.notes == ("images/half.png has no partner in masks/",)


def test_threshold_can_be_moved(three: Path) -> None:
    faint = evaluate_pairs(lambda image: red(image) * np.float32(0.4), three)
    assert max(row.iou for row in faint.images) == 0
    found = evaluate_pairs(lambda image: red(image) * np.float32(0.4), three, threshold=0.3)
    assert max(row.iou for row in found.images) == 1


@pytest.mark.parametrize("kind", ["images", "masks"])
def test_unreadable_files_are_named(three: Path, kind: str) -> None:
    path = three / kind / "right.png"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(PocketmatteError, match=r"right\.png"):
        evaluate_pairs(red, three)


@pytest.mark.parametrize(
    ("predict", "message"),
    [
        (lambda image: image, "uint8"),
        (lambda image: red(image)[..., None], "expected float"),
        (lambda image: red(image) * np.float32("nan"), "nan"),
        (lambda image: red(image) * 2, r"0\.\.2"),
        (lambda image: red(image) - 1, r"-1\.\.0"),
        (lambda image: np.zeros((0, 0), np.float32), "expected float"),
    ],
)
def test_predictions_that_are_no_alpha_are_refused(three: Path, predict: object, message: str) -> None:
    assert callable(predict)
    for run in (evaluate_pairs, evaluate_empty):
        with pytest.raises(PocketmatteError, match=message):
            run(predict, three)


def test_rounding_of_a_half_precision_model_is_forgiven(three: Path) -> None:
    assert evaluate_pairs(lambda image: red(image) * np.float32(1.0004), three).to_dict()["images"][2]["mad"] == 0


def test_empty_pictures(tmp_path: Path) -> None:
    for name, columns in (("clean", 0), ("tenth", 6), ("half", 30)):
        picture(tmp_path / "images", name, box(0, columns))
    expected = {
        "n": 3,
        "alpha": pytest.approx(0.2, abs=1e-6),
        "over": pytest.approx(2 / 3, abs=1e-6),
        "limit": 0.01,
        "images": [
            {"stem": "half", "alpha": pytest.approx(0.5)},
            {"stem": "tenth", "alpha": pytest.approx(0.1)},
            {"stem": "clean", "alpha": 0},
        ],
    }
    seen: list[tuple[int, int, str]] = []
    assert evaluate_empty(red, tmp_path, progress=lambda *step: seen.append(step)).to_dict() == expected
    assert [step[0] for step in seen] == [1, 2, 3]
    assert evaluate_empty(red, tmp_path / "images").to_dict() == expected
    with pytest.raises(PocketmatteError, match="no folder"):
        evaluate_empty(red, tmp_path / "nowhere")


class Late:
    """Gives the matte of the frame before: what a pipelined live mode does."""

    def __init__(self) -> None:
        self.last: Alpha | None = None

    def reset(self) -> None:
        self.last = None

    def step(self, image: UInt8Image) -> Alpha:
        now = red(image)
        before, self.last = now if self.last is None else self.last, now
        return before


@pytest.fixture
def sequence(tmp_path: Path) -> Path:
    for t in range(12):
        picture(tmp_path / "images", f"{t:04}", box(5 + 2 * t, 25 + 2 * t))
        write(tmp_path / "alphas", f"{t:04}", box(5 + 2 * t, 25 + 2 * t))
    return tmp_path


def test_sequence_that_is_followed_exactly(sequence: Path) -> None:
    values = evaluate_sequence(red, sequence).to_dict()
    assert (values["n"], values["mad"], values["mse"], values["dtssd"], values["lag"]) == (12, 0, 0, 0, 0)
    # The held first frame is off by 2 columns on either side per frame until the boxes part after ten frames.
    off = [min(2 * t, 20) * 2 / WIDTH for t in range(12)]
    assert values["frozen"]["mad"] == pytest.approx(np.mean(off), rel=1e-5)
    assert values["frozen"]["dtssd"] == pytest.approx((4 / WIDTH) ** 0.5, rel=1e-5)
    json.dumps(values, allow_nan=False)


def test_late_predictor_is_found_out_and_reset(sequence: Path) -> None:
    late = Late()
    first = evaluate_sequence(late.step, sequence, reset=late.reset)
    assert first.lag == pytest.approx(1)
    assert first.frames[0].mad == 0
    assert [row.mad for row in first.frames[1:]] == pytest.approx([4 / WIDTH] * 11)
    assert evaluate_sequence(late.step, sequence, reset=late.reset) == first
    assert evaluate_sequence(late.step, sequence).frames[0].mad > 0  # without a reset it remembers the last run


def test_frames_of_another_size_are_refused(sequence: Path) -> None:
    write(sequence / "alphas", "0005", box(5, 25)[:, :50])
    with pytest.raises(PocketmatteError, match=r"0005\.png is 50x40: expected 60x40"):
        evaluate_sequence(red, sequence)
