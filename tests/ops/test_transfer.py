"""Colour transfer: the published ratio, the person's statistics alone; L*a*b* by the book."""

from __future__ import annotations

import numpy as np
import pytest

from pocketmatte.ops.color import lab_to_rgb, rgb_to_lab, srgb_to_linear
from pocketmatte.ops.transfer import transfer_color

XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])


def lab_by_the_book(image: np.ndarray) -> np.ndarray:
    """CIE 15:2004 with D65 white, in double precision."""
    t = srgb_to_linear(image).astype(np.float64) @ XYZ.T / XYZ.sum(axis=1)
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)


def noise(size: tuple[int, int], mean: tuple[int, int, int], spread: float, seed: int) -> np.ndarray:
    values = np.random.default_rng(seed).normal(mean, spread, (*size, 3))
    return np.clip(values, 0, 255).astype(np.uint8)


def test_lab_is_what_the_standard_says() -> None:
    image = np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    np.testing.assert_allclose(rgb_to_lab(image), lab_by_the_book(image), atol=0.6)
    assert np.abs(lab_to_rgb(rgb_to_lab(image)).astype(int) - image).max() <= 2
    assert (lab_to_rgb(np.full((2, 2, 3), (50, 127, 127), np.float32)) <= 255).all()  # outside sRGB: limited
    assert (lab_to_rgb(np.full((2, 2, 3), (0, -90, 90), np.float32))[..., 0] == 0).all()


@pytest.mark.parametrize(("own", "other"), [(20.0, 32.0), (24.0, 14.0)])
def test_the_person_gets_mean_and_spread_of_the_source(own: float, other: float) -> None:
    """Also when only the person's pixels, not the rest of the target, may be counted."""
    target = noise((120, 160), (120, 110, 100), own, 1)
    target[:, :60] = (10, 250, 10)  # what stands beside the person
    alpha = np.zeros((120, 160), np.float32)
    alpha[:, 60:] = 1
    source = noise((90, 70), (110, 130, 150), other, 2)
    result = lab_by_the_book(transfer_color(target, alpha, source))[:, 60:].reshape(-1, 3)
    wanted = lab_by_the_book(source).reshape(-1, 3)
    np.testing.assert_allclose(result.mean(axis=0), wanted.mean(axis=0), atol=1.0)
    np.testing.assert_allclose(result.std(axis=0), wanted.std(axis=0), rtol=0.08)
    assert (transfer_color(target, alpha, source)[:, :60] == target[:, :60]).all()


def test_strength_goes_from_nothing_to_all() -> None:
    target, source = noise((60, 60), (150, 90, 80), 20, 1), noise((60, 60), (90, 110, 160), 20, 2)
    alpha = np.ones((60, 60), np.float32)
    np.testing.assert_array_equal(transfer_color(target, alpha, source, 0.0), target)
    means = [rgb_to_lab(transfer_color(target, alpha, source, s)).mean(axis=(0, 1)) for s in (0.0, 0.5, 1.0)]
    np.testing.assert_allclose(means[1], (means[0] + means[2]) / 2, atol=1.0)


def test_a_flat_wall_does_not_flatten_the_person() -> None:
    target = noise((60, 60), (120, 120, 120), 30, 1)
    result = transfer_color(target, np.ones((60, 60), np.float32), np.full((60, 60, 3), (60, 70, 160), np.uint8))
    kept = rgb_to_lab(result).std(axis=(0, 1)) / rgb_to_lab(target).std(axis=(0, 1))
    assert (kept > 0.4).all()
    assert (kept < 0.6).all()


def test_a_flat_person_stays_flat() -> None:
    target = np.full((60, 60, 3), (120, 90, 80), np.uint8)
    result = transfer_color(target, np.ones((60, 60), np.float32), noise((60, 60), (120, 120, 120), 40, 1))
    assert (result == result[0, 0]).all()


@pytest.mark.parametrize("value", [0.0, 0.3])
def test_without_a_person_nothing_changes(value: float) -> None:
    target, source = noise((20, 30), (120, 90, 80), 20, 1), noise((20, 30), (20, 90, 180), 20, 2)
    alpha = np.full((20, 30), value, np.float32)
    result = transfer_color(target, alpha, source)
    np.testing.assert_array_equal(result, target)
    assert result is not target
