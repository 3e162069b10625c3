from __future__ import annotations

import numpy as np
import pytest

from pocketmatte.background.plate import LEAST_NOISE, learn_plate, plate_from_picture
from pocketmatte.core import PocketmatteError, Size
from tests.background.scenes import room, with_noise


def test_median_forgets_who_walks_through() -> None:
    scene = room()
    frames = []
    for k in range(60):
        frame = with_noise(scene, k)
        frame[:, 2 * k : 2 * k + 20] = 0
        frames.append(frame)
    median, mean = learn_plate(frames, 60), learn_plate(frames, 60, "mean")
    assert np.abs(median.color - scene).max() < 6
    assert np.abs(mean.color - scene).max() > 20


@pytest.mark.parametrize("statistic", ["median", "mean"])
def test_noise_is_measured(statistic) -> None:
    plate = learn_plate((with_noise(room(), k, 5.0) for k in range(100)), 100, statistic)
    assert np.median(plate.noise) == pytest.approx(5.0, rel=0.15)
    still = learn_plate([room()] * 10, 10, statistic)
    assert still.noise.max() == LEAST_NOISE


def test_takes_no_more_frames_than_asked_for() -> None:
    frames = iter([room()] * 10)
    learn_plate(frames, 4)
    assert len(list(frames)) >= 5


def test_resized_keeps_colours() -> None:
    plate = plate_from_picture(np.full((40, 60, 3), 77, np.uint8)).resized(Size(20, 30))
    assert plate.size == (20, 30)
    assert (plate.color == 77).all()


def test_errors_name_what_was_found() -> None:
    with pytest.raises(PocketmatteError, match="no frames"):
        learn_plate([])
    with pytest.raises(PocketmatteError, match="several sizes"):
        learn_plate([room(), room()[:50]])
    with pytest.raises(PocketmatteError, match="unknown statistic"):
        learn_plate([room()], 1, "mode")
    with pytest.raises(PocketmatteError, match="at least 1"):
        learn_plate([room()], 0)
