"""Training configuration: the dataclasses hold the defaults, a YAML file overrides them, the command line that."""

from __future__ import annotations

import types
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import yaml

from pocketmatte.core import PocketmatteError
from pocketmatte.data.compose import SceneMix


@dataclass(frozen=True)
class Stage:
    """A stretch of training at one input size. ``size`` in pixels, ``samples`` seen, ``batch`` per step."""

    size: int
    samples: int
    batch: int


@dataclass(frozen=True)
class Optim:
    """``lr`` is the peak rate of the decoder, ``encoder_lr`` that of the encoder.

    ``schedule``: ``cosine`` (after a linear warm-up, down to ``final_share`` of the peak), ``plateau`` (times
    ``plateau_factor`` after ``plateau_patience`` validations without progress) or ``constant``.
    ``freeze_encoder_epochs``: the encoder rests for so many passes over the training people.
    """

    lr: float = 2e-3
    encoder_lr: float = 6e-4
    weight_decay: float = 0.02
    clip_norm: float = 2.0
    ema: float = 0.998
    schedule: str = "cosine"
    warmup_samples: int = 4000
    final_share: float = 0.01
    plateau_patience: int = 4
    plateau_factor: float = 0.5
    freeze_encoder_epochs: float = 0.0


@dataclass(frozen=True)
class Losses:
    """Weights of the terms; 0 leaves a term (and what it costs) out. See :mod:`pocketmatte.train.losses`.

    ``consistency`` and ``temporal`` need ``data.mix.pairs``; ``distill`` and ``distill_features`` need ``teacher``.
    """

    bce: float = 1.0
    edge_boost: float = 2.0
    edge_radius: int = 3
    l1: float = 1.0
    laplacian: float = 0.5
    dice: float = 0.5
    coarse: float = 0.4
    boundary: float = 0.0
    consistency: float = 0.0
    temporal: float = 0.0
    distill: float = 0.0
    distill_temperature: float = 1.0
    distill_features: float = 0.0


@dataclass(frozen=True)
class Data:
    """``side``: pictures are kept with their shorter side at most this. ``only``: so many of each set, for a trial.

    ``workers``: processes that compose when training on the CPU.
    """

    side: int = 288
    only: int | None = None
    workers: int = 1
    mix: SceneMix = field(default_factory=SceneMix)


@dataclass(frozen=True)
class Qat:
    """Quantisation-aware training (:mod:`pocketmatte.train.qat`), to fine-tune trained weights given as ``init``.

    ``momentum``: how fast ranges follow a batch; ``hold_after``: forward passes after which they stand still;
    ``calibrate``: pictures that set them first.
    """

    momentum: float = 0.02
    hold_after: int = 2000
    calibrate: int = 64


@dataclass(frozen=True)
class Prune:
    """Channels to remove before training (:mod:`pocketmatte.train.prune`), from trained weights given as ``init``.

    ``share`` of the multiply-adds to save and ``parameters``, the share of the weights, both 0..1. ``importance``:
    ``taylor`` (first-order, over ``samples`` training pictures) or ``norm``. Channels go in groups of ``multiple``;
    every layer keeps at least ``keep`` of its own.
    """

    share: float = 0.3
    parameters: float = 0.0
    importance: str = "taylor"
    samples: int = 256
    multiple: int = 4
    keep: float = 0.25


@dataclass(frozen=True)
class TrainConfig:
    """Everything a run depends on.

    ``init``: a weight file whose matching tensors start the network. ``teacher``: a larger trained network to distil
    from. ``label_teacher``: a trained network whose opinion softens human masks and finds faulty labels (at
    ``label_size`` pixels). ``prune`` and ``qat`` change the network that ``init`` gave. ``minutes``: the whole run
    takes so long and sees as many samples as it gets, the stages sharing the time by samples x pixels; 0 means that the
    samples count, which alone can be repeated exactly.
    ``validate_every``, ``checkpoint_every`` and ``log_every`` are in samples. ``early_stop``:
    validations without progress in the last stage after which the run ends, 0 for never. ``checkpoint_mb``: limit of
    the checkpoint folder in MiB.
    """

    name: str
    architecture: str
    stages: tuple[Stage, ...]
    options: dict[str, Any] = field(default_factory=dict)
    pretrained_encoder: bool = True
    init: str | None = None
    teacher: str | None = None
    label_teacher: str | None = None
    label_size: int = 256
    prune: Prune | None = None
    qat: Qat | None = None
    minutes: float = 0.0
    optim: Optim = field(default_factory=Optim)
    loss: Losses = field(default_factory=Losses)
    data: Data = field(default_factory=Data)
    precision: str = "bf16-mixed"
    devices: int = 1
    seed: int = 1
    deterministic: bool = False
    validate_every: int = 12000
    checkpoint_every: int = 4000
    checkpoint_mb: float = 100.0
    log_every: int = 2000
    early_stop: int = 0
    tensorboard: bool = True

    @property
    def samples(self) -> int:
        """Samples seen over all stages."""
        return sum(s.samples for s in self.stages)

    @property
    def ends(self) -> tuple[float, ...]:
        """Progress 0..1 at which each stage ends: by samples, or by expected time when ``minutes`` are set."""
        cost = [s.samples * (s.size**2 if self.minutes else 1) for s in self.stages]
        return tuple(sum(cost[: k + 1]) / sum(cost) for k in range(len(cost)))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON or YAML."""
        values: dict[str, Any] = _plain(asdict(self))
        return values


def read_config(path: str | Path, overrides: Iterable[str] = ()) -> TrainConfig:
    """Read a YAML file; ``overrides`` are ``key=value`` with dots for nested keys (``optim.lr=1e-3``).

    Raises :class:`PocketmatteError` naming an unknown key, a missing one or a value of the wrong kind.
    """
    try:
        values = yaml.safe_load(Path(path).read_text())
    except (OSError, yaml.YAMLError) as error:
        raise PocketmatteError(f"cannot read the configuration {path}: {error}") from error
    if not isinstance(values, dict):
        raise PocketmatteError(f"{path}: expected a mapping of settings, found {type(values).__name__}")
    for entry in overrides:
        key, equals, text = entry.partition("=")
        if not equals:
            raise PocketmatteError(f"expected KEY=VALUE, found {entry!r}")
        *parents, leaf = key.split(".")
        place = values
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise PocketmatteError(f"{key}: {parent} is no group of settings")
        place[leaf] = yaml.safe_load(text)
    config: TrainConfig = _build(TrainConfig, values, str(path))
    return check(config, str(path))


def check(config: TrainConfig, where: str) -> TrainConfig:
    """``config`` itself when its parts fit together; raises :class:`PocketmatteError` otherwise."""
    loss = config.loss
    if not config.stages:
        raise PocketmatteError(f"{where}: no stages")
    if (loss.distill or loss.distill_features) and not config.teacher:
        raise PocketmatteError(f"{where}: a distillation loss needs a teacher; add `teacher: FILE` or set it to 0")
    if (loss.consistency or loss.temporal) and not config.data.mix.pairs:
        raise PocketmatteError(f"{where}: consistency and temporal losses need earlier frames; set data.mix.pairs")
    if config.optim.schedule not in ("cosine", "plateau", "constant"):
        raise PocketmatteError(f"{where}: unknown schedule {config.optim.schedule!r}: cosine, plateau or constant")
    for name in ("prune", "qat"):
        if getattr(config, name) and not config.init:
            raise PocketmatteError(f"{where}: {name} changes a trained network; name its weights as `init: FILE`")
    if config.prune and config.prune.importance not in ("taylor", "norm"):
        raise PocketmatteError(f"{where}: unknown importance {config.prune.importance!r}: taylor or norm")
    if config.prune and not 0 < config.prune.share < 1:
        raise PocketmatteError(f"{where}: prune.share is the part to remove, between 0 and 1")
    if config.prune and not 0 <= config.prune.parameters < 1:
        raise PocketmatteError(f"{where}: prune.parameters is the part to remove, from 0 to below 1")
    for stage in config.stages:
        if stage.batch % config.devices or min(stage.size, stage.samples, stage.batch) < 1 or stage.size % 32:
            raise PocketmatteError(
                f"{where}: stage {asdict(stage)}: sizes are multiples of 32, batches multiples of the devices"
            )
    return config


def without_teachers(config: TrainConfig) -> TrainConfig:
    """The same run without files of other runs (for a test of the rest)."""
    loss = replace(config.loss, distill=0.0, distill_features=0.0)
    return replace(config, teacher=None, label_teacher=None, init=None, prune=None, qat=None, loss=loss)


def _build(kind: Any, values: Any, where: str) -> Any:
    """An instance of the dataclass ``kind`` from plain values."""
    if not isinstance(values, dict):
        raise PocketmatteError(f"{where}: expected a mapping of settings, found {values!r}")
    hints, known = get_type_hints(kind), {f.name for f in fields(kind)}
    if unknown := sorted(set(values) - known):
        raise PocketmatteError(f"{where}: unknown settings {', '.join(unknown)}; known: {', '.join(sorted(known))}")
    try:
        return kind(**{key: _convert(hints[key], value, f"{where}: {key}") for key, value in values.items()})
    except TypeError as error:
        raise PocketmatteError(f"{where}: {str(error).partition(' ')[2]}") from error


def _convert(hint: Any, value: Any, where: str) -> Any:
    if isinstance(hint, types.UnionType):
        if value is None and type(None) in get_args(hint):
            return None
        hint = next(h for h in get_args(hint) if h is not type(None))
    if is_dataclass(hint):
        return _build(hint, value, where)
    if get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise PocketmatteError(f"{where}: expected a list, found {value!r}")
        return tuple(_convert(get_args(hint)[0], item, where) for item in value)
    if get_origin(hint) is dict:
        hint = dict
    if hint is float and isinstance(value, str | int) and not isinstance(value, bool):
        try:
            return float(value)  # YAML reads 1e-3 as a text
        except ValueError:
            pass
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise PocketmatteError(f"{where}: expected {hint.__name__}, found {value!r}")
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
