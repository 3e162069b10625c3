"""A drawn data folder, its store and its bank."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pocketmatte.data.bank import Bank, build_bank
from pocketmatte.data.drawn import draw_data
from pocketmatte.data.store import Store, load_store


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


@pytest.fixture(scope="session")
def store(drawn: Path) -> Store:
    return load_store(drawn, 64)


@pytest.fixture(scope="session")
def bank(store: Store) -> Bank:
    return build_bank(store)
