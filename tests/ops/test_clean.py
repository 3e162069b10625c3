"""Matte clean-up: small holes and islands go, everything else keeps its alpha to the bit."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pocketmatte.ops.clean import CLEAN_MODES, clean_matte


def people() -> np.ndarray:
    """A person with a hole of 12 pixels across and a gap below the arm, an island, and a second, smaller person."""
    alpha = np.zeros((200, 300), np.float32)
    cv2.ellipse(alpha, (90, 200), (60, 150), 0, 0, 360, 1, -1)
    cv2.ellipse(alpha, (220, 200), (30, 70), 0, 0, 360, 1, -1)
    cv2.circle(alpha, (90, 120), 6, 0.35, -1)  # hole
    cv2.ellipse(alpha, (70, 170), (10, 25), 0, 0, 360, 0, -1)  # gap
    cv2.circle(alpha, (270, 30), 5, 1, -1)  # island
    return cv2.GaussianBlur(alpha, (0, 0), 1.2)


HOLE, GAP, ISLAND, SECOND = (120, 90), (170, 70), (30, 270), (170, 220)


@pytest.mark.parametrize("mode", CLEAN_MODES)
def test_each_mode_does_its_part(mode: str) -> None:
    alpha = people()
    given = alpha.copy()
    result = clean_matte(alpha, mode)
    np.testing.assert_array_equal(alpha, given)
    assert result is not alpha
    assert result[HOLE] == (pytest.approx(1, abs=0.04) if mode in ("holes", "both") else alpha[HOLE])
    assert result[ISLAND] == (0 if mode in ("islands", "both") else alpha[ISLAND])
    assert result[GAP] < 0.05
    assert result[SECOND] > 0.95
    far = np.ones(alpha.shape, bool)
    far[105:135, 75:105] = False
    far[15:45, 255:285] = False
    np.testing.assert_array_equal(result[far], alpha[far])


def test_what_the_network_is_nowhere_sure_of_fades() -> None:
    alpha = people()
    ghost = np.zeros_like(alpha)
    cv2.circle(ghost, (160, 40), 20, 0.9, -1)
    ghost = cv2.GaussianBlur(ghost, (0, 0), 2)
    both = np.maximum(alpha, ghost)
    result = clean_matte(both, "unsure")
    assert result[ghost > 0.05].max() == 0
    np.testing.assert_array_equal(result[ghost <= 0.05], both[ghost <= 0.05])
    np.testing.assert_array_equal(clean_matte(both, "off"), both)
    assert clean_matte(ghost, "unsure").max() < 0.5 / 255  # nobody at all: the faint rim goes too


def test_unsure_fades_gradually() -> None:
    """A frame that is a little surer than the one before must not make a piece appear at once."""
    left = []
    for certain in range(0, 16, 2):  # rows of 100
        alpha = np.full((100, 100), 0.8, np.float32)
        alpha[:certain] = 1
        left.append(float(clean_matte(alpha, "unsure")[99, 0]))
    assert left == sorted(left)
    assert left[:2] == [0, 0]
    assert left[-1] == pytest.approx(0.8)
    assert len({round(value, 3) for value in left}) >= 5


def test_soft_rims_go_with_their_island_and_their_hole() -> None:
    result = clean_matte(people(), "both")
    assert result[15:45, 255:285].max() < 0.06
    inside = np.hypot(*(np.mgrid[:200, :300] - np.array(HOLE)[:, None, None])) < 11
    assert result[inside].min() > 0.85  # 0.35 before


def test_the_shares_are_of_the_largest_piece() -> None:
    alpha = people()
    assert clean_matte(alpha, "islands", island=0.001)[ISLAND] == alpha[ISLAND]
    assert clean_matte(alpha, "islands", island=0.9)[SECOND] == 0
    assert clean_matte(alpha, "holes", hole=0.0001)[HOLE] == alpha[HOLE]
    assert clean_matte(alpha, "holes", hole=0.5)[GAP] == alpha[GAP]  # large enough now, but the network is sure of it


def test_a_clear_gap_is_no_hole() -> None:
    alpha = np.ones((60, 60), np.float32)
    alpha[20:24, 20:24] = 0.1
    np.testing.assert_array_equal(clean_matte(alpha, "holes"), alpha)
    alpha[20:24, 20:24] = 0.4
    assert clean_matte(alpha, "holes").min() == pytest.approx(1)


def test_a_hole_in_something_unsure_becomes_as_unsure_as_that() -> None:
    alpha = np.zeros((60, 90), np.float32)
    alpha[10:, 10:50] = 1
    alpha[10:, 50:80] = 0.6
    alpha[30:33, 65:68] = 0.4
    result = clean_matte(alpha, "holes")
    assert result[31, 66] == pytest.approx(0.6, abs=0.01)
    assert result[10:, 50:80].max() < 0.61


def test_a_hole_in_an_island_does_not_bring_it_back() -> None:
    alpha = np.zeros((100, 100), np.float32)
    alpha[30:, 10:60] = 1
    alpha[5:15, 80:90] = 0.9
    alpha[9:11, 84:86] = 0.4
    assert clean_matte(alpha, "both")[:20].max() == 0


def test_a_gap_at_the_edge_of_the_picture_is_no_hole() -> None:
    alpha = np.ones((60, 60), np.float32)
    alpha[55:, 20:24] = 0
    np.testing.assert_array_equal(clean_matte(alpha, "both"), alpha)


def test_hair_on_a_faint_bridge_stays_and_an_island_on_one_goes() -> None:
    alpha = np.zeros((100, 100), np.float32)
    alpha[30:, 20:60] = 1
    alpha[10:30, 40] = 0.3  # a hair: never half, belongs to no piece
    alpha[50, 60:85] = 0.2
    alpha[48:53, 85:90] = 0.9
    result = clean_matte(alpha, "islands")
    np.testing.assert_array_equal(result[:, :85], alpha[:, :85])
    assert result[48:53, 85:90].max() == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1), (2, 3), (37, 53)])
@pytest.mark.parametrize("mode", CLEAN_MODES)
def test_any_size_and_content(size: tuple[int, int], mode: str) -> None:
    for alpha in (*(np.full(size, v, np.float32) for v in (0, 0.3, 1)), np.random.default_rng(0).random(size)):
        with np.errstate(all="raise"):
            result = clean_matte(alpha.astype(np.float32), mode)
        assert result.shape == size
        assert result.dtype == np.float32
        assert 0 <= result.min() <= result.max() <= 1
        if np.ptp(alpha) == 0:
            expected = 0 if mode != "off" and 0 < alpha.max() < 1 else alpha  # 0.3 is nowhere sure
            np.testing.assert_array_equal(result, np.broadcast_to(np.float32(expected), size))


def test_an_unknown_mode_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match="known: off, unsure, holes, islands, both"):
        clean_matte(people(), "scrub")


def test_filling_does_not_widen_the_outline() -> None:
    alpha = np.zeros((60, 60), np.float32)
    alpha[10:50, 10:50] = 1
    alpha[20:23, 11:14] = 0.4  # one pixel from the edge
    result = clean_matte(alpha, "holes")
    assert result[21, 12] == pytest.approx(1)
    np.testing.assert_array_equal(result[:, :10], alpha[:, :10])
