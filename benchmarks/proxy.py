"""Short trainings that compare: the same samples, held-out pictures of train/, every finished run kept for good.

Shared by ``ablate.py``, ``search.py`` and ``prune.py``. A run lives in a folder of its own; ``result.json`` there says
that it is finished, a checkpoint that it can be taken up.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from pocketmatte.data.held_out import HeldOut
from pocketmatte.data.motion import move, small_motion
from pocketmatte.data.photo import on_device
from pocketmatte.models.checkpoint import load_weights
from pocketmatte.train.config import TrainConfig, check
from pocketmatte.train.loop import Progress, Trainer
from pocketmatte.train.setup import Pictures
from pocketmatte.train.teacher import channels_last
from pocketmatte.train.validate import predict, validate

Row = dict[str, Any]
SCORES = ("score", "miou", "biou", "mad", "empty", "flicker")


class Bench:
    """Runs configurations one after the other on pictures that are loaded once; stops at ``deadline``."""

    def __init__(self, data: Path | None, deadline: float, accelerator: str = "auto") -> None:
        self.data, self.deadline, self.accelerator = data, deadline, accelerator
        self._pictures: tuple[Any, Pictures] | None = None

    def run(self, config: TrainConfig, folder: Path) -> Row | None:
        """The scores of ``config`` (see :func:`measure`), trained in ``folder``; ``None`` when time ran out."""
        finished = folder / "result.json"
        if finished.is_file():
            row: Row = json.loads(finished.read_text())
            return row
        if time.monotonic() > self.deadline:
            return None
        trainer = self._trainer(config, folder)
        trainer.resume()
        if not trainer.run(self.deadline):
            return None
        network = load_weights(folder / "best.pt")[0].to(trainer.device)
        scores = measure(channels_last(network), trainer.pictures.held_out(config.stages[-1].size))
        row = {name: round(value, 5) for name, value in scores.items()}
        row |= {"samples": trainer.state.seen, "minutes": round(trainer.state.seconds / 60, 1)}
        finished.write_text(json.dumps(row) + "\n")
        return row

    def start(self, config: TrainConfig, folder: Path) -> nn.Module:
        """The network that a fresh run of ``config`` in ``folder`` would train (pruned, if it is to be)."""
        return self._trainer(config, folder).network

    def _trainer(self, config: TrainConfig, folder: Path) -> Trainer:
        config = check(config, config.name)
        wanted = (config.data, config.label_teacher)
        known = self._pictures[1] if self._pictures and self._pictures[0] == wanted else None
        trainer = Trainer(config, folder, self.data, _tell(config.name), self.accelerator, known)
        self._pictures = wanted, trainer.pictures
        return trainer

    def pictures(self, config: TrainConfig, folder: Path) -> Pictures:
        """What the run of ``config`` in ``folder`` learns from and is scored on."""
        if self._pictures and self._pictures[0] == (config.data, config.label_teacher):
            return self._pictures[1]
        return self._trainer(config, folder).pictures


def _tell(name: str) -> Any:
    def observe(event: str | Progress) -> None:
        text = (
            event if isinstance(event, str) else f"{event.seen}/{event.total} loss {event.loss:.4f} {event.rate:.0f}/s"
        )
        print(f"{name}: {text}", file=sys.stderr, flush=True)

    return observe


@torch.no_grad()
def measure(network: nn.Module, held: HeldOut, batch: int = 64) -> dict[str, float]:
    """What :func:`pocketmatte.train.validate.validate` says, and ``flicker``: held-out pictures are moved a little (the
    same way every time); 100 x mean difference between the matte of the moved picture and the moved matte."""
    scores = validate(network, held, batch)
    people = len(held.images) - held.empty
    theta = on_device(small_motion(people, np.random.default_rng(0)), held.images.device)
    total = 0.0
    for start in range(0, people, batch):
        part = slice(start, min(start + batch, people))
        images, way = held.images[part], theta[part]
        later = move(images.float(), way).round().to(torch.uint8)
        change = predict(network, later) - move(predict(network, images), way)
        total += float(change.abs().mean()) * len(images)
    return {**scores, "flicker": 100 * total / max(1, people)}


@torch.no_grad()
def score_at(network: nn.Module, held: HeldOut, size: int, batch: int = 32) -> dict[str, float]:
    """As ``validate``, but ``network`` sees the pictures of ``held`` shrunk to ``size``, and its matte is enlarged to
    the truth: so networks of different input sizes compare."""

    class Resized(nn.Module):
        mean, std = float(getattr(network, "mean", 0.0)), float(getattr(network, "std", 1.0))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            small = F.interpolate(x, (size, size), mode="area")
            logits: torch.Tensor = network(small)
            return F.interpolate(logits, x.shape[2:], mode="bilinear", align_corners=False)

    return validate(Resized().eval(), held, batch)


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file; none when there is no file."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write a CSV file, whole or not at all; columns in the order they appear."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    part = path.with_suffix(".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    with part.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    part.replace(path)


def merge(path: Path, rows: Iterable[Row], keys: Sequence[str]) -> list[Row]:
    """Add ``rows`` to the CSV file at ``path``; a row with the same values under ``keys`` is replaced."""
    found: dict[tuple[str, ...], Row] = {tuple(str(r.get(k, "")) for k in keys): r for r in read_rows(path)}
    for row in rows:
        found[tuple(str(row.get(k, "")) for k in keys)] = row
    write_rows(path, list(found.values()))
    return list(found.values())


def side_by_side(module: str, parts: int, arguments: Sequence[str]) -> None:
    """Run ``module`` ``parts`` times at once, each with its ``--part K/N`` of the work; waits for all."""
    commands = [[sys.executable, "-m", module, *arguments, "--part", f"{k}/{parts}"] for k in range(parts)]
    for child in [subprocess.Popen(command) for command in commands]:
        child.wait()


def my_share(jobs: Sequence[Any], part: str | None) -> list[Any]:
    """Every Nth of ``jobs`` from the Kth, for ``part`` ``K/N``; all without one."""
    if part is None:
        return list(jobs)
    k, n = map(int, part.split("/"))
    return list(jobs[k::n])


def with_data(config: TrainConfig, side: int, only: int | None) -> TrainConfig:
    """``config`` on smaller pictures, and fewer of them."""
    return replace(config, data=replace(config.data, side=side, only=only))
