"""Colour and light on batches: float32 ``[n,3,H,W]`` in 0..255, on any device. Random numbers come from NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

Array = npt.NDArray[Any]
_LUMA = np.array([0.299, 0.587, 0.114])


def on_device(values: Array, device: torch.device) -> Tensor:
    """NumPy numbers as float32 on ``device``."""
    return torch.from_numpy(np.ascontiguousarray(values, np.float32)).to(device, non_blocking=True)


def rows(mask: Array, device: torch.device) -> Tensor:
    """Indices where ``mask`` ``[n]`` is true, as int64 on ``device``."""
    return torch.from_numpy(np.flatnonzero(mask)).to(device, non_blocking=True)


def jitter_colour(x: Tensor, rng: np.random.Generator, strength: float = 1.0, gamma: bool = True) -> Tensor:
    """Gamma, exposure, colour temperature, contrast about the mean, saturation: each picture its own. Not clipped."""
    n, device = len(x), x.device
    if gamma and (curved := rng.random(n) < 0.5).any():
        index = rows(curved, device)
        power = on_device(np.exp(rng.normal(0, 0.3 * strength, int(curved.sum()))), device).view(-1, 1, 1, 1)
        x = x.index_copy(0, index, 255 * (x.index_select(0, index) / 255).clamp(1e-4, 1).pow(power))
    gain = np.exp(rng.normal(0, 0.18 * strength, (n, 1)) + rng.normal(0, 0.06 * strength, (n, 3)))
    contrast = np.where(rng.random(n) < 0.7, np.exp(rng.normal(0, 0.2 * strength, n)), 1.0)
    saturation = np.exp(rng.normal(0, 0.3 * strength, n))[:, None, None]
    # everything after gamma is linear in the colours: one matrix and one offset per picture
    mix = saturation * np.eye(3) + (1 - saturation) * np.tile(_LUMA, (3, 1))
    matrix = on_device(mix * (contrast[:, None] * gain)[:, None, :], device)
    pivot = (x.mean((2, 3)) * on_device(gain, device)).mean(1, keepdim=True)
    offset = pivot * on_device(1 - contrast, device)[:, None]  # the mix leaves grey unchanged
    flat = torch.baddbmm(offset[:, :, None].expand(-1, 3, 1), matrix, x.flatten(2))
    return flat.view_as(x)


def uneven_light(x: Tensor, rng: np.random.Generator) -> Tensor:
    """A smooth light gradient over the picture: windows, lamps, hard shadows."""
    field = rng.uniform(-1, 1, (len(x), 1, 3, 3)) * rng.uniform(0.2, 0.9, (len(x), 1, 1, 1))
    return x * F.interpolate(on_device(field, x.device), x.shape[2:], mode="bilinear", align_corners=False).exp()


def monochrome(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Black and white, some of it sepia."""
    tint = np.where(rng.random((len(x), 1)) < 0.3, np.array([[1.0, 0.87, 0.7]]), np.ones((1, 3)))
    grey = (x * on_device(_LUMA, x.device).view(1, 3, 1, 1)).sum(1, keepdim=True)
    return grey * on_device(tint, x.device)[:, :, None, None]


def match_light(person: Tensor, alpha: Tensor, scene: Tensor, rng: np.random.Generator) -> Tensor:
    """Pull the person's mean and spread part of the way to the scene's, so that composites are not given away by light.

    ``alpha`` ``[n,1,H,W]`` in 0..1.
    """
    inside = (alpha > 0.5).to(person.dtype)
    count = inside.sum((2, 3), keepdim=True)
    mean = (person * inside).sum((2, 3), keepdim=True) / count.clamp(min=1)
    std = (((person - mean) ** 2 * inside).sum((2, 3), keepdim=True) / count.clamp(min=1)).sqrt() + 1
    target, spread = scene.mean((2, 3), keepdim=True), scene.std((2, 3), keepdim=True) + 1
    amount = on_device(rng.uniform(0, 0.6, (len(person), 1, 1, 1)), person.device) * (count > 50)
    ratio = 1 + amount * ((spread / std).clamp(0.6, 1.5) - 1)
    return (person - mean) * ratio + mean + 0.6 * amount * (target - mean)
