"""Known answers of flicker and lag, and the frozen control."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from pocketmatte.core import Alpha
from pocketmatte.evaluate.matte_metrics import mad
from pocketmatte.evaluate.temporal_metrics import DtssdMeter, LagMeter, dtssd, frozen, lag


def moving_disc(frames: int = 16, speed: float = 2.0, behind: float = 0.0) -> list[Alpha]:
    """A soft disc that crosses the picture; ``behind`` frames late."""
    grid = np.arange(64) + 0.5
    away = [np.hypot(grid[None, :] - 15 - speed * (t - behind), grid[:, None] - 32) for t in range(frames)]
    return [np.clip((12 - a) / 4 + 0.5, 0, 1).astype(np.float32) for a in away]


def test_flicker_counted_by_hand() -> None:
    still = np.zeros((3, 1, 2), np.float32)
    blink = np.array([[[0, 0]], [[1, 0]], [[1, 0.5]]], np.float32)
    assert dtssd(blink, still) == pytest.approx((math.sqrt(1 / 2) + math.sqrt(0.25 / 2)) / 2)


def test_constant_error_does_not_flicker() -> None:
    truth = moving_disc()
    assert dtssd([g * 0.5 + 0.25 for g in truth[:1] * 8], truth[:1] * 8) == 0
    assert dtssd([g + 0.25 for g in truth], truth) == pytest.approx(0, abs=1e-6)


def test_one_frame_has_no_flicker() -> None:
    assert dtssd(moving_disc(1), moving_disc(1)) is None


@pytest.mark.parametrize("behind", [-2, -1, 0, 1, 2])
def test_whole_lag_is_found(behind: int) -> None:
    assert lag(moving_disc(behind=behind), moving_disc()) == pytest.approx(behind, abs=1e-3)


def test_part_of_a_frame_is_found() -> None:
    assert lag(moving_disc(behind=0.5), moving_disc()) == pytest.approx(0.5, abs=0.02)
    assert lag(moving_disc(behind=1.25), moving_disc()) == pytest.approx(1.25, abs=0.1)


def test_running_mean_lags() -> None:
    """The plain smoothing that the control is there to unmask: calm, but late."""
    truth = moving_disc(24)
    smooth = [truth[0]]
    for frame in truth[1:]:
        smooth.append(0.5 * smooth[-1] + 0.5 * frame)
    late = lag(smooth, truth)
    assert late is not None
    assert 0.3 < late < 1


def test_lag_beyond_reach_stays_at_the_end() -> None:
    assert lag(moving_disc(behind=5), moving_disc()) == 3
    assert lag(moving_disc(behind=-5), moving_disc()) == -3


def test_lag_needs_frames_and_movement() -> None:
    assert lag(moving_disc(6), moving_disc(6)) is None
    assert lag(moving_disc(7), moving_disc(7)) == pytest.approx(0, abs=1e-3)
    assert lag(moving_disc(speed=0), moving_disc(speed=0)) is None
    assert lag(moving_disc(3), moving_disc(3), reach=1) == pytest.approx(0, abs=1e-3)


def test_lag_does_not_keep_the_callers_arrays() -> None:
    """A predictor may hand out the same buffer for every frame."""
    meter, buffer = LagMeter(), np.zeros((64, 64), np.float32)
    for pred, truth in zip(moving_disc(behind=1), moving_disc(), strict=True):
        buffer[...] = pred
        meter.add(buffer, truth)
    assert meter.value() == pytest.approx(1, abs=1e-3)


def test_frozen_control_is_calm_and_wrong() -> None:
    truth = moving_disc()
    held = list(frozen(truth))
    assert len(held) == len(truth)
    assert all(np.array_equal(frame, truth[0]) for frame in held)
    nobody = [np.zeros_like(truth[0])] * len(truth)
    assert dtssd(held, nobody) == 0  # it never moves,
    assert dtssd(held, truth) == pytest.approx(dtssd(nobody, truth))  # so its flicker is the truth's own movement,
    late = moving_disc(behind=1)
    assert mad(held[-1], truth[-1]) > 2 * mad(late[-1], truth[-1])  # and it loses on error to a matte that follows
    assert lag(held, truth) is not None


def test_frozen_copies_the_first_frame() -> None:
    buffer = np.zeros((2, 2), np.float32)

    def frames() -> Iterator[Alpha]:
        for value in (0.25, 0.5, 0.75):
            buffer[...] = value
            yield buffer

    assert [float(frame[0, 0]) for frame in frozen(frames())] == [0.25] * 3


@pytest.mark.parametrize("meter", [DtssdMeter, LagMeter])
def test_sizes_must_stay(meter: type[DtssdMeter] | type[LagMeter]) -> None:
    one = meter()
    one.add(np.zeros((4, 4), np.float32), np.zeros((4, 4), np.float32))
    with pytest.raises(ValueError, match="one shape"):
        one.add(np.zeros((4, 5), np.float32), np.zeros((4, 5), np.float32))
    with pytest.raises(ValueError, match="one shape"):
        one.add(np.zeros((4, 4), np.float32), np.zeros((4, 5), np.float32))


@pytest.mark.parametrize("score", [dtssd, lag])
def test_lengths_must_agree(score: object) -> None:
    assert callable(score)
    with pytest.raises(ValueError, match="zip"):
        score(moving_disc(5), moving_disc(4))
