"""Training configuration: the dataclass holds the defaults, a YAML file overrides them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Stage:
    """A stretch of training at one input size. ``size`` in pixels, ``samples`` seen, ``batch`` per step."""

    size: int
    samples: int
    batch: int


@dataclass(frozen=True)
class TrainConfig:
    """Everything a run depends on. ``lr`` is the peak rate of the decoder, ``encoder_lr`` that of the encoder."""

    name: str
    architecture: str
    stages: tuple[Stage, ...]
    options: dict[str, Any] = field(default_factory=dict)
    pretrained_encoder: bool = True
    lr: float = 2e-3
    encoder_lr: float = 6e-4
    weight_decay: float = 0.02
    warmup_samples: int = 4000
    final_lr_share: float = 0.01
    clip_norm: float = 2.0
    ema: float = 0.998
    precision: str = "bf16-mixed"
    seed: int = 1
    workers: int = 1
    validate_every: int = 12000
    checkpoint_every: int = 4000

    @property
    def samples(self) -> int:
        """Samples seen over all stages."""
        return sum(s.samples for s in self.stages)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON or YAML."""
        return asdict(self)


def read_config(path: str | Path) -> TrainConfig:
    """Read a YAML file. Raises ``ValueError`` naming an unknown or missing key."""
    values = yaml.safe_load(Path(path).read_text())
    known = {f.name for f in fields(TrainConfig)}
    if not isinstance(values, dict):
        raise ValueError(f"{path}: expected a mapping of settings, found {type(values).__name__}")
    if unknown := set(values) - known:
        raise ValueError(f"{path}: unknown settings {sorted(unknown)}; known: {sorted(known)}")
    if missing := {"name", "architecture", "stages"} - set(values):
        raise ValueError(f"{path}: missing settings {sorted(missing)}")
    stages = tuple(Stage(**stage) for stage in values.pop("stages"))
    return TrainConfig(stages=stages, **values)
