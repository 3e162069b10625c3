"""The training loop on Lightning Fabric: stages of growing input size, cosine rate, EMA weights, resumable anywhere.

A run folder holds ``config.json``, ``log.csv`` (one row per validation), ``last.ckpt`` (everything needed to
resume) and ``best.pt`` (EMA weights of the best validation mIoU; see :mod:`pocketmatte.models.checkpoint`).
"""

from __future__ import annotations

import copy
import csv
import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import lightning
import torch
from torch import Tensor, nn

from pocketmatte.data.dataset import stream, validation_batches
from pocketmatte.data.recipes import data_root
from pocketmatte.data.store import load_store
from pocketmatte.models import create_model
from pocketmatte.models.checkpoint import save_weights
from pocketmatte.train.config import TrainConfig
from pocketmatte.train.losses import matte_loss


def rate_at(seen: int, config: TrainConfig) -> float:
    """Share of the peak learning rate after ``seen`` samples: linear warm-up, then cosine."""
    if seen < config.warmup_samples:
        return (seen + 1) / config.warmup_samples
    progress = min(1.0, (seen - config.warmup_samples) / max(1, config.samples - config.warmup_samples))
    return config.final_lr_share + (1 - config.final_lr_share) * 0.5 * (1 + math.cos(math.pi * progress))


def normalise(images: Tensor, model: nn.Module) -> Tensor:
    """uint8 ``[N,3,H,W]`` -> float32 in the model's own range, channels last."""
    x = (images.float() / 255 - model.mean) / model.std
    return x.contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def validate(model: nn.Module, batches: list[tuple[Tensor, Tensor]], device: torch.device) -> dict[str, float]:
    """mIoU and MAD over the held-out people, mean alpha over the held-out empty scenes, at network size."""
    model.eval()
    ious, mads, empty = [], [], []
    for images, alphas in batches:
        prediction = torch.sigmoid(model(normalise(images.to(device), model)).float())
        truth = alphas.to(device).float() / 255
        for p, t in zip(prediction, truth, strict=True):
            if t.max() == 0:
                empty.append(p.mean().item())
                continue
            a, b = p > 0.5, t > 0.5
            fore = (a & b).sum() / (a | b).sum().clamp(min=1)
            back = (~a & ~b).sum() / (~a | ~b).sum().clamp(min=1)
            ious.append(((fore + back) / 2).item())
            mads.append((p - t).abs().mean().item())
    return {
        "miou": sum(ious) / max(1, len(ious)),
        "mad": sum(mads) / max(1, len(mads)),
        "empty": sum(empty) / max(1, len(empty)),
    }


class Trainer:
    """One run in one folder; :meth:`run` starts it or takes it up where it was stopped."""

    def __init__(self, config: TrainConfig, out: Path, data: Path | None = None) -> None:
        self.config, self.out = config, out
        cv2.setNumThreads(1)  # before any fork: OpenCV's thread pool does not survive one
        self.fabric = lightning.Fabric(accelerator="auto", devices=1, precision=config.precision)
        self.fabric.seed_everything(config.seed, verbose=False)
        root = data_root(data)
        self.store, self.held_out = load_store(root), load_store(root, validation=True)
        model = create_model(config.architecture, **config.options)
        if config.pretrained_encoder:
            model.load_pretrained_encoder()
        model = model.to(memory_format=torch.channels_last)
        encoder = [p for n, p in model.named_parameters() if n.startswith("encoder.")]
        rest = [p for n, p in model.named_parameters() if not n.startswith("encoder.")]
        groups = [{"params": encoder, "peak": config.encoder_lr}, {"params": rest, "peak": config.lr}]
        optimizer = torch.optim.AdamW([g for g in groups if g["params"]], lr=0.0, weight_decay=config.weight_decay)
        self.model, self.optimizer = self.fabric.setup(model, optimizer)
        self.average = copy.deepcopy(self.model.module).eval()
        self.seen, self.best, self.seconds = 0, 0.0, 0.0

    def _checkpoint(self) -> None:
        state = {
            "model": self.model.module.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "progress": {"seen": self.seen, "best": self.best, "seconds": self.seconds},
        }
        part = self.out / "last.ckpt.part"
        torch.save(state, part)
        part.replace(self.out / "last.ckpt")

    def resume(self) -> bool:
        """Load ``last.ckpt`` when the folder has one."""
        path = self.out / "last.ckpt"
        if not path.exists():
            return False
        state: dict[str, Any] = torch.load(path, map_location=self.fabric.device, weights_only=True)
        self.model.module.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        progress = state["progress"]
        self.seen, self.best, self.seconds = progress["seen"], progress["best"], progress["seconds"]
        return True

    def _update_average(self, step: int) -> None:
        keep = min(self.config.ema, (1 + step) / (10 + step))
        with torch.no_grad():
            for mine, theirs in zip(self.average.state_dict().values(), self.model.module.state_dict().values(), strict=True):
                if mine.dtype.is_floating_point:
                    mine.lerp_(theirs.to(mine.dtype), 1 - keep)
                else:
                    mine.copy_(theirs)

    def _save_best(self, scores: dict[str, float]) -> None:
        training = {
            "name": self.config.name,
            "samples": self.seen,
            "minutes": round(self.seconds / 60, 1),
            "device": self.fabric.device.type,
            "validation": {k: round(v, 5) for k, v in scores.items()},
        }
        path = self.out / "best.pt"
        save_weights(path, self.average.state_dict(), self.config.architecture, self.config.options, training)

    def _log(self, size: int, scores: dict[str, float], loss: float) -> None:
        row = {"samples": self.seen, "size": size, "loss": round(loss, 5), "minutes": round(self.seconds / 60, 2)}
        row |= {k: round(v, 5) for k, v in scores.items()}
        path = self.out / "log.csv"
        fresh = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, row.keys())
            if fresh:
                writer.writeheader()
            writer.writerow(row)
        print(row, file=sys.stderr, flush=True)

    def run(self, budget_s: float | None = None) -> None:
        """Train to the end, or stop after ``budget_s`` seconds with a checkpoint to resume from."""
        self.out.mkdir(parents=True, exist_ok=True)
        (self.out / "config.json").write_text(json.dumps(self.config.to_dict(), indent=1))
        deadline = time.monotonic() + budget_s if budget_s else math.inf
        end = 0
        for stage in self.config.stages:
            end += stage.samples
            while self.seen < end and time.monotonic() < deadline:
                self._train(stage.size, stage.batch, end, deadline)
        self._checkpoint()

    def _train(self, size: int, batch: int, end: int, deadline: float) -> None:
        held_out = validation_batches(self.held_out, size)
        since = {"check": self.seen, "validate": self.seen}
        running = 0.0
        started = time.monotonic()
        for images, alphas in stream(self.store, size, batch, self.config.seed * 1_000_003 + self.seen, self.config.workers):
            self.model.train()
            share = rate_at(self.seen, self.config)
            for group in self.optimizer.param_groups:
                group["lr"] = group["peak"] * share
            logits, coarse = self.model(normalise(self.fabric.to_device(images), self.model.module))
            target = self.fabric.to_device(alphas).float() / 255
            loss = torch.stack(list(matte_loss(logits.float(), coarse.float(), target).values())).sum()
            self.fabric.backward(loss)
            self.fabric.clip_gradients(self.model, self.optimizer, max_norm=self.config.clip_norm)
            self.optimizer.step()
            self.optimizer.zero_grad()
            self.seen += batch
            self._update_average(self.seen // batch)
            running = 0.98 * running + 0.02 * loss.item() if running else loss.item()
            over = self.seen >= end or time.monotonic() > deadline
            if over or self.seen - since["check"] >= self.config.checkpoint_every:
                since["check"] = self.seen
                self.seconds += time.monotonic() - started
                started = time.monotonic()
                self._checkpoint()
                print(f"{self.seen}/{self.config.samples} size {size} loss {running:.4f} {self.seconds / 60:.1f} min",
                      file=sys.stderr, flush=True)
            if over or self.seen - since["validate"] >= self.config.validate_every:
                since["validate"] = self.seen
                scores = validate(self.average, held_out, self.fabric.device)
                self._log(size, scores, running)
                if scores["miou"] >= self.best or size != self.config.stages[-1].size:
                    self.best = scores["miou"] if size == self.config.stages[-1].size else 0.0
                    self._save_best(scores)
            if over:
                return
