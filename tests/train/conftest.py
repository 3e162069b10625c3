"""A drawn data folder and the smallest configuration that still trains."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pocketmatte.data.drawn import draw_data
from pocketmatte.train.config import TrainConfig, read_config

TINY = """
name: tiny
architecture: matte-nano
pretrained_encoder: false
stages:
  - {size: 32, samples: 64, batch: 8}
  - {size: 64, samples: 64, batch: 8}
optim: {warmup_samples: 24, ema: 0.9}
data: {side: 64, workers: 0}
precision: 32-true
validate_every: 48
checkpoint_every: 40
log_every: 16
tensorboard: false
"""


@pytest.fixture(autouse=True)
def few_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("drawn")
    draw_data(root, people=48, backgrounds=40, side=64)
    return root


@pytest.fixture
def make_config(tmp_path: Path):
    """``make_config("loss.temporal=1", ...)``: the tiny configuration with settings changed."""

    def make(*settings: str) -> TrainConfig:
        path = tmp_path / "tiny.yaml"
        path.write_text(TINY)
        return read_config(path, settings)

    return make
