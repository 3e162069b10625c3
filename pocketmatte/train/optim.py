"""Optimiser and learning-rate schedule."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from pocketmatte.train.config import Optim


def make_optimizer(module: nn.Module, optim: Optim, fused: bool) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019); vectors (biases, batch norms) do not decay.

    Each group keeps its peak rate under ``peak`` and says under ``encoder`` whether it rests with the encoder.
    """
    groups: list[dict[str, Any]] = []
    for encoder in (True, False):
        for decay in (True, False):
            chosen = [
                p
                for name, p in module.named_parameters()
                if name.startswith("network.encoder.") == encoder and (p.ndim > 1) == decay
            ]
            if chosen:
                rate = optim.encoder_lr if encoder else optim.lr
                weight_decay = optim.weight_decay if decay else 0.0
                groups.append({"params": chosen, "peak": rate, "encoder": encoder, "weight_decay": weight_decay})
    return torch.optim.AdamW(groups, lr=0.0, fused=fused)


def rate_at(seen: int, progress: float, optim: Optim) -> float:
    """Share of the peak rate after ``seen`` samples, ``progress`` 0..1 through the run, without a plateau's factor."""
    warm = min(1.0, (seen + 1) / max(1, optim.warmup_samples))
    if optim.schedule != "cosine":
        return warm
    return warm * (optim.final_share + (1 - optim.final_share) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


def set_rates(optimizer: torch.optim.Optimizer, share: float, frozen: bool) -> None:
    """Set every group to ``share`` of its peak; a ``frozen`` encoder gets none."""
    for group in optimizer.param_groups:
        group["lr"] = 0.0 if frozen and group["encoder"] else group["peak"] * share
