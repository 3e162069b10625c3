"""Known answers of the matte errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pocketmatte.core import Alpha
from pocketmatte.evaluate.matte_metrics import conn, grad, mad, matte_errors, mse


def alpha(*rows: list[float]) -> Alpha:
    return np.array(rows, np.float32)


def soft_disc(radius: float, x: float, y: float, size: int = 64, edge: float = 6) -> Alpha:
    grid = np.arange(size) + 0.5
    away = np.hypot(grid[None, :] - x, grid[:, None] - y)
    return np.clip((radius - away) / edge + 0.5, 0, 1).astype(np.float32)


def slow_gradient(values: Alpha, sigma: float = 1.4) -> np.ndarray:
    """The definition written out: a 9x9 Gaussian derivative of unit norm, edges replicated."""
    steps = np.arange(-4, 5)
    gauss = np.exp(-(steps**2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))
    across = np.outer(gauss, -steps * gauss / sigma**2)
    across /= np.sqrt((across**2).sum())
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(values.astype(np.float64), 4, mode="edge"), (9, 9))
    return np.hypot(np.einsum("yxij,ij->yx", windows, across), np.einsum("yxij,ij->yx", windows, across.T))


def test_means_counted_by_hand() -> None:
    pred, truth = alpha([0, 0.5, 1, 1]), alpha([0, 0, 1, 0.5])
    assert mad(pred, truth) == pytest.approx(1 / 4)
    assert mse(pred, truth) == pytest.approx(0.5 / 4)


def test_equal_mattes_have_no_error() -> None:
    matte = soft_disc(20, 30, 34)
    assert matte_errors(matte, matte) == pytest.approx((0, 0, 0, 0), abs=1e-12)


def test_gradient_is_its_definition() -> None:
    pred, truth = soft_disc(20, 30, 34), soft_disc(22, 33, 31, edge=2)
    expected = ((slow_gradient(pred) - slow_gradient(truth)) ** 2).sum() / 1000
    assert expected > 0.05
    assert grad(pred, truth) == pytest.approx(expected, rel=1e-4)


def test_gradient_of_a_step_counted_by_hand() -> None:
    """Along a straight step the derivative filter sees sums of its taps: known per column, the same in every row."""
    step = np.zeros((32, 32), np.float32)
    step[:, 16:] = 1
    steps = np.arange(-4, 5)
    gauss = np.exp(-(steps**2) / (2 * 1.4**2))
    slope = steps * gauss
    flat = gauss.sum() / np.linalg.norm(gauss)
    columns = np.array([slope[steps >= distance].sum() for distance in range(-15, 17)]) / np.linalg.norm(slope)
    assert grad(step, np.zeros_like(step)) == pytest.approx(32 * ((columns * flat) ** 2).sum() / 1000, rel=1e-5)


def test_gradient_ignores_a_constant_offset() -> None:
    matte = soft_disc(20, 30, 34) / 2
    assert grad(matte + 0.25, matte) == pytest.approx(0, abs=1e-9)
    assert mad(matte + 0.25, matte) == pytest.approx(0.25)


def test_floating_piece_costs_its_alpha() -> None:
    truth = np.zeros((8, 8), np.float32)
    truth[:4, :4] = 1
    pred = truth.copy()
    pred[7, 7] = 0.8
    assert conn(pred, truth) == pytest.approx(0.8 / 1000)
    pred[7, 7] = 0.1  # below the slack
    assert conn(pred, truth) == 0
    truth[7, 7] = pred[7, 7] = 0.8  # both have it: equally loose
    assert conn(pred, truth) == 0


def test_thin_bridge_costs_what_it_lacks() -> None:
    """Above 0.5 the bridge splits what both share: the truth's bridge is loose by 0.5, the matte's own is not."""
    truth = alpha([1, 1, 1, 1, 1, 1], [1, 1, 0, 0, 0, 0])
    pred = truth.copy()
    pred[0, 4] = 0.5
    assert conn(pred, truth) == pytest.approx(0.5 / 1000)
    # The far end is loose in both alike. Neighbours over a corner are no neighbours:
    corner = alpha([1, 1, 0], [1, 1, 0], [0, 0, 1])
    assert conn(corner, corner * alpha([1, 1, 1], [1, 1, 1], [1, 1, 0.4])) == pytest.approx(0.6 / 1000)


def test_levels_are_met_by_8_bit_values() -> None:
    """153 / 255 is 0.6: the level 0.6 holds it, so nothing of it is loose; 0.7 does not hold 178 / 255."""
    truth = np.full((3, 3), 1, np.float32)
    pred = np.full((3, 3), np.float32(153) / np.float32(255), np.float32)
    assert conn(pred, truth) == pytest.approx(9 * 0.4 / 1000, rel=1e-5)
    pred[...] = np.float32(178) / np.float32(255)
    assert conn(pred, truth) == pytest.approx(9 * 0.4 / 1000, rel=1e-5)


def test_errors_survive_turning_and_exchange() -> None:
    pred, truth = soft_disc(20, 30, 34), soft_disc(22, 33, 31, edge=2)
    expected = matte_errors(pred, truth)
    assert min(expected) > 0
    assert matte_errors(truth, pred) == pytest.approx(expected)
    assert matte_errors(pred.T, truth.T) == pytest.approx(expected, rel=1e-5)
    assert matte_errors(pred[:, ::-1], truth[:, ::-1]) == pytest.approx(expected, rel=1e-5)
    assert matte_errors(pred.astype(np.float64), truth.astype(np.float64)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("error", [mad, mse, grad, conn])
def test_shapes_must_agree(error: object) -> None:
    assert callable(error)
    with pytest.raises(ValueError, match="one shape"):
        error(np.zeros((4, 4), np.float32), np.zeros((4, 5), np.float32))


def test_smallest_picture() -> None:
    one = np.ones((1, 1), np.float32)
    assert matte_errors(one, one * 0) == pytest.approx((1, 1, 0, 1 / 1000))
