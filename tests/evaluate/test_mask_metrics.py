"""Known answers of the mask scores."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pocketmatte.evaluate.mask_metrics import (
    Mask,
    band_width,
    boundary_iou,
    foreground_iou,
    inner_band,
    mask_scores,
    mean_iou,
    pixel_accuracy,
    to_mask,
)


def mask(*rows: str) -> Mask:
    return np.array([[cell == "#" for cell in row] for row in rows])


def disc(radius: float, x: float, y: float = 200, size: int = 400) -> Mask:
    grid = np.arange(size) + 0.5
    return np.asarray(np.hypot(grid[None, :] - x, grid[:, None] - y) < radius)


def lens(radius: float, distance: float) -> float:
    """Area shared by two discs of one radius."""
    half = distance / 2
    return 2 * radius**2 * math.acos(half / radius) - distance * math.sqrt(radius**2 - half**2)


def test_scores_counted_by_hand() -> None:
    truth = mask("##..", "##..", "....")
    pred = mask("#...", "###.", "....")
    # Foreground: 3 shared of 5; background: 7 shared of 9; 2 of 12 pixels wrong.
    scores = mask_scores(pred, truth)
    assert scores.iou == pytest.approx(3 / 5)
    assert scores.miou == pytest.approx((3 / 5 + 7 / 9) / 2)
    assert scores.acc == pytest.approx(10 / 12)


def test_a_class_absent_from_both_masks_scores_one() -> None:
    nobody, everybody, one = np.zeros((4, 4), bool), np.ones((4, 4), bool), mask("#...", "....", "....", "....")
    assert mask_scores(nobody, nobody) == (1, 1, 1, 1)
    assert mask_scores(everybody, everybody) == (1, 1, 1, 1)
    assert mean_iou(one, nobody) == pytest.approx((0 + 15 / 16) / 2)
    assert mean_iou(~one, everybody) == pytest.approx((15 / 16 + 0) / 2)
    assert boundary_iou(one, nobody) == 0
    assert mask_scores(everybody, nobody) == (0, 0, 0, 0)


@pytest.mark.parametrize("distance", [0, 7, 40, 150])
def test_shifted_discs_score_the_area_of_their_lens(distance: float) -> None:
    first, second = disc(100, 200 - distance / 2), disc(100, 200 + distance / 2)
    shared, area = lens(100, distance), math.pi * 100**2
    union = 2 * area - shared
    outside = 400**2 - union
    iou, background = shared / union, outside / (400**2 - shared)
    assert foreground_iou(first, second) == pytest.approx(iou, abs=2e-3)
    assert mean_iou(first, second) == pytest.approx((iou + background) / 2, abs=2e-3)
    assert pixel_accuracy(first, second) == pytest.approx(1 - (union - shared) / 400**2, abs=2e-3)


def test_concentric_squares_share_the_overlap_of_their_rings() -> None:
    width = band_width(1000, 1000)
    assert width == 28
    # Rings 28 wide, outer sides 600 and 580 about one centre.
    big, small = np.zeros((1000, 1000), bool), np.zeros((1000, 1000), bool)
    big[200:800, 200:800] = small[210:790, 210:790] = True
    shared, union = 580**2 - (600 - 56) ** 2, 600**2 - (580 - 56) ** 2
    assert boundary_iou(small, big) == pytest.approx(shared / union)
    inside = np.zeros_like(big)
    inside[228:772, 228:772] = True
    assert foreground_iou(inside, big) > 0.8
    assert boundary_iou(inside, big) == 0


@pytest.mark.parametrize("width", [1, 2, 5, 40])
def test_band_is_what_lies_within_its_width_of_the_outside(width: int) -> None:
    shape = disc(11, 10, 16, 32)[:, :30]  # leaves the frame on the left
    padded = np.pad(shape, 1)
    outside = np.argwhere(~padded)
    expected = np.zeros_like(shape)
    for y, x in np.argwhere(shape):
        expected[y, x] = np.abs(outside - (y + 1, x + 1)).max(axis=1).min() <= width
    np.testing.assert_array_equal(inner_band(shape, width), expected)


def test_frame_edge_belongs_to_the_band() -> None:
    np.testing.assert_array_equal(inner_band(np.ones((3, 4), bool), 1), mask("####", "#..#", "####"))


def test_band_width_follows_the_diagonal() -> None:
    assert [band_width(512, 512), band_width(720, 1280), band_width(300, 400), band_width(8, 8)] == [14, 29, 10, 1]


def test_scores_survive_turning_and_exchange() -> None:
    first, second = disc(80, 180, 170), disc(90, 230, 240)
    expected = mask_scores(first, second)
    assert mask_scores(second, first) == expected
    assert mask_scores(first.T, second.T) == expected
    assert mask_scores(np.rot90(first), np.rot90(second)) == expected
    assert mask_scores(~first, ~second).miou == expected.miou


def test_exactly_the_threshold_is_background() -> None:
    alpha = np.array([[0.0, 0.5, 0.51, 1.0]], np.float32)
    assert to_mask(alpha).tolist() == [[False, False, True, True]]
    assert to_mask(alpha, 0.25).tolist() == [[False, True, True, True]]


@pytest.mark.parametrize("shape", [(4, 5), (4,), (4, 4, 1), (0, 4)])
def test_shapes_must_agree(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="one shape"):
        mask_scores(np.zeros(shape, bool), np.zeros((4, 4), bool))


def test_smallest_picture() -> None:
    one = np.ones((1, 1), bool)
    assert mask_scores(one, one) == (1, 1, 1, 1)
    assert mask_scores(~one, one) == (0, 0, 0, 0)
