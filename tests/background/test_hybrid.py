from __future__ import annotations

import numpy as np

from pocketmatte.background.hybrid import Hybrid
from pocketmatte.background.plate import plate_from_picture
from tests.background.scenes import iou, person, room, with_noise


def _walk(hybrid: Hybrid, alphas) -> np.ndarray:
    """A person walks to and fro; ``alphas(truth)`` is what a network says of it."""
    for k in range(60):
        frame, truth = person(40 + abs((3 * k) % 160 - 80))
        result = hybrid.step(alphas(truth.astype(np.float32)), with_noise(frame, k))
    return iou(result, truth)


def test_learns_the_scene_while_the_person_moves() -> None:
    hybrid = Hybrid()
    assert hybrid.known == 0
    assert hybrid.plate() is None
    assert _walk(hybrid, lambda a: a) > 0.98
    assert hybrid.known > 0.5
    plate = hybrid.plate()
    seen = plate.any(axis=2)
    assert np.abs(plate[seen].astype(int) - room()[seen]).mean() < 2
    hybrid.reset()
    assert hybrid.known == 0


def test_what_is_settled_stays() -> None:
    hybrid = Hybrid()
    _walk(hybrid, lambda a: a)
    known, plate = hybrid.known, hybrid.plate()
    hybrid.settle()
    for k in range(20):
        hybrid.step(np.zeros(room().shape[:2], np.float32), with_noise(room() // 2, k))
    assert not np.array_equal(hybrid.plate(), plate)
    hybrid.reset()
    assert hybrid.known == known
    assert np.array_equal(hybrid.plate(), plate)


def test_leak_into_the_known_scene_is_taken_back() -> None:
    hybrid = Hybrid(plate_from_picture(room()))
    frame, truth = person()
    leaky = truth.astype(np.float32)
    leaky[60:110, 130:150] = 0.9
    mended = hybrid.step(leaky, with_noise(frame, 1))
    assert mended[65:105, 135:146].max() < 0.05
    assert iou(mended, truth) > 0.97 > iou(leaky, truth)


def test_hole_in_the_person_is_filled() -> None:
    hybrid = Hybrid(plate_from_picture(room()))
    frame, truth = person()
    torn = truth.astype(np.float32)
    torn[85:100, 75:90] = 0.1
    mended = hybrid.step(torn, with_noise(frame, 1))
    assert mended[87:98, 77:88].min() > 0.9
    assert iou(mended, truth) > iou(torn, truth)


def test_moved_furniture_is_no_person() -> None:
    hybrid = Hybrid(plate_from_picture(room()))
    frame, truth = person()
    frame[10:40, 5:30] = 20
    mended = hybrid.step(truth.astype(np.float32), with_noise(frame, 1))
    assert mended[10:40, 5:30].max() < 0.05


def test_clothes_of_the_walls_colour_stay() -> None:
    hybrid = Hybrid(plate_from_picture(room()))
    frame, truth = person()
    frame[85:105, 70:92] = room()[85:105, 70:92]
    mended = hybrid.step(truth.astype(np.float32), with_noise(frame, 1))
    assert mended[88:102, 74:88].min() > 0.9


def test_an_unknown_scene_changes_nothing() -> None:
    frame, truth = person()
    soft = truth.astype(np.float32) * 0.7
    np.testing.assert_array_equal(Hybrid().step(soft, frame), soft)
