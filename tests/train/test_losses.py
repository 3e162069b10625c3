"""Every loss: nought at the truth, larger away from it, silent where nothing is trusted, with a gradient that helps."""

import math

import pytest
import torch
from torch.nn import functional as F

from pocketmatte.train import losses

pytestmark = pytest.mark.build


@pytest.fixture
def disc():
    axis = torch.arange(32) + 0.5
    return (torch.hypot(axis[None] - 16, axis[:, None] - 16) < 9).float().expand(2, 1, 32, 32).clone()


def logits_of(alpha):
    return torch.logit(alpha.clamp(1e-4, 1 - 1e-4))


ALL = torch.ones(2, 1, 32, 32)
BY_LOGITS = {
    "bce": lambda x, a, t: losses.edge_weighted_bce(x, a, t),
    "coarse": lambda x, a, t: losses.deep_supervision(x, a, t),
    "dice": lambda x, a, t: losses.dice(torch.sigmoid(x), a, t),
    "laplacian": lambda x, a, t: losses.laplacian((torch.sigmoid(x) - a) * t),
    "l1": lambda x, a, t: losses.weighted_mean((torch.sigmoid(x) - a).abs(), t),
    "divergence": lambda x, a, t: losses.soft_divergence(x, logits_of(a)),
}


@pytest.mark.parametrize("name", sorted(BY_LOGITS))
def test_truth_is_best_and_a_step_downhill_helps(name, disc):
    loss = BY_LOGITS[name]
    torch.manual_seed(0)
    right, wrong = logits_of(disc), (torch.randn(2, 1, 32, 32)).requires_grad_()
    at_truth, away = loss(right, disc, ALL), loss(wrong, disc, ALL)
    assert at_truth < 0.01
    assert away > 10 * at_truth
    away.backward()
    assert torch.isfinite(wrong.grad).all()
    assert loss((wrong - 5.0 * wrong.grad / wrong.grad.norm()).detach(), disc, ALL) < away


@pytest.mark.parametrize("radius", [1, 2, 3, 4])
def test_edge_band_is_dilation_minus_erosion(radius):
    alpha = (torch.rand(2, 1, 33, 40, generator=torch.Generator().manual_seed(radius)) > 0.97).float()
    size = 2 * radius + 1
    high, low = F.max_pool2d(alpha, size, 1, radius), -F.max_pool2d(-alpha, size, 1, radius)
    assert torch.equal(losses.edge_band(alpha, radius), ((high - low) > 0.5).float())


def test_edge_band_is_as_wide_as_asked(disc):
    band = losses.edge_band(disc, 2)[0, 0]
    row = band[16]
    assert row.sum() == 8  # two pixels on each side of two edges
    assert losses.edge_band(torch.ones(1, 1, 16, 16), 2).sum() == 0


def test_edges_weigh_more(disc):
    flat = torch.zeros_like(disc)
    ratio = losses.edge_weighted_bce(flat, disc, ALL, 2.0) / losses.edge_weighted_bce(flat, disc, ALL, 0.0)
    band = losses.edge_band(disc, 3).mean()
    assert float(ratio) == pytest.approx(1 + 2 * float(band), rel=1e-4)


def test_doubtful_labels_fade_only_where_the_network_contradicts(disc):
    trust = torch.full_like(disc, 0.3)
    agree = losses.robust_weight(logits_of(disc), disc, trust)
    against = losses.robust_weight(-logits_of(disc), disc, trust)
    assert agree.min() > 0.99
    torch.testing.assert_close(against, trust, atol=1e-3, rtol=0)
    assert losses.robust_weight(-logits_of(disc), disc, ALL).min() > 0.999


def test_untrusted_pixels_do_not_count(disc):
    trust = ALL.clone()
    trust[:, :, :16] = 0
    broken = disc.clone()
    broken[:, :, :16] = 1 - broken[:, :, :16]
    x = logits_of(disc)
    for loss in (losses.deep_supervision, lambda x, a, t: losses.dice(torch.sigmoid(x), a, t)):
        assert loss(x, broken, trust) < 0.02 < loss(x, broken, ALL)


def test_dice_ignores_pictures_without_anybody(disc):
    empty = torch.zeros_like(disc)
    assert losses.dice(torch.full_like(disc, 0.4), empty, ALL) == 0


def test_focal_loss_of_a_known_pixel(disc):
    """gamma 2 scales the cross-entropy of p = 0.5 by (1 - 0.5) ** 2."""
    zero = torch.zeros_like(disc)
    assert float(losses.focal_edges(zero, disc, ALL)) == pytest.approx(0.25 * math.log(2), rel=1e-5)
    sure = 20 * (losses.edge_band(disc, 2) - 0.5)
    assert losses.focal_edges(sure, disc, ALL) < 1e-6


def test_divergence_matches_the_definition_and_spares_the_teacher():
    mine, told = torch.tensor([0.3]).logit(), torch.tensor([0.8]).logit().requires_grad_()
    expected = 0.8 * math.log(0.8 / 0.3) + 0.2 * math.log(0.2 / 0.7)
    assert float(losses.soft_divergence(mine, told)) == pytest.approx(expected, rel=1e-4)
    mine.requires_grad_()
    losses.soft_divergence(mine, told, 2.0).backward()
    assert told.grad is None
    assert mine.grad is not None


def test_feature_distance_is_one_minus_cosine():
    a = torch.randn(2, 8, 4, 4)
    assert losses.feature_distance(a, 3 * a) == pytest.approx(0, abs=1e-5)
    assert losses.feature_distance(a, -a) == pytest.approx(2, abs=1e-5)


def test_temporal_loss_sees_flicker_not_constant_error(disc):
    bias = 0.2
    steady = losses.temporal_coherence(disc + bias, disc + bias, disc, disc)
    flicker = losses.temporal_coherence(disc + bias, disc - bias, disc, disc)
    assert steady == 0
    assert flicker == pytest.approx(0.4)
