"""Blend modes against the recommendation's own words, tone curves, the box round the person."""

from __future__ import annotations

import numpy as np
import pytest

from pocketmatte.ops.curve import monotone_curve
from pocketmatte.ops.modes import MODES, mix_mode
from pocketmatte.ops.region import at_least, visible_region

LEVELS = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)[None]  # [1,256,3]


def flat(level: int) -> np.ndarray:
    return np.full_like(LEVELS, level)


def test_white_and_black_do_what_the_names_promise() -> None:
    np.testing.assert_array_equal(mix_mode("multiply", flat(255), LEVELS), LEVELS)
    np.testing.assert_array_equal(mix_mode("multiply", flat(0), LEVELS), flat(0))
    np.testing.assert_array_equal(mix_mode("screen", flat(0), LEVELS), LEVELS)
    np.testing.assert_array_equal(mix_mode("screen", flat(255), LEVELS), flat(255))
    np.testing.assert_array_equal(mix_mode("overlay", LEVELS, flat(0)), flat(0))
    np.testing.assert_array_equal(mix_mode("overlay", LEVELS, flat(255)), flat(255))
    for grey in (127, 128):  # soft light with middle grey changes nothing
        assert np.abs(mix_mode("soft-light", flat(grey), LEVELS).astype(int) - LEVELS).max() <= 1


@pytest.mark.parametrize("mode", sorted(MODES))
def test_brighter_layers_never_give_darker_results(mode: str) -> None:
    for level in range(0, 256, 15):
        assert (np.diff(mix_mode(mode, LEVELS, flat(level))[0, :, 0].astype(int)) >= 0).all()
        assert (np.diff(mix_mode(mode, flat(level), LEVELS)[0, :, 0].astype(int)) >= 0).all()


def test_curves_pass_their_points_and_never_overshoot() -> None:
    np.testing.assert_allclose(monotone_curve([(0, 0), (255, 255)]), np.arange(256), atol=1e-9)
    points = [(10, 20), (60, 25), (61, 200), (140, 200), (255, 90)]
    values = monotone_curve(points)
    for x, y in points:
        assert values[x] == pytest.approx(y)
    assert (values[:10] == 20).all()
    assert values.min() >= 20 - 1e-9
    assert values.max() <= 200 + 1e-9
    assert (np.diff(values[10:141]) >= -1e-9).all()
    assert (np.diff(values[140:]) <= 1e-9).all()


def test_the_box_round_what_is_seen() -> None:
    levels = np.zeros((40, 60), np.uint8)
    assert visible_region(levels) is None
    levels[5, 7] = levels[20, 30] = 1
    assert visible_region(levels) == (slice(5, 21), slice(7, 31))
    assert visible_region(levels, margin=6) == (slice(0, 27), slice(1, 37))
    assert visible_region(levels, margin=100) == (slice(0, 40), slice(0, 60))
    np.testing.assert_array_equal(at_least(LEVELS[..., 0], 128), (LEVELS[..., 0] >= 128) * np.uint8(255))
    np.testing.assert_array_equal(at_least(LEVELS[..., 0], 1), (LEVELS[..., 0] >= 1) * np.uint8(255))
