"""What is done to a network before it trains: channels pruned, int8 simulated; and how a run remembers its shape."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from pocketmatte.core import PocketmatteError
from pocketmatte.data.compose import Batch
from pocketmatte.data.stream import Position, draw_batch
from pocketmatte.models.checkpoint import read_options
from pocketmatte.train import qat
from pocketmatte.train.config import Qat, TrainConfig
from pocketmatte.train.objective import Objective, Sealed, normalise
from pocketmatte.train.prune import norm_importance, prune, taylor_importance
from pocketmatte.train.setup import Note, Pictures

_BATCH = 16


def remembered_shape(config: TrainConfig, out: Path, fresh: bool) -> TrainConfig:
    """``config`` with the channel counts of the run that is taken up in ``out``, or of its pruned ``init``."""
    pruned = None
    if not fresh and (out / "config.json").is_file():
        pruned = json.loads((out / "config.json").read_text())["options"].get("pruned")
    elif fresh and config.init:
        architecture, options = read_options(config.init)
        if config.architecture.removesuffix("-video") == architecture.removesuffix("-video"):
            pruned = options.get("pruned")
    return replace(config, options={**config.options, "pruned": pruned}) if pruned else config


def reshape(
    network: nn.Module, config: TrainConfig, pictures: Pictures, device: torch.device, fresh: bool, note: Note
) -> TrainConfig:
    """Prune a ``fresh`` network and prepare it for int8, in place, as ``config`` asks; returns the configuration with
    the channel counts that are left."""
    if config.prune and fresh:
        network.to(device)
        if config.prune.importance == "taylor":
            importance = taylor_importance(network, _losses(network, config, pictures))
        else:
            importance = norm_importance(network)
        pruned = prune(network.cpu(), {g: values.cpu() for g, values in importance.items()}, config.prune)
        note(str(pruned))
        shapes = {**config.options.get("pruned", {}), **pruned.shapes}
        config = replace(config, options={**config.options, "pruned": shapes})
    if config.qat:
        qat.prepare(network, config.qat)
        if fresh:
            network.to(device)
            qat.calibrate(network, _inputs(network, config, config.qat, pictures))
            network.cpu()
    return config


def _batches(config: TrainConfig, pictures: Pictures, samples: int) -> list[Batch]:
    """Training pictures at the size the run ends with, the same in every process."""
    mix = replace(config.data.mix, pairs=0.0)
    seen = range(0, samples, _BATCH)
    size = config.stages[-1].size
    return [draw_batch(pictures.bank, mix, size, _BATCH, Position(config.seed, 0, at)) for at in seen]


def _losses(network: nn.Module, config: TrainConfig, pictures: Pictures) -> list[Callable[[], Tensor]]:
    assert config.prune
    plain = replace(config.loss, boundary=0.0, consistency=0.0, temporal=0.0, distill=0.0, distill_features=0.0)
    objective = Objective(network, plain)

    def loss_of(batch: Batch) -> Callable[[], Tensor]:
        return lambda: torch.stack(list(objective(Sealed(batch)).values())).sum()

    return [loss_of(batch) for batch in _batches(config, pictures, config.prune.samples)]


def _inputs(network: nn.Module, config: TrainConfig, settings: Qat, pictures: Pictures) -> list[Tensor]:
    batches = _batches(config, pictures, settings.calibrate)
    if not batches:
        raise PocketmatteError("qat.calibrate: at least one picture is needed to find the ranges")
    return [normalise(b.image, network, b.prior if len(b.prior) else None) for b in batches]
