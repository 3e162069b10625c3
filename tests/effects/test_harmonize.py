"""The colour transform does what its numbers say; the harmoniser looks, smooths and recolours as promised."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

import pocketmatte
from pocketmatte.core import Frame, PocketmatteError
from pocketmatte.effects.color_transform import KNOTS, ColorTransform, identity
from pocketmatte.effects.harmonize import Harmonizer
from pocketmatte.io.images import read_image
from pocketmatte.ops.composite import composite
from pocketmatte.pipeline.harmonizer import SHIPPED, check_harmonizer, load_harmonizer, read_harmonizer_spec
from pocketmatte.pipeline.pipeline import load
from pocketmatte.zoo.find import find_model, list_models

ASTRONAUT = Path(pocketmatte.__file__).parent / "assets" / "astronaut.jpg"
RNG = np.random.default_rng(3)
PICTURE = RNG.integers(0, 256, (70, 110, 3), np.uint8)
SCENE = RNG.integers(0, 256, (70, 110, 3), np.uint8)


def matte() -> np.ndarray:
    alpha = np.zeros((70, 110), np.float32)
    alpha[20:50, 30:60] = 1
    alpha[20:50, 60] = 0.5
    return alpha


def gains(red: float, green: float, blue: float) -> np.ndarray:
    """The transform that multiplies the channels."""
    numbers = identity()
    numbers[3 * KNOTS : 3 * KNOTS + 12] = np.hstack([np.diag([red, green, blue]), np.zeros((3, 1))]).ravel()
    return numbers


class Answers:
    """Stands for a network whose answers are known, and keeps what it was shown."""

    def __init__(self, *answers: np.ndarray) -> None:
        self.answers, self.seen = list(answers), []

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        self.seen.append(inputs["composite"])
        answer = self.answers[min(len(self.seen), len(self.answers)) - 1]
        return {"transform": answer[None]}


def test_identity_changes_nothing():
    assert np.array_equal(ColorTransform(identity()).apply(PICTURE), PICTURE)


def test_matrix_and_offset():
    numbers = identity()
    numbers[27:39] = [0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, -40 / 255]
    expected = PICTURE[..., [1, 2, 0]].astype(int)
    expected[..., 2] -= 40
    assert np.array_equal(ColorTransform(numbers).apply(PICTURE), np.clip(expected, 0, 255))


@pytest.mark.parametrize("start", [0, 39], ids=["before", "after"])
def test_curves_belong_to_their_channel(start):
    numbers = identity()
    numbers[start + KNOTS : start + 2 * KNOTS] = np.linspace(0, 1, KNOTS) ** 2
    result = ColorTransform(numbers).apply(PICTURE)
    assert np.array_equal(result[..., [0, 2]], PICTURE[..., [0, 2]])
    levels = np.linspace(0, 1, KNOTS)
    expected = 255 * np.interp(PICTURE[..., 1] / 255, levels, levels**2)
    assert np.abs(result[..., 1] - expected).max() <= 0.51


def test_values_are_clipped_not_wrapped():
    bright = ColorTransform(gains(9, 9, 9)).apply(PICTURE)
    assert np.array_equal(bright, np.minimum(PICTURE.astype(int) * 9, 255))
    assert ColorTransform(gains(-1, -1, -1)).apply(PICTURE).max() == 0


def test_strength_goes_from_nothing_to_beyond():
    transform = ColorTransform(gains(0.5, 1, 1))
    assert np.array_equal(transform.scaled(0).apply(PICTURE), PICTURE)
    assert np.array_equal(transform.scaled(1).apply(PICTURE), transform.apply(PICTURE))
    assert np.abs(transform.scaled(1.5).apply(PICTURE)[..., 0] - 0.25 * PICTURE[..., 0]).max() <= 1


def test_a_curve_never_falls_even_when_exaggerated():
    numbers = identity()
    numbers[:KNOTS] = np.linspace(0, 1, KNOTS) ** 0.25
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, 2)
    result = ColorTransform(numbers).scaled(3).apply(ramp)[0, :, 0].astype(int)
    assert np.diff(result).min() >= 0


def test_only_the_persons_box_changes():
    alpha = matte()
    original = PICTURE.copy()
    result = ColorTransform(gains(0.2, 0.2, 0.2)).apply_inside(PICTURE, alpha)
    assert np.array_equal(PICTURE, original)
    far = np.ones(alpha.shape, bool)
    far[18:52, 28:63] = False
    assert np.array_equal(result[far], PICTURE[far])
    assert np.abs(result[alpha > 0] - 0.2 * PICTURE[alpha > 0]).max() <= 0.51
    assert np.array_equal(ColorTransform(gains(0, 0, 0)).apply_inside(PICTURE, alpha * 0), PICTURE)


def test_the_network_sees_the_composite_and_the_matte():
    answers = Answers(identity())
    big = [np.kron(x, np.ones((4, 4, 1), x.dtype)) for x in (PICTURE, SCENE)]
    alpha = np.kron(matte(), np.ones((4, 4), np.float32))
    Harmonizer(answers, (70, 110))(big[0], alpha, big[1])
    (seen,) = answers.seen
    assert seen.shape == (1, 70, 110, 4)
    assert seen.dtype == np.float32
    assert np.abs(seen[0, ..., :3] * 255 - composite(PICTURE, matte(), SCENE)).max() <= 1.5
    assert np.array_equal(seen[0, ..., 3], matte())


def test_nobody_there_means_no_inference():
    answers = Answers(gains(0, 0, 0))
    harmonizer = Harmonizer(answers)
    assert harmonizer(PICTURE, matte() * 0, SCENE) is PICTURE
    assert answers.seen == []


def test_pictures_of_different_sizes_are_refused():
    with pytest.raises(ValueError, match="one size"):
        Harmonizer(Answers(identity()))(PICTURE, matte(), SCENE[:-1])
    with pytest.raises(ValueError, match="smooth"):
        Harmonizer(Answers(identity()), smooth=1.0)


def red_gain(harmonizer: Harmonizer, scene: np.ndarray = SCENE) -> float:
    transform = harmonizer.transform(PICTURE, matte(), scene)
    assert transform is not None
    return float(transform.numbers[27])


def test_smoothing_is_a_moving_average_that_reset_forgets():
    harmonizer = Harmonizer(Answers(gains(1, 1, 1), gains(2, 1, 1)), smooth=0.75)
    assert [red_gain(harmonizer) for _ in range(3)] == pytest.approx([1, 1.25, 1.4375])
    harmonizer.reset()
    assert red_gain(harmonizer) == pytest.approx(2)


def test_without_smoothing_every_frame_stands_alone():
    harmonizer = Harmonizer(Answers(gains(1, 1, 1), gains(2, 1, 1)))
    assert [red_gain(harmonizer) for _ in range(2)] == [1, 2]


def test_a_cut_starts_the_average_anew_and_small_changes_do_not():
    dark, other = np.full_like(SCENE, 20), np.full_like(SCENE, 26)
    harmonizer = Harmonizer(Answers(gains(1, 1, 1), gains(2, 1, 1)), smooth=0.5)
    red_gain(harmonizer, dark)
    assert red_gain(harmonizer, other) == pytest.approx(1.5)
    assert red_gain(harmonizer, 255 - dark) == pytest.approx(2)


def test_the_shipped_file_is_the_trained_network():
    worst, bound = check_harmonizer(read_harmonizer_spec())
    assert 0 < worst <= bound <= 0.005


def test_the_shipped_file_keeps_its_budget():
    spec = read_harmonizer_spec()
    assert spec.parameters < 150_000
    assert spec.path_of(spec.files[0]).stat().st_size < 500_000


def test_it_is_no_matting_model():
    assert "harmonizer" not in {spec.name for spec in list_models()}
    path = SHIPPED.parent.parent / "base" / "spec.json"
    with pytest.raises(PocketmatteError, match="matting; expected one for harmonize"):
        load_harmonizer(path)
    with pytest.raises(PocketmatteError, match="harmonizer is a model for harmonize, it makes no mattes"):
        find_model(SHIPPED)


@pytest.mark.parametrize(
    "gain",
    [(0.6, 0.6, 0.6), (1.5, 1.5, 1.5), (1.2, 1.0, 0.7), (0.75, 0.95, 1.25)],
    ids=["dark", "bright", "warm", "cold"],
)
def test_a_person_in_foreign_light_comes_nearer_to_the_photo(gain):
    photo = read_image(ASTRONAUT).image
    with load(threads=1) as pipeline:
        alpha = pipeline.step(Frame(photo)).alpha
    person = np.clip(photo * np.array(gain), 0, 255).astype(np.uint8)
    result = load_harmonizer()(person, alpha, photo)
    inside = alpha > 0.5
    before, after = (((x[inside] - photo[inside].astype(float)) ** 2).mean() for x in (person, result))
    assert after < 0.9 * before
