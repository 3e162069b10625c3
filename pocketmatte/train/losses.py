"""Matting and segmentation losses. All take logits ``[N,1,H,W]`` and a target alpha ``[N,1,H,W]`` in 0..1."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def edge_band(alpha: Tensor, radius: int) -> Tensor:
    """1 within ``radius`` pixels of the matte's edge, else 0; same shape as ``alpha``."""
    k = 2 * radius + 1
    high = F.max_pool2d(alpha, k, 1, radius)
    low = -F.max_pool2d(-alpha, k, 1, radius)
    return ((high - low) > 0.5).to(alpha.dtype)


def edge_weighted_bce(logits: Tensor, alpha: Tensor, boost: float = 2.0, radius: int = 3) -> Tensor:
    """Binary cross-entropy, ``1 + boost`` times as heavy in the edge band."""
    weight = 1 + boost * edge_band(alpha, radius)
    return (F.binary_cross_entropy_with_logits(logits, alpha, reduction="none") * weight).mean()


def dice(logits: Tensor, alpha: Tensor) -> Tensor:
    """Soft Dice loss per picture (Milletari et al. 2016), over the pictures that hold somebody."""
    p = torch.sigmoid(logits).flatten(1)
    t = alpha.flatten(1)
    loss = 1 - (2 * (p * t).sum(1) + 1) / ((p * p).sum(1) + (t * t).sum(1) + 1)
    occupied = (t.mean(1) > 0.001).to(loss.dtype)
    return (loss * occupied).sum() / occupied.sum().clamp(min=1)


def laplacian(prediction: Tensor, alpha: Tensor, levels: int = 4) -> Tensor:
    """L1 between Laplacian pyramids, coarse levels weighted up (Hou & Liu 2019), on alphas rather than logits."""
    loss = prediction.new_zeros(())
    for level in range(levels):
        small_p, small_t = F.avg_pool2d(prediction, 2), F.avg_pool2d(alpha, 2)
        size = prediction.shape[2:]
        detail_p = prediction - F.interpolate(small_p, size=size, mode="bilinear", align_corners=False)
        detail_t = alpha - F.interpolate(small_t, size=size, mode="bilinear", align_corners=False)
        loss = loss + 2**level * (detail_p - detail_t).abs().mean()
        prediction, alpha = small_p, small_t
    return loss


def matte_loss(logits: Tensor, coarse: Tensor | None, alpha: Tensor) -> dict[str, Tensor]:
    """The terms of the default objective, already weighted; their sum is what is minimised."""
    p = torch.sigmoid(logits)
    terms = {
        "bce": edge_weighted_bce(logits, alpha),
        "l1": (p - alpha).abs().mean(),
        "laplacian": 0.5 * laplacian(p, alpha),
        "dice": 0.5 * dice(logits, alpha),
    }
    if coarse is not None:
        small = F.adaptive_avg_pool2d(alpha, coarse.shape[2:])
        terms["coarse"] = 0.4 * F.binary_cross_entropy_with_logits(coarse, small)
    return terms
