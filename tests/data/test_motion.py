"""Synthetic motion and priors."""

import numpy as np
import pytest
import torch

from pocketmatte.data.motion import PriorMix, _homography, _spline, draw_priors, move, small_motion

pytestmark = pytest.mark.build


def discs(n, size=64):
    axis = torch.arange(size) + 0.5
    rows = []
    for k in range(n):
        radius, x = 10 + k % 8, 24 + k % 16
        rows.append(255.0 * (torch.hypot(axis[None] - x, axis[:, None] - 32) < radius))
    return torch.stack(rows)[:, None]


def test_homography_sends_the_corners_where_it_should():
    rng = np.random.default_rng(0)
    offsets = rng.uniform(-0.2, 0.2, (5, 4, 2))
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float)
    for matrix, offset in zip(_homography(offsets), offsets, strict=True):
        for corner, shift in zip(corners, offset, strict=True):
            x, y, z = matrix @ [*corner, 1]
            np.testing.assert_allclose([x / z, y / z], corner + shift, atol=1e-9)


def test_spline_passes_through_its_control_points_and_is_affine_for_affine_shifts():
    size = 33  # pixel 16 is the middle control point
    basis = _spline((size, size), torch.device("cpu"))
    axis = np.linspace(-1, 1, 3)
    control = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    middle = torch.zeros(9)
    middle[4] = 1
    bump = (basis @ middle).view(size, size)
    assert bump[16, 16] == pytest.approx(1, abs=1e-4)
    assert bump[0, 0].abs() < 0.2
    tilt = (basis @ torch.from_numpy(control[:, 0]).float()).view(size, size)
    expected = (torch.arange(size) * 2 + 1) / size - 1
    torch.testing.assert_close(tilt, expected.expand(size, size), atol=1e-4, rtol=0)


def test_motion_carries_a_picture_to_a_known_place():
    x = torch.zeros(1, 1, 32, 32)
    x[..., 10, 20] = 1
    shift = torch.tensor([[[1.0, 0, -2 * 4 / 32], [0, 1, 2 * 3 / 32]]])  # sampling left and below: moves right and up
    out = move(x, shift)
    assert divmod(int(out.argmax()), 32) == (7, 24)


def test_motion_between_frames_is_small():
    thetas = torch.from_numpy(small_motion(200, np.random.default_rng(1))).float()
    before = discs(200)
    after = move(before, thetas)
    overlap = ((before > 127) & (after > 127)).sum((1, 2, 3)) / ((before > 127) | (after > 127)).sum((1, 2, 3))
    assert 0.75 < overlap.mean() < 0.98


def test_kinds_of_prior_come_in_their_shares():
    alpha = discs(400)
    mix = PriorMix(empty=0.3, exact=0.2, wrong=0.2, jitter=0.05)
    prior = draw_priors(alpha, mix, np.random.default_rng(2))
    assert prior.shape == alpha.shape
    assert prior.min() >= 0
    assert prior.max() <= 255.01
    empty = (prior.sum((1, 2, 3)) == 0).float().mean()
    same = ((prior - alpha).abs().mean((1, 2, 3)) < 0.2).float().mean()
    overlap = torch.minimum(prior, alpha).sum((1, 2, 3)) / torch.maximum(prior, alpha).sum((1, 2, 3))
    assert 0.22 < empty < 0.38
    assert same > 0.15
    assert (overlap[prior.sum((1, 2, 3)) > 0] > 0.5).float().mean() > 0.6


def test_without_jitter_a_perturbed_prior_is_at_most_smeared():
    alpha = discs(40)
    mix = PriorMix(empty=0, exact=1.0, wrong=0, jitter=0.1)
    torch.testing.assert_close(draw_priors(alpha, mix, np.random.default_rng(3)), alpha, atol=0.3, rtol=0)
