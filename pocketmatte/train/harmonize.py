"""Training of the harmoniser: one loop, resumable, the same numbers for the same configuration.

A run folder holds ``log.csv`` (one row per validation), ``last.ckpt`` (everything needed to go on) and ``best.pt``
(averaged weights of the best validation; see :func:`pocketmatte.models.harmonizer.load_harmonizer_weights`).
"""

from __future__ import annotations

import csv
import math
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from pocketmatte.data.store import read_gray, read_rgb
from pocketmatte.models.harmonizer import Harmonizer, apply_transform, save_harmonizer
from pocketmatte.train.harmonize_data import STRENGTHS, Photos, draw_recolour, mix, photo_list


@dataclass(frozen=True)
class HarmonizeConfig:
    """Everything a run depends on. ``size`` in pixels, ``lr`` the peak rate; cadences are counted in samples."""

    name: str = "harmonizer"
    size: int = 96
    samples: int = 160_000
    batch: int = 32
    lr: float = 1.5e-3
    weight_decay: float = 0.01
    warmup_samples: int = 4000
    cooldown_samples: int = 30_000
    ema: float = 0.997
    seed: int = 1
    validate_every: int = 13_000
    checkpoint_every: int = 6_500
    held_out: int = 240
    options: dict[str, Any] = field(default_factory=dict)


def read_config(path: Path) -> HarmonizeConfig:
    """Read a YAML file. Raises ``ValueError`` naming an unknown key."""
    import yaml

    values = yaml.safe_load(path.read_text())
    if unknown := set(values) - {f.name for f in fields(HarmonizeConfig)}:
        raise ValueError(f"{path}: unknown settings {sorted(unknown)}")
    return HarmonizeConfig(**values)


def rate_at(seen: int, config: HarmonizeConfig) -> float:
    """Share of the peak rate: warm-up, constant, then linear to 1 % over the last ``cooldown_samples``.

    Constant so that a run can be made longer or shorter until the cool-down begins.
    """
    left = max(0, config.samples - seen) / config.cooldown_samples
    return min(1.0, (seen + 1) / config.warmup_samples) * max(0.01, min(1.0, left))


def person_error(guess: Tensor, truth: Tensor, alpha: Tensor) -> Tensor:
    """Mean squared error ``[N]`` over the person: colours ``[N,3,P]`` in 0..1, weights ``[N,1,P]``."""
    return ((guess - truth) ** 2 * alpha).sum((1, 2)) / (3 * alpha.sum((1, 2))).clamp(min=1e-3)


def loss_of(network: Harmonizer, inputs: Tensor, truth: Tensor) -> Tensor:
    """Between each picture's PSNR and its error: the offset keeps the mild pictures, where any change does harm, from
    outweighing the others.

    Colours are compared on every second pixel: the transform is the same everywhere.
    """
    transform = network(inputs)
    sparse = inputs[:, :, ::2, ::2].flatten(2)
    guess = apply_transform(sparse[:, :3], transform)
    error = person_error(guess, truth[:, :, ::2, ::2].flatten(2), sparse[:, 3:])
    return torch.log(error + 4e-3).mean() + 20 * error.mean()


class Trainer:
    """One run in the folder ``out``."""

    def __init__(self, config: HarmonizeConfig, out: Path, root: Path, only: int | None = None) -> None:
        self.config, self.out, self.root = config, out, root
        out.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(config.seed)
        self.photos = Photos.load(root, only)
        self.held_out = self._held_out(only)
        self.network = Harmonizer(**config.options)
        self.average = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        self.optimiser = torch.optim.AdamW(self.network.parameters(), config.lr, weight_decay=config.weight_decay)
        self.seen, self.best, self.seconds = 0, -math.inf, 0.0

    def run(self, budget: float | None = None) -> None:
        """Train to the end, or for ``budget`` seconds; what is done is kept and :meth:`resume` goes on from there."""
        config = self.config
        started, before = time.monotonic(), self.seconds
        self.network.train()
        with ThreadPoolExecutor(1) as pool:
            ahead: Future[tuple[Tensor, Tensor]] = pool.submit(self._batch, self.seen)
            while self.seen < config.samples and (budget is None or time.monotonic() - started < budget):
                inputs, truth = ahead.result()
                ahead = pool.submit(self._batch, self.seen + config.batch)
                self._step(inputs, truth)
                previous, self.seen = self.seen, self.seen + config.batch
                self.seconds = before + time.monotonic() - started
                if self._due(previous, config.validate_every):
                    self._validate()
                if self._due(previous, config.checkpoint_every):
                    self._save()
        self._save()

    def resume(self) -> None:
        """Go on where ``last.ckpt`` was written."""
        stored = torch.load(self.out / "last.ckpt", weights_only=True)
        self.network.load_state_dict(stored["network"])
        self.optimiser.load_state_dict(stored["optimiser"])
        self.average, self.seen = stored["average"], stored["seen"]
        self.best, self.seconds = stored["best"], stored["seconds"]

    def _due(self, previous: int, every: int) -> bool:
        return previous // every != self.seen // every or self.seen >= self.config.samples

    def _batch(self, first: int) -> tuple[Tensor, Tensor]:
        config = self.config
        pairs = [self.photos.draw(config.seed, first + i, config.size) for i in range(config.batch)]
        return to_tensor([p[0] for p in pairs]), to_tensor([p[1] for p in pairs])

    def _step(self, inputs: Tensor, truth: Tensor) -> None:
        config = self.config
        for group in self.optimiser.param_groups:
            group["lr"] = config.lr * rate_at(self.seen, config)
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss_of(self.network, inputs, truth))
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 3.0)
        self.optimiser.step()
        keep = min(config.ema, (1 + self.seen / config.batch) / (10 + self.seen / config.batch))
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 1 - keep)
            else:
                self.average[name].copy_(value)

    def _held_out(self, only: int | None) -> dict[str, tuple[Tensor, Tensor]]:
        """Fixed lessons from the validation split, one set per strength."""
        rows = photo_list(self.root, validation=True, only=only)[:: max(1, 900 // self.config.held_out // 3)]
        rows = rows[: self.config.held_out]
        found = {}
        for strength, amount in STRENGTHS.items():
            inputs, truths = [], []
            for index, (_, _, image_path, alpha_path) in enumerate(rows):
                side = (self.config.size, self.config.size)
                truth = np.asarray(cv2.resize(read_rgb(image_path), side, interpolation=cv2.INTER_AREA))
                alpha = np.asarray(cv2.resize(read_gray(alpha_path), side, interpolation=cv2.INTER_AREA))
                person = draw_recolour(np.random.default_rng([99, index]), amount)(truth)
                inputs.append(np.dstack([mix(truth, person, alpha), alpha]))
                truths.append(truth)
            found[strength] = to_tensor(inputs), to_tensor(truths)
        return found

    @torch.no_grad()
    def _validate(self) -> None:
        network = Harmonizer(**self.config.options)
        network.load_state_dict(self.average)
        network.eval()
        row: dict[str, Any] = {"samples": self.seen, "seconds": round(self.seconds)}
        for strength, (inputs, truth) in self.held_out.items():
            flat, alpha = inputs[:, :3].flatten(2), inputs[:, 3:].flatten(2)
            transform = torch.cat([network(part) for part in torch.split(inputs, 32)])
            guess = apply_transform(flat, transform).clamp(0, 1)
            row[f"{strength}_before"] = psnr(person_error(flat, truth.flatten(2), alpha))
            row[strength] = psnr(person_error(guess, truth.flatten(2), alpha))
        self._log(row)
        if row["middle"] > self.best:
            self.best = row["middle"]
            training = {"config": asdict(self.config), **row}
            save_harmonizer(self.out / "best.pt", self.average, self.config.options, training)

    def _log(self, row: dict[str, Any]) -> None:
        path = self.out / "log.csv"
        fresh = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            if fresh:
                writer.writeheader()
            writer.writerow(row)

    def _save(self) -> None:
        values = {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average,
            "seen": self.seen,
            "best": self.best,
            "seconds": self.seconds,
        }
        part = self.out / "last.part"
        torch.save(values, part)
        part.replace(self.out / "last.ckpt")


def use_threads(count: int) -> None:
    """How many threads the network may compute with."""
    torch.set_num_threads(count)


def to_tensor(pictures: list[np.ndarray]) -> Tensor:
    """uint8 ``[H,W,C]`` pictures -> float32 ``[N,C,H,W]`` in 0..1."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255


def psnr(errors: Tensor) -> float:
    """Mean over pictures of their PSNR in dB; an error of less than half a grey level counts as that."""
    return round(float((-10 * torch.log10(errors.clamp(min=(0.5 / 255) ** 2))).mean()), 3)
