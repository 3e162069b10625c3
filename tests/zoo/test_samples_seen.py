"""How many samples a network of the zoo saw, over all the runs that led to it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.zoo import seen_before
from pocketmatte.core import PocketmatteError
from pocketmatte.models import create_model
from pocketmatte.models.checkpoint import save_weights


def run_from(folder: Path, start: Path | None) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"init": start and str(start)}))
    return folder


def published(path: Path, training: dict[str, object]) -> Path:
    save_weights(path, create_model("sinet").state_dict(), "sinet", {}, training)
    return path


def test_earlier_runs_and_the_published_file_count(tmp_path: Path) -> None:
    first = run_from(tmp_path / "sinet-b", published(tmp_path / "start.pt", {"samples": 50000}))
    (first / "log.csv").write_text("samples,size\n1000,192\n3000,320\n")
    assert seen_before(first) == 50000
    assert seen_before(run_from(tmp_path / "sinet", first / "best.pt")) == 53000
    assert seen_before(run_from(tmp_path / "anew", None)) == seen_before(tmp_path / "none") == 0


def test_a_start_without_a_count(tmp_path: Path) -> None:
    run = run_from(tmp_path / "sinet", published(tmp_path / "start.pt", {}))
    with pytest.raises(PocketmatteError, match=r"start\.pt does not say what it saw.*benchmarks\.regain"):
        seen_before(run)
