"""Synthetic motion: the frame before a training picture, and the previous mattes a video network may be handed.

The kinds of prior and their perturbations (affine, perspective, thin-plate spline, motion blur) follow PortraitNet
(Zhang et al. 2019) and the hair segmenter of Tkachenka et al. (2019).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from pocketmatte.data.photo import on_device

Array = npt.NDArray[Any]
_CONTROL = 3  # control points of the spline along each side


@dataclass(frozen=True)
class PriorMix:
    """Shares of the kinds of prior; the rest is perturbed truth. ``wrong`` is the matte of another picture."""

    empty: float = 0.35
    exact: float = 0.05
    wrong: float = 0.08
    jitter: float = 0.05


def small_motion(n: int, rng: np.random.Generator, amount: float = 1.0) -> Array:
    """``[n,2,3]`` affine maps in the normalised coordinates of ``affine_grid``: what moves between two frames."""
    angle = np.deg2rad(rng.normal(0, 1.5 * amount, n))
    scale = np.exp(rng.normal(0, 0.015 * amount, n))
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    shift = rng.normal(0, 0.025 * amount, (n, 2))
    return np.stack([np.stack([c, -s, shift[:, 0]], 1), np.stack([s, c, shift[:, 1]], 1)], 1)


def move(x: Tensor, theta: Tensor) -> Tensor:
    """Warp ``[n,c,H,W]`` by affine maps ``[n,2,3]``, mirrored at the border."""
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def draw_priors(alpha: Tensor, mix: PriorMix, rng: np.random.Generator) -> Tensor:
    """A previous matte for each true ``alpha`` ``[n,1,H,W]``, float32, same range; zeros where there is none."""
    n, device = len(alpha), alpha.device
    kind = rng.random(n)
    empty, exact = kind < mix.empty, (kind >= mix.empty) & (kind < mix.empty + mix.exact)
    wrong = (kind >= mix.empty + mix.exact) & (kind < mix.empty + mix.exact + mix.wrong)
    source = np.where(wrong, np.roll(np.arange(n), 1), np.arange(n))
    start = alpha[torch.from_numpy(source).to(device)]
    moved = _perturb(start, np.where(exact, 0.0, 1.0), mix.jitter, rng)
    return moved * on_device(~empty, device)[:, None, None, None]


def _perturb(x: Tensor, amount: Array, jitter: float, rng: np.random.Generator) -> Tensor:
    n, size, device = len(x), (x.shape[2], x.shape[3]), x.device
    grid = _identity(size, device)

    def when(p: float) -> Array:
        return (rng.random(n) < p) * amount

    # homography through four jittered corners: affine and perspective together
    corners = rng.uniform(-2 * jitter, 2 * jitter, (n, 4, 2)) * 2 * np.maximum(when(0.5), when(0.3))[:, None, None]
    h = on_device(_homography(corners), device)
    points = torch.cat([grid, torch.ones_like(grid[..., :1])], -1).reshape(-1, 3)
    mapped = points @ h.transpose(1, 2)
    flow = (mapped[..., :2] / mapped[..., 2:]).view(n, *size, 2)
    # thin-plate spline: fixed control points, so its weights are a matrix that depends on the size alone
    bend = rng.uniform(-jitter, jitter, (n, _CONTROL**2, 2)) * 2 * when(0.5)[:, None, None]
    flow = flow + torch.einsum("pk,nkc->npc", _spline(size, device), on_device(bend, device)).view(n, *size, 2)
    length = rng.uniform(0.02, 0.13, n) * when(0.4)
    turn = rng.uniform(0, np.pi, n)
    streak = on_device(np.stack([np.cos(turn), np.sin(turn)], 1) * length[:, None], device)[:, None, None]
    taps = [
        F.grid_sample(x, flow + streak * step, mode="bilinear", padding_mode="zeros", align_corners=False)
        for step in (-1.0, -0.5, 0.0, 0.5, 1.0)
    ]
    return torch.stack(taps).mean(0)


def _identity(size: tuple[int, int], device: torch.device) -> Tensor:
    y, x = ((torch.arange(side, device=device, dtype=torch.float32) * 2 + 1) / side - 1 for side in size)
    return torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], -1)


def _homography(offsets: Array) -> Array:
    """``[n,3,3]`` maps that send the corners of the square -1..1 to themselves plus ``offsets`` ``[n,4,2]``."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float)
    n = len(offsets)
    target = corners + offsets
    system, right = np.zeros((n, 8, 8)), np.zeros((n, 8))
    for k, (x, y) in enumerate(corners):
        u, v = target[:, k, 0], target[:, k, 1]
        one, zero = np.ones(n), np.zeros(n)
        system[:, 2 * k] = np.stack([x * one, y * one, one, zero, zero, zero, -x * u, -y * u], 1)
        system[:, 2 * k + 1] = np.stack([zero, zero, zero, x * one, y * one, one, -x * v, -y * v], 1)
        right[:, 2 * k], right[:, 2 * k + 1] = u, v
    solved = np.linalg.solve(system, right[..., None])[..., 0]
    return np.concatenate([solved, np.ones((n, 1))], 1).reshape(n, 3, 3)


@lru_cache(maxsize=16)
def _spline(size: tuple[int, int], device: torch.device) -> Tensor:
    """``[H*W, control points]``: displacement of each pixel per unit displacement of each control point."""
    axis = np.linspace(-1, 1, _CONTROL)
    control = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    grid = np.stack(np.meshgrid(*((np.arange(side) * 2 + 1) / side - 1 for side in size[::-1])), -1).reshape(-1, 2)

    def kernel(a: Array, b: Array) -> Array:
        r2 = ((a[:, None] - b[None]) ** 2).sum(-1)
        return np.asarray(r2 * np.log(np.maximum(r2, 1e-12)))

    k = len(control)
    tail = np.column_stack([np.ones(k), control])
    system = np.block([[kernel(control, control), tail], [tail.T, np.zeros((3, 3))]])
    basis = np.column_stack([kernel(grid, control), np.ones(len(grid)), grid])
    return on_device(basis @ np.linalg.inv(system)[:, :k], device)
