"""What cameras and networks do to a picture: torch, float32 ``[n,3,H,W]`` in 0..255, on any device."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from pocketmatte.data.photo import monochrome, on_device, rows, uneven_light

Array = npt.NDArray[Any]
# Quantisation tables of ITU-T T.81, annex K.
_LUMINANCE = [16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
              14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
              49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99]  # fmt: skip
_CHROMINANCE = [17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99,
                47, 66, 99, 99, 99, 99, 99, 99] + [99] * 32  # fmt: skip
_TO_YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
_SHORT = 9  # taps of the blur kernels


def blur(x: Tensor, sigma: Array) -> Tensor:
    """Gaussian blur, ``sigma`` ``[n]`` in pixels, up to 4."""
    reach = max(1, int(np.ceil(2.5 * sigma.max())))
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1)[None] / np.maximum(sigma[:, None], 1e-3)) ** 2)
    kernel = on_device(taps / taps.sum(1, keepdims=True), x.device)
    n, c, h, w = x.shape
    kernel = kernel.repeat_interleave(c, 0)
    flat = F.pad(x.reshape(1, n * c, h, w), (reach, reach, reach, reach), mode="reflect")
    flat = F.conv2d(flat, kernel[:, None, :, None], groups=n * c)
    return F.conv2d(flat, kernel[:, None, None, :], groups=n * c).view(n, c, h, w)


def motion_blur(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Straight motion of 3 to 8 pixels in any direction."""
    n, c, h, w = x.shape
    half, angle = rng.uniform(1.5, 4, (n, 1)), rng.uniform(0, np.pi, (n, 1))
    along = np.linspace(-1, 1, 25)[None] * half
    kernel = np.zeros((n, _SHORT, _SHORT))
    middle = _SHORT // 2
    who = np.repeat(np.arange(n), along.shape[1])
    y, x_ = (np.rint(along * f(angle)).astype(int).ravel() + middle for f in (np.sin, np.cos))
    np.add.at(kernel, (who, y, x_), 1 / along.shape[1])
    weight = on_device(kernel, x.device).repeat_interleave(c, 0)[:, None]
    flat = F.pad(x.reshape(1, n * c, h, w), (middle,) * 4, mode="reflect")
    return F.conv2d(flat, weight, groups=n * c).view(n, c, h, w)


def low_resolution(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Down to 0.35 to 0.8 of the size, averaging, and back."""
    size = (x.shape[2], x.shape[3])
    small_size = [max(8, round(side * factor)) for factor in [rng.uniform(0.35, 0.8)] for side in size]
    small = F.interpolate(x, small_size, mode="bilinear", align_corners=False, antialias=True)
    return F.interpolate(small, size, mode="bilinear", align_corners=False)


def jpeg(x: Tensor, quality: Array) -> Tensor:
    """JPEG's loss without its bits: 4:2:0 chroma, 8x8 cosine transform, quantisation. H and W are multiples of 16."""
    device = x.device
    scale = np.where(quality < 50, 5000 / quality, 200 - 2 * quality)[:, None]
    to_ycc = on_device(_TO_YCC, device)
    ycc = torch.einsum("ij,njhw->nihw", to_ycc, x)
    planes = []
    for plane, table in ((ycc[:, :1] - 128, _LUMINANCE), (F.avg_pool2d(ycc[:, 1:], 2), _CHROMINANCE)):
        steps = np.clip(np.floor((np.array(table)[None] * scale + 50) / 100), 1, 255)
        planes.append(_quantise(plane, on_device(steps.reshape(-1, 1, 1, 8, 1, 8), device)))
    chroma = F.interpolate(planes[1], scale_factor=2.0, mode="bilinear", align_corners=False)
    out = torch.cat([planes[0] + 128, chroma], 1)
    return torch.einsum("ij,njhw->nihw", on_device(np.linalg.inv(_TO_YCC), device), out)


def _quantise(plane: Tensor, steps: Tensor) -> Tensor:
    """Round the cosine coefficients of each 8x8 block to multiples of ``steps`` ``[n,1,1,8,1,8]``."""
    k, i = np.meshgrid(np.arange(8), np.arange(8), indexing="ij")
    basis = np.cos((2 * i + 1) * k * np.pi / 16) * np.where(k == 0, np.sqrt(1 / 8), 0.5)
    cosines = on_device(basis, plane.device)
    n, c, h, w = plane.shape
    blocks = plane.reshape(n, c, h // 8, 8, w // 8, 8)
    coefficients = torch.einsum("ki,lj,ncyixj->ncykxl", cosines, cosines, blocks)
    coefficients = (coefficients / steps).round() * steps
    return torch.einsum("ki,lj,ncykxl->ncyixj", cosines, cosines, coefficients).reshape(n, c, h, w)


def degrade(x: Tensor, rng: np.random.Generator, noise: torch.Generator, strength: float = 1.0) -> Tensor:
    """Monochrome, uneven light, low light, one of three blurs, noise, JPEG; each on its own share of the pictures.

    ``strength`` scales the probabilities. ``noise`` lives on the device of ``x``. Clipped to 0..255.
    """
    n, device = len(x), x.device

    def pick(p: float) -> Array:
        return rng.random(n) < p * strength

    def change(mask: Array, f: Any) -> None:
        nonlocal x
        if mask.any():
            index = rows(mask, device)
            x = x.index_copy(0, index, f(x.index_select(0, index)))

    change(pick(0.08), lambda part: monochrome(part, rng))
    change(pick(0.12), lambda part: uneven_light(part, rng))
    dark = pick(0.08)
    change(dark, lambda part: part * on_device(rng.uniform(0.25, 0.6, (len(part), 1, 1, 1)), device))
    x = x.clamp(0, 255)
    kind = rng.random(n) / max(strength, 1e-6)
    change(kind < 0.1, lambda part: blur(part, rng.uniform(0.4, 1.6, len(part))))
    change((kind >= 0.1) & (kind < 0.15), lambda part: motion_blur(part, rng))
    for third in range(3):
        change((kind >= 0.15 + third * 0.05) & (kind < 0.2 + third * 0.05), lambda part: low_resolution(part, rng))

    def add_noise(part: Tensor) -> Tensor:
        sigma = on_device(rng.uniform(2, 16, (len(part), 1, 1, 1)), device)
        return part + sigma * torch.randn(part.shape, generator=noise, device=device)

    change(pick(0.3) | (dark & pick(0.7)), add_noise)
    x = x.clamp(0, 255)
    change(pick(0.3), lambda part: jpeg(part, rng.uniform(25, 90, len(part))))
    return x.clamp(0, 255)
