"""The exported harmoniser computes what the trained one computes, or is not kept."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from pocketmatte.core import PocketmatteError
from pocketmatte.export import harmonizer as export
from pocketmatte.models.harmonizer import Harmonizer, save_harmonizer
from pocketmatte.pipeline.harmonizer import check_harmonizer, load_harmonizer, read_harmonizer_spec
from pocketmatte.train.harmonize import HarmonizeConfig

pytestmark = pytest.mark.build


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network with random weights and its exported folder ``out``."""
    root = tmp_path_factory.mktemp("export")
    torch.manual_seed(3)
    network = Harmonizer()
    torch.nn.init.normal_(network.last.weight, std=1.0)
    with torch.no_grad():
        network(torch.rand(8, 4, 96, 96))  # gives the batch norms something of their own
    save_harmonizer(root / "w.pt", network.state_dict(), {}, {"config": asdict(HarmonizeConfig())})
    export.write_harmonizer(root / "w.pt", root / "out")
    return root


def test_exported_numbers_are_the_trained_ones(folder):
    spec = read_harmonizer_spec(folder / "out" / "spec.json")
    worst, bound = check_harmonizer(spec)
    assert 0 < worst <= bound
    assert spec.path_of(spec.files[0]).stat().st_size < 500_000
    with np.load(folder / "out" / "golden.npz") as vectors:
        assert np.ptp(vectors["transform"], axis=0).max() > 10 * bound  # the inputs tell networks apart


def test_it_runs_and_says_what_it_is(folder):
    spec = read_harmonizer_spec(folder / "out" / "spec.json")
    assert (spec.task, spec.output.kind, spec.parameters < 150_000) == ("harmonize", "color-transform", True)
    assert not spec.licences.permissive
    picture = np.random.default_rng(0).integers(0, 256, (50, 60, 3), np.uint8)
    result = load_harmonizer(folder / "out" / "spec.json")(picture, np.ones((50, 60), np.float32), picture)
    assert result.shape == picture.shape
    assert not np.array_equal(result, picture)


def test_nothing_is_overwritten_unasked(folder):
    with pytest.raises(PocketmatteError, match="already holds"):
        export.write_harmonizer(folder / "w.pt", folder / "out")


def test_a_file_that_strays_is_not_kept(folder, monkeypatch):
    monkeypatch.setattr(export, "BOUND", 1e-9)
    with pytest.raises(PocketmatteError, match="strays from the trained network"):
        export.write_harmonizer(folder / "w.pt", folder / "strict")
    assert list((folder / "strict").iterdir()) == []
