from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from pocketmatte.background.difference import DifferenceSubtractor, Tuning
from pocketmatte.background.mixture import GrabCutSubtractor, MixtureSubtractor
from pocketmatte.background.original import OriginalSubtractor
from pocketmatte.background.plate import learn_plate, plate_from_picture
from pocketmatte.background.regions import Face
from pocketmatte.core import PocketmatteError
from tests.background.scenes import iou, person, room, with_noise


def empty(count: int = 40):
    return (with_noise(room(), k) for k in range(count))


def difference(tuning: Tuning | None = None) -> DifferenceSubtractor:
    return DifferenceSubtractor(learn_plate(empty(), 40), tuning)


METHODS = {
    "difference": lambda: difference().step,
    "mog2": lambda: MixtureSubtractor(empty(), 40, "mog2").step,
    "knn": lambda: MixtureSubtractor(empty(), 40, "knn").step,
    "grabcut": lambda: GrabCutSubtractor(learn_plate(empty(), 40)).step,
    "original": lambda: OriginalSubtractor(empty(), 40).step,
}
LEAST = {"original": 0.8}


@pytest.mark.parametrize("name", METHODS)
def test_finds_the_person_and_nobody_else(name: str) -> None:
    step = METHODS[name]()
    frame, truth = person()
    before = step(with_noise(room(), 100))
    alpha = step(with_noise(frame, 101))
    assert alpha.dtype == np.float32
    assert alpha.shape == truth.shape
    assert 0 <= alpha.min() <= alpha.max() <= 1
    assert before.mean() < 0.01
    assert iou(alpha, truth) > LEAST.get(name, 0.93)


def test_follows_the_light() -> None:
    subtractor, fixed = difference(), OriginalSubtractor(empty(), 40)
    frame, truth = person()
    for k in range(60):
        light = 1 + 0.3 * k / 59
        alpha = subtractor.step(with_noise(frame, k, light=light))
    assert iou(alpha, truth) > 0.93
    assert iou(fixed.step(with_noise(frame, 61, light=1.3)), truth) < 0.6


def test_shadows_count_as_background_when_wanted() -> None:
    frame, truth = person(shadow=True)
    assert iou(difference().step(with_noise(frame, 1)), truth) > 0.93
    assert iou(difference(Tuning(shadows=False)).step(with_noise(frame, 1)), truth) < 0.9


def test_scene_that_changes_is_learned_unless_forbidden() -> None:
    frame = room()
    frame[20:40, 20:50] += 6  # somebody pulled a curtain: below the threshold of a person, above the noise
    moving, fixed = difference(Tuning(adapt=0.2)), difference(Tuning(adapt=0))
    for k in range(40):
        moving.step(with_noise(frame, k))
        fixed.step(with_noise(frame, k))
    spot = np.s_[22:38, 22:48]
    assert np.abs(moving.plate.color[spot] - frame[spot]).mean() < 3
    assert np.abs(fixed.plate.color[spot] - frame[spot]).mean() > 4


def test_gap_between_arm_and_body_stays_open() -> None:
    frame, truth = person()
    frame[70:100, 75:90] = room()[70:100, 75:90]
    truth = truth.copy()
    truth[70:100, 75:90] = False
    alpha = difference().step(with_noise(frame, 3))
    assert alpha[78:92, 79:86].mean() < 0.2
    assert iou(alpha, truth) > 0.9


def test_only_largest_and_faces_choose_among_people() -> None:
    left, truth_left = person(45)
    _, truth_right = person(130)
    frame = left.copy()
    frame[truth_right & (np.mgrid[:120, :160][1] > 110)] = (40, 60, 190)
    both = difference(Tuning(gap=0.01)).step(with_noise(frame, 5))
    one = difference(Tuning(gap=0.01, only_largest=True)).step(with_noise(frame, 5))
    assert both[90, 140] > 0.9
    assert one[90, 140] < 0.1
    assert one[90, 45] > 0.9
    faced = difference(Tuning(gap=0.01)).step(with_noise(frame, 5), [Face(122, 30, 16, 22)])
    assert faced[90, 140] > 0.9
    assert iou(faced, truth_left) < 0.1


def test_large_pictures_are_compared_small_and_answered_large() -> None:
    scene = np.repeat(np.repeat(room(), 6, axis=0), 6, axis=1)
    frame, truth = (np.repeat(np.repeat(a, 6, axis=0), 6, axis=1) for a in person())
    alpha = DifferenceSubtractor(plate_from_picture(scene)).step(frame)
    assert alpha.shape == truth.shape == (720, 960)
    assert iou(alpha, truth) > 0.95


def test_wrong_sizes_and_settings_are_named() -> None:
    with pytest.raises(PocketmatteError, match="same camera setting"):
        difference().step(room()[:100])
    with pytest.raises(PocketmatteError, match="several sizes"):
        MixtureSubtractor(empty(), 5, "knn").step(room()[:100])
    for bad in ({"threshold": 0}, {"adapt": 2}, {"gap": 0.9}):
        with pytest.raises(PocketmatteError, match=next(iter(bad))):
            Tuning(**bad)
    with pytest.raises(PocketmatteError, match="no frames"):
        MixtureSubtractor(islice(empty(), 0), 5, "mog2")
