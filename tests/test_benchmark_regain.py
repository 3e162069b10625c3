"""Weights of the zoo, taken back out of the published files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks.regain import CLOSE, difference, fill, find_statistics, read_constants
from pocketmatte.core import PocketmatteError
from pocketmatte.models import create_model

WEIGHTS = Path(__file__).parent.parent / "weights"


# PReLUs and batch norms of their own; transposed convolutions; neither
@pytest.mark.parametrize("name", ["sinet", "prisma-net", "mobilenetv3-add"])
def test_a_published_file_gives_back_the_network(name: str) -> None:
    torch.manual_seed(1)
    network = create_model(name).eval()
    assert difference(network, WEIGHTS / name) > 10 * CLOSE
    norms = fill(network, read_constants(WEIGHTS / name / f"{name}.tflite"))
    assert difference(network, WEIGHTS / name) < CLOSE
    find_statistics(network, norms, torch.rand(4, 3, network.size, network.size) * 2 - 1)
    assert difference(network, WEIGHTS / name) < CLOSE


def test_batch_statistics_leave_a_regained_network_as_it_is() -> None:
    network = create_model("mobilenetv3-add").eval()
    norms = fill(network, read_constants(WEIGHTS / "mobilenetv3-add" / "mobilenetv3-add.tflite"))
    pictures = torch.rand(8, 3, network.size, network.size) * 2 - 1
    find_statistics(network, norms, pictures)
    with torch.no_grad():
        before = network(pictures).sigmoid()
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.train()
        after = network(pictures).sigmoid()
    assert (after - before).abs().max() < CLOSE


def test_the_file_of_another_network_is_refused() -> None:
    with pytest.raises(PocketmatteError, match="of shape"):
        fill(create_model("sinet").eval(), read_constants(WEIGHTS / "prisma-net" / "prisma-net.tflite"))
