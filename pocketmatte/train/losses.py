"""Matting and segmentation losses.

All take logits or alphas ``[N,1,H,W]``, targets in 0..1, and a ``trust`` of the same shape in 0..1 that weighs pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Mean of ``values`` under ``weight`` of the same shape."""
    return (values * weight).sum() / weight.sum().clamp(min=1e-3)


def edge_band(alpha: Tensor, radius: int) -> Tensor:
    """1 within ``radius`` pixels of the matte's edge, else 0; same shape as ``alpha``."""
    high, low = alpha, alpha
    for dim in (2, 3):
        high, low = _running(high, radius, dim, torch.maximum), _running(low, radius, dim, torch.minimum)
    return ((high - low) > 0.5).to(alpha.dtype)


def _running(x: Tensor, radius: int, dim: int, pick: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Largest or smallest of the ``2 * radius + 1`` neighbours along ``dim``, in as few passes as doubling takes;
    ``max_pool2d`` on a CPU is some twenty times slower."""
    first, last = x.narrow(dim, 0, 1), x.narrow(dim, x.shape[dim] - 1, 1)
    repeats = [1, 1, 1, 1]
    repeats[dim] = radius
    x = torch.cat([first.repeat(repeats), x, last.repeat(repeats)], dim)
    covered, wanted = 1, 2 * radius + 1
    while covered < wanted:
        shift = min(covered, wanted - covered)
        length = x.shape[dim] - shift
        x = pick(x.narrow(dim, 0, length), x.narrow(dim, shift, length))
        covered += shift
    return x


def robust_weight(logits: Tensor, alpha: Tensor, trust: Tensor) -> Tensor:
    """1 for labels one is sure of; others lose weight where the network contradicts them.

    A label of trust t counts t where the network gives it no chance, 1 where it agrees: faulty parts of labels (a
    missing sleeve, a microphone kept) fade as the network learns better, sound parts keep teaching.
    """
    p = torch.sigmoid(logits.detach())
    agreement = 1 - (p - alpha).abs()
    return trust + (1 - trust) * agreement


def edge_weighted_bce(logits: Tensor, alpha: Tensor, trust: Tensor, boost: float = 2.0, radius: int = 3) -> Tensor:
    """Binary cross-entropy, ``1 + boost`` times as heavy in the edge band, with :func:`robust_weight`."""
    weight = (1 + boost * edge_band(alpha, radius)) * robust_weight(logits, alpha, trust)
    return (F.binary_cross_entropy_with_logits(logits, alpha, reduction="none") * weight).mean()


def dice(p: Tensor, alpha: Tensor, trust: Tensor) -> Tensor:
    """Soft Dice loss per picture (Milletari et al. 2016), over the pictures that hold somebody."""
    p, t, w = p.flatten(1), alpha.flatten(1), trust.flatten(1)
    loss = 1 - (2 * (w * p * t).sum(1) + 1) / ((w * p * p).sum(1) + (w * t * t).sum(1) + 1)
    occupied = (t.mean(1) > 0.001).to(loss.dtype)
    return (loss * occupied).sum() / occupied.sum().clamp(min=1)


def laplacian(difference: Tensor, levels: int = 4) -> Tensor:
    """L1 of the Laplacian pyramid of ``difference`` = prediction - truth, coarse levels weigh more (Hou & Liu 2019)."""
    loss = difference.new_zeros(())
    for level in range(levels):
        small = F.avg_pool2d(difference, 2)
        smooth = F.interpolate(small, size=difference.shape[2:], mode="bilinear", align_corners=False)
        loss = loss + 2**level * (difference - smooth).abs().mean()
        difference = small
    return loss


def deep_supervision(coarse: Tensor, alpha: Tensor, trust: Tensor) -> Tensor:
    """Cross-entropy of small logits ``[N,1,h,w]`` against the averaged truth."""
    size = (coarse.shape[2], coarse.shape[3])
    small, weight = (F.adaptive_avg_pool2d(x, size) for x in (alpha, trust))
    return weighted_mean(F.binary_cross_entropy_with_logits(coarse, small, reduction="none"), weight)


def focal_edges(edge_logits: Tensor, alpha: Tensor, trust: Tensor, radius: int = 2, gamma: float = 2.0) -> Tensor:
    """Focal loss (Lin et al. 2017) of a boundary head: is this pixel in the matte's edge band? (PortraitNet)."""
    target = edge_band(alpha, radius)
    loss = F.binary_cross_entropy_with_logits(edge_logits, target, reduction="none")
    return weighted_mean((1 - torch.exp(-loss)) ** gamma * loss, trust)


def soft_divergence(logits: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """KL divergence from ``teacher`` logits (no gradient) to ``logits``, per pixel, times the squared temperature."""
    teacher = teacher.detach() / temperature
    q, logits = torch.sigmoid(teacher), logits / temperature
    cross = F.binary_cross_entropy_with_logits(logits, q, reduction="none")
    own = F.binary_cross_entropy_with_logits(teacher, q, reduction="none")
    return (cross - own).mean() * temperature**2


def feature_distance(mine: Tensor, teacher: Tensor) -> Tensor:
    """1 - cosine similarity over channels, the teacher ``[N,c,h,w]`` (no gradient) resized to ``mine``."""
    teacher = F.interpolate(teacher.detach().float(), mine.shape[2:], mode="bilinear", align_corners=False)
    return 1 - F.cosine_similarity(mine.float(), teacher, dim=1).mean()


def temporal_coherence(now: Tensor, moved_before: Tensor, alpha: Tensor, moved_alpha: Tensor) -> Tensor:
    """L1 between the change of the prediction and the change of the truth from one frame to the next.

    ``moved_*`` are the earlier frame's, carried along by the known motion.
    """
    return ((now - moved_before) - (alpha - moved_alpha)).abs().mean()
