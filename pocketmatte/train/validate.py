"""Scores on the held-out pictures, at network size: what a run is steered by. Never the test sets."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pocketmatte.data.held_out import HeldOut
from pocketmatte.train.objective import normalise

_BAND = 0.02  # of the diagonal, as in the evaluation of masks


@torch.no_grad()
def predict(network: nn.Module, images: Tensor, prior: Tensor | None = None) -> Tensor:
    """uint8 ``[N,3,S,S]`` -> alpha float32 ``[N,1,S,S]``. A video network without a ``prior`` gets an empty one."""
    if prior is None and "prior" in getattr(network, "inputs", ("image",)):
        prior = torch.zeros_like(images[:, :1], dtype=torch.float32)
    alpha: Tensor = torch.sigmoid(network(normalise(images, network, prior)).float())
    return alpha


def validate(network: nn.Module, held_out: HeldOut, batch: int = 64) -> dict[str, float]:
    """``miou``, ``biou`` (boundary IoU), ``mad`` over people, ``empty`` (mean alpha where nobody is), and their
    ``score``: (mIoU + boundary IoU) / 2 - empty. For a video network also ``miou_second``: a second look, with its own
    first answer as prior. ``network`` is in evaluation mode.
    """
    people = len(held_out.images) - held_out.empty
    video = "prior" in getattr(network, "inputs", ("image",))
    sums: dict[str, Tensor] = {}
    for start in range(0, len(held_out.images), batch):
        images = held_out.images[start : start + batch]
        truth = held_out.alphas[start : start + batch].float() / 255
        alpha = predict(network, images)
        shown = (torch.arange(start, start + len(images), device=alpha.device) < people).float()
        rows = {
            "miou": _mean_iou(alpha, truth) * shown,
            "biou": _boundary_iou(alpha, truth) * shown,
            "mad": (alpha - truth).abs().mean((1, 2, 3)) * shown,
            "empty": alpha.mean((1, 2, 3)) * (1 - shown),
        }
        if video:
            rows["miou_second"] = _mean_iou(predict(network, images, alpha), truth) * shown
        for name, row in rows.items():
            sums[name] = sums.get(name, torch.zeros_like(row[0])) + row.sum()
    scores = {n: float(s) / max(1, held_out.empty if n == "empty" else people) for n, s in sums.items()}
    return {**scores, "score": (scores["miou"] + scores["biou"]) / 2 - scores["empty"]}


def _iou(a: Tensor, b: Tensor) -> Tensor:
    both, either = (a & b).sum((1, 2, 3)), (a | b).sum((1, 2, 3))
    return torch.where(either > 0, both / either.clamp(min=1), 1.0)


def _mean_iou(alpha: Tensor, truth: Tensor) -> Tensor:
    a, t = alpha > 0.5, truth > 0.5
    return (_iou(a, t) + _iou(~a, ~t)) / 2


def _boundary_iou(alpha: Tensor, truth: Tensor) -> Tensor:
    """IoU of the bands within 2 % of the diagonal inside each mask's contour (Cheng et al. 2021)."""
    radius = max(1, round(_BAND * 2**0.5 * alpha.shape[2]))
    bands = []
    for mask in (alpha > 0.5, truth > 0.5):
        near = F.pad((~mask).float(), (radius,) * 4, value=1.0)
        for kernel in ((2 * radius + 1, 1), (1, 2 * radius + 1)):
            near = F.max_pool2d(near, kernel, 1)
        bands.append(mask & (near > 0))
    return _iou(bands[0], bands[1])
