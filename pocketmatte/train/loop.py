"""The training loop on Lightning Fabric: stages of growing input size, EMA weights, resumable at any step.

A run folder holds ``config.json``, ``loss.csv``, ``log.csv`` (validations), ``checkpoint/`` (everything needed to
resume; see :mod:`pocketmatte.train.checkpoint`) and ``best.pt`` (EMA weights of the best validation; see
:mod:`pocketmatte.models.checkpoint`).
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import lightning
import torch
from torch import Tensor

from pocketmatte.core import PocketmatteError
from pocketmatte.data.compose import Batch
from pocketmatte.data.recipes import data_root
from pocketmatte.data.stream import Position, stream
from pocketmatte.models.checkpoint import save_weights
from pocketmatte.train.checkpoint import read_checkpoint, write_checkpoint
from pocketmatte.train.config import Stage, TrainConfig
from pocketmatte.train.cpu import QuickDepthwise, keep_memory
from pocketmatte.train.ema import Average
from pocketmatte.train.journal import Journal
from pocketmatte.train.objective import Objective, Sealed
from pocketmatte.train.optim import make_optimizer, rate_at, set_rates
from pocketmatte.train.qat import float_state
from pocketmatte.train.reshape import remembered_shape, reshape
from pocketmatte.train.setup import Pictures, load_pictures, start_network
from pocketmatte.train.teacher import channels_last, load_teacher
from pocketmatte.train.validate import predict, validate

_PANEL = 8  # held-out pictures shown on the board


@dataclass
class State:
    """Where a run stands.

    ``best``: the best score at input size ``size`` (scores of different sizes are not comparable), ``stale``:
    validations since then, ``shrink``: what plateaus have left of the learning rate.
    """

    seen: int = 0
    step: int = 0
    seconds: float = 0.0
    size: int = 0
    best: float = -math.inf
    stale: int = 0
    shrink: float = 1.0
    finished: bool = False


@dataclass(frozen=True)
class Progress:
    """``total``: samples of the whole run (a guess when it is bounded by time); ``loss``: the last row of ``loss.csv``;
    ``rate`` in samples per second, ``remaining`` in seconds."""

    seen: int
    total: int
    size: int
    loss: float
    rate: float
    remaining: float


class Trainer:
    """One run in one folder: :meth:`resume` takes it up where it was stopped, :meth:`run` goes on to the end.

    ``observe`` hears notes (text) and :class:`Progress`. ``pictures`` of an earlier run in this process save loading
    them again. Raises :class:`PocketmatteError` for data, weights or
    settings that do not fit.
    """

    def __init__(
        self,
        config: TrainConfig,
        out: Path,
        data: Path | None = None,
        observe: Callable[[str | Progress], None] = lambda event: None,
        accelerator: str = "auto",
        pictures: Pictures | None = None,
    ) -> None:
        self.config, self.out, self._observe = config, out, observe
        cv2.setNumThreads(1)  # before any fork: OpenCV's thread pool does not survive one
        torch.set_flush_denormal(True)  # gradients of pixels long learnt; a CPU computes with such numbers far slower
        strategy = "ddp" if config.devices > 1 else "auto"
        precision: Any = config.precision
        self.fabric = lightning.Fabric(
            accelerator=accelerator, strategy=strategy, devices=config.devices, precision=precision
        )
        self.fabric.launch()
        self.fabric.seed_everything(config.seed, verbose=False)
        self.device = self.fabric.device
        torch.use_deterministic_algorithms(config.deterministic, warn_only=True)
        torch.backends.cudnn.benchmark = not config.deterministic
        if self.device.type == "cpu":
            keep_memory()
        root = data_root(data)
        fresh = not (out / "checkpoint").is_dir()
        config = remembered_shape(config, out, fresh)
        network = start_network(config, root, fresh, self._note)
        teacher = load_teacher(config.teacher, self.device) if config.teacher else None
        self.pictures = pictures or load_pictures(config, root, self.device, self.fabric.autocast(), self._note)
        self.config = config = reshape(network, config, self.pictures, self.device, fresh, self._note)
        objective = Objective(network, config.loss, teacher)
        channels_last(objective)
        optimizer = make_optimizer(objective, config.optim, fused=self.device.type == "cuda")
        self.model, self.optimizer = self.fabric.setup(objective, optimizer)
        self.objective, self.network = objective, network
        self.average = Average(network, config.optim.ema)
        self.state, self.stopped = State(), False
        self._sums: dict[str, Tensor] = {}  # loss terms since the last row of loss.csv
        self._steps, self._loss = 0, math.nan
        self._journal: Journal | None = None
        self._clock = time.monotonic()

    def _note(self, text: str) -> None:
        if self.fabric.is_global_zero:
            self._observe(text)

    def resume(self) -> bool:
        """Take up the run in the folder; ``False`` when it has none."""
        stored = read_checkpoint(self.out / "checkpoint")
        if stored is None:
            return False
        try:
            self.objective.load_state_dict(stored["model"])
            self.average.network.load_state_dict(stored["average"])
        except RuntimeError as error:
            reason = " ".join(str(error).split("\n")[:2])
            raise PocketmatteError(f"the run in {self.out} is of another network: {reason}") from error
        self.optimizer.load_state_dict(stored["optimizer"])
        self.state = State(**stored["state"])
        self._sums = {name: value.to(self.device) for name, value in stored["sums"].items()}
        self._steps = stored["steps"]
        torch.set_rng_state(stored["rng"])
        if self.device.type == "cuda" and stored["cuda_rng"] is not None:
            torch.cuda.set_rng_state(stored["cuda_rng"], self.device)
        self._note(f"resumed at {self.state.seen} of {self.config.samples} samples")
        return True

    def save(self) -> None:
        """Write the checkpoint."""
        if self.fabric.is_global_zero:
            content = {
                "model": self.objective.state_dict(),
                "average": self.average.network.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "state": dict(vars(self.state)),
                "sums": self._sums,
                "steps": self._steps,
                "rng": torch.get_rng_state(),
                "cuda_rng": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None,
            }
            write_checkpoint(self.out / "checkpoint", content, self.config.checkpoint_mb)
        self.fabric.barrier()

    def stop(self) -> None:
        """Ask a running :meth:`run` to write its checkpoint and return after the current step."""
        self.stopped = True

    def run(self, deadline: float = math.inf) -> bool:
        """Train to the end, or to ``deadline`` (of ``time.monotonic``) and leave a checkpoint. Whether it ended."""
        self.out.mkdir(parents=True, exist_ok=True)
        if self.fabric.is_global_zero:
            (self.out / "config.json").write_text(json.dumps(self.config.to_dict(), indent=1) + "\n")
            self._journal = Journal(self.out, self.config.tensorboard)
            self._journal.rewind(self.state.seen)
        self._clock = time.monotonic()
        for stage, end in zip(self.config.stages, self.config.ends, strict=True):
            if self.progress < end and not self._over(deadline):
                self._train(stage, end, deadline)
        self.state.finished = self.state.finished or self.progress >= 1
        self._punch()
        self.save()
        if self._journal:
            self._journal.close()
        return self.state.finished

    @property
    def progress(self) -> float:
        """0 at the start of the run, 1 at its end."""
        if self.config.minutes:
            return (self.state.seconds + time.monotonic() - self._clock) / (60 * self.config.minutes)
        return self.state.seen / self.config.samples

    def _punch(self) -> None:
        """Book the time since the last call."""
        now = time.monotonic()
        self.state.seconds, self._clock = self.state.seconds + now - self._clock, now

    def _agreed(self, mine: bool) -> bool:
        """What the first process says, in every process: clocks differ."""
        return bool(self.fabric.broadcast(mine)) if self.config.devices > 1 else mine

    def _over(self, deadline: float) -> bool:
        return self._agreed(self.stopped or self.state.finished or time.monotonic() > deadline)

    def _train(self, stage: Stage, end: float, deadline: float) -> None:
        config, state = self.config, self.state
        position = Position(config.seed, self.fabric.global_rank, state.seen, config.devices)
        share = stage.batch // config.devices
        batches = stream(self.pictures.bank, config.data.mix, stage.size, share, position, config.data.workers)
        clock, mark = time.monotonic(), state.seen
        done = False
        while not done and not self._over(deadline):
            before = state.seen
            self._step(next(batches))
            state.seen += stage.batch
            state.step += 1
            self.average.update(state.step)
            done = self._agreed(self.progress >= end)
            log, check, save = (
                done or state.seen // every > before // every
                for every in (config.log_every, config.validate_every, config.checkpoint_every)
            )
            if log:
                self._log_losses(stage)
                rate = (state.seen - mark) / max(time.monotonic() - clock, 1e-6)
                self._tell(stage, rate)
            if check:
                self._punch()
                self._validate(stage)
            if save:
                self._punch()
                self.save()
            if check or save:
                clock, mark = time.monotonic(), state.seen

    def _tell(self, stage: Stage, rate: float) -> None:
        if self.fabric.is_global_zero:
            progress = self.progress
            if self.config.minutes:
                left = 60 * self.config.minutes * (1 - progress)
                total = round(self.state.seen / max(progress, 1e-6))
            else:
                total = self.config.samples
                left = (total - self.state.seen) / max(rate, 1e-6)
            self._observe(Progress(self.state.seen, total, stage.size, self._loss, rate, max(0.0, left)))

    def _step(self, batch: Batch) -> None:
        config, state = self.config, self.state
        self.model.train()
        encoder = getattr(self.network, "encoder", None)
        frozen = encoder is not None and state.seen < config.optim.freeze_encoder_epochs * self.pictures.people
        if encoder is not None and frozen:
            encoder.eval()
        set_rates(self.optimizer, rate_at(state.seen, self.progress, config.optim) * state.shrink, frozen)
        with QuickDepthwise() if self.device.type == "cpu" else nullcontext():
            terms = self.model(Sealed(Batch(*(tensor.to(self.device, non_blocking=True) for tensor in batch))))
        loss = torch.stack(list(terms.values())).sum()
        self.fabric.backward(loss)
        if encoder is not None and frozen:
            for parameter in encoder.parameters():
                parameter.grad = None
        self.fabric.clip_gradients(
            self.model, self.optimizer, max_norm=config.optim.clip_norm, error_if_nonfinite=False
        )
        self.optimizer.step()
        self.optimizer.zero_grad()
        for name, term in {"loss": loss, **terms}.items():
            self._sums[name] = self._sums.get(name, torch.zeros_like(loss)) + term.detach()
        self._steps += 1

    def _log_losses(self, stage: Stage) -> None:
        values = {name: float(total) / self._steps for name, total in self._sums.items()}
        self._sums, self._steps, self._loss = {}, 0, values["loss"]
        if not math.isfinite(self._loss):
            raise PocketmatteError(
                f"the loss is {self._loss} at {self.state.seen} samples; resume the run with a lower optim.lr"
            )
        if self._journal:
            row = {"samples": self.state.seen, "size": stage.size, "lr": self.optimizer.param_groups[-1]["lr"]}
            self._journal.losses({**row, **{name: round(value, 6) for name, value in values.items()}})

    def _validate(self, stage: Stage) -> None:
        scores: dict[str, float] = {}
        if self._journal:
            held = self.pictures.held_out(stage.size)
            with self.fabric.autocast():
                scores = validate(self.average.network, held)
                alphas = predict(self.average.network, held.images[:_PANEL])
            row = {"samples": self.state.seen, "size": stage.size, "loss": round(self._loss, 5)}
            row["minutes"] = round(self.state.seconds / 60, 2)
            self._journal.scores({**row, **{name: round(value, 5) for name, value in scores.items()}})
            self._journal.panel(held.images[:_PANEL], alphas, held.alphas[:_PANEL].float() / 255, self.state.seen)
            text = ", ".join(f"{name} {value:.4f}" for name, value in scores.items())
            self._note(f"{self.state.seen} samples, {stage.size} pixels: {text}")
        if self.config.devices > 1:
            scores = self.fabric.broadcast(scores)
        self._judge(stage, scores)

    def _judge(self, stage: Stage, scores: dict[str, float]) -> None:
        """Keep the best weights, lower the rate on a plateau, end a run that no longer learns."""
        state, optim = self.state, self.config.optim
        if state.size != stage.size:
            state.size, state.best, state.stale = stage.size, -math.inf, 0
        if scores["score"] > state.best:
            state.best, state.stale = scores["score"], 0
            self._save_best(scores)
            return
        state.stale += 1
        if optim.schedule == "plateau" and state.stale % optim.plateau_patience == 0:
            state.shrink *= optim.plateau_factor
        if stage == self.config.stages[-1] and self.config.early_stop and state.stale >= self.config.early_stop:
            self._note(f"no progress in {state.stale} validations: the run ends here")
            state.finished = True

    def _save_best(self, scores: dict[str, float]) -> None:
        if not self.fabric.is_global_zero:
            return
        training = {
            "name": self.config.name,
            "samples": self.state.seen,
            "minutes": round(self.state.seconds / 60, 1),
            "device": self.device.type,
            "validation": {name: round(value, 5) for name, value in scores.items()},
        }
        config, state = self.config, float_state(self.average.network)
        save_weights(self.out / "best.pt", state, config.architecture, config.options, training)
