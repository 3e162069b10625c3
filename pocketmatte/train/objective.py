"""What is minimised: the network, the heads that only training needs, and all loss terms of one batch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pocketmatte.core import PocketmatteError
from pocketmatte.data.compose import Batch
from pocketmatte.data.motion import move
from pocketmatte.models import TrainOutput
from pocketmatte.models.blocks import ConvBnAct
from pocketmatte.train import losses
from pocketmatte.train.config import Losses


def normalise(images: Tensor, network: nn.Module, prior: Tensor | None = None) -> Tensor:
    """uint8 ``[N,3,H,W]`` (and ``[N,1,H,W]``) -> the network's input, channels last."""
    mean, std = (float(getattr(network, name)) for name in ("mean", "std"))
    x = images.float().mul_(1 / (255 * std)).sub_(mean / std)
    if prior is not None:
        x = torch.cat([x, prior.float() / 255 if prior.dtype == torch.uint8 else prior], 1)
    return x.contiguous(memory_format=torch.channels_last)


class Sealed:
    """A batch that Fabric hands on untouched: mixed precision would round its ``motion`` to steps of half a pixel."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch


class Objective(nn.Module):
    """Wraps ``network``; called with a batch it returns the weighted terms, whose sum is to be minimised.

    ``teacher`` is a frozen still network; it is no part of the state.
    """

    def __init__(self, network: nn.Module, loss: Losses, teacher: nn.Module | None = None) -> None:
        super().__init__()
        self.network, self.loss, self._teacher = network, loss, (teacher,)
        self.video = "prior" in getattr(network, "inputs", ("image",))
        if loss.boundary:
            fine = _width(network, "fine_channels")
            self.boundary = nn.Sequential(ConvBnAct(fine, fine), nn.Conv2d(fine, 1, 1))
        if loss.distill_features:
            assert teacher is not None
            self.align = nn.Conv2d(_width(network, "deep_channels"), _width(teacher, "deep_channels"), 1)

    def forward(self, sealed: Sealed) -> dict[str, Tensor]:
        """The weighted loss terms of the batch by name."""
        batch = sealed.batch
        now, before = self._look(batch)
        edges = None
        if self.loss.boundary and now.fine is not None:
            edges = F.interpolate(self.boundary(now.fine), now.logits.shape[2:], mode="bilinear", align_corners=False)
        told, mine = None, None
        if self._teacher[0] is not None:
            with torch.no_grad():
                x = normalise(batch.image, self._teacher[0])
                told = _output(_with_features(self._teacher[0], x, bool(self.loss.distill_features)))
            if self.loss.distill_features and now.deep is not None:
                mine = self.align(now.deep)
        # sampling grids and logarithms want single precision
        with torch.autocast(batch.image.device.type, enabled=False):
            alpha, trust = batch.alpha.float() / 255, batch.trust.float() / 255
            terms = self._supervised(now, edges, alpha, trust)
            if before is not None:
                terms |= self._paired(now.logits[: len(before)].float(), before.float(), alpha[: len(before)], batch)
            if told is not None:
                terms |= self._distilled(now.logits.float(), told, mine)
        return terms

    def _look(self, batch: Batch) -> tuple[TrainOutput, Tensor | None]:
        """What the network says of the pictures, and its logits of the earlier frames."""
        n, m = len(batch.image), len(batch.clean)
        if not self.video:
            both = _output(self.network(normalise(torch.cat([batch.image, batch.clean]), self.network)))
            now = TrainOutput(both.logits[:n], *(None if part is None else part[:n] for part in both[1:]))
            return now, both.logits[n:] if m else None
        prior, before = batch.prior.float() / 255, None
        if m:
            # the earlier frame is seen without a prior; every second one's matte becomes the prior of the later
            before = _output(self.network(normalise(batch.clean, self.network, torch.zeros_like(prior[:m])))).logits
            own = torch.sigmoid(before.detach().float())
            turn = (torch.arange(m, device=prior.device) % 2 == 0).view(-1, 1, 1, 1)
            prior = torch.cat([torch.where(turn, own, prior[:m]), prior[m:]])
        return _output(self.network(normalise(batch.image, self.network, prior))), before

    def _supervised(self, now: TrainOutput, edges: Tensor | None, alpha: Tensor, trust: Tensor) -> dict[str, Tensor]:
        loss, logits = self.loss, now.logits.float()
        p = torch.sigmoid(logits)
        sure = losses.robust_weight(logits, alpha, trust)
        terms = {
            "bce": loss.bce * losses.edge_weighted_bce(logits, alpha, trust, loss.edge_boost, loss.edge_radius),
            "l1": loss.l1 * losses.weighted_mean((p - alpha).abs(), sure),
            "laplacian": loss.laplacian * losses.laplacian((p - alpha) * sure),
            "dice": loss.dice * losses.dice(p, alpha, sure),
        }
        if now.coarse is not None:
            terms["coarse"] = loss.coarse * losses.deep_supervision(now.coarse.float(), alpha, trust)
        if edges is not None:
            terms["boundary"] = loss.boundary * losses.focal_edges(edges.float(), alpha, trust)
        return terms

    def _paired(self, now: Tensor, before: Tensor, alpha: Tensor, batch: Batch) -> dict[str, Tensor]:
        loss, moved = self.loss, move(before, batch.motion)
        truth, sure = batch.clean_alpha.float() / 255, batch.clean_trust.float() / 255
        terms = {"clean": 0.5 * len(now) / len(batch.alpha) * losses.edge_weighted_bce(before, truth, sure)}
        if loss.consistency:
            terms["consistency"] = loss.consistency * losses.soft_divergence(now, moved)
        if loss.temporal:
            was = move(truth, batch.motion)
            terms["temporal"] = loss.temporal * losses.temporal_coherence(now.sigmoid(), moved.sigmoid(), alpha, was)
        return terms

    def _distilled(self, logits: Tensor, told: TrainOutput, mine: Tensor | None) -> dict[str, Tensor]:
        loss = self.loss
        divergence = losses.soft_divergence(logits, told.logits.float(), loss.distill_temperature)
        terms = {"distill": loss.distill * divergence}
        if mine is not None and told.deep is not None:
            terms["features"] = loss.distill_features * losses.feature_distance(mine, told.deep)
        return terms


def _output(out: Tensor | TrainOutput) -> TrainOutput:
    return out if isinstance(out, TrainOutput) else TrainOutput(out)


def _with_features(teacher: nn.Module, x: Tensor, wanted: bool) -> Tensor | TrainOutput:
    """Only in training mode a network returns its features; its batch norms stay in evaluation mode."""
    teacher.training = wanted
    out: Tensor | TrainOutput = teacher(x)
    teacher.training = False
    return out


def _width(network: nn.Module, name: str) -> int:
    value = getattr(network, name, None)
    if not isinstance(value, int):
        raise PocketmatteError(f"{type(network).__name__} offers no {name.replace('_', ' ')}, which this loss needs")
    return value
