"""Validation scores against the evaluation's own metrics; the tables a run writes; labels improved on disk."""

import csv
import shutil

import numpy as np
import pytest
import torch
from torch import nn

from pocketmatte.core import PocketmatteError
from pocketmatte.data.held_out import HeldOut
from pocketmatte.data.store import read_gray
from pocketmatte.evaluate.mask_metrics import boundary_iou, mean_iou
from pocketmatte.models import create_model
from pocketmatte.models.checkpoint import save_weights
from pocketmatte.train.ema import Average
from pocketmatte.train.journal import Journal
from pocketmatte.train.relabel import improve_labels
from pocketmatte.train.validate import validate

pytestmark = pytest.mark.build


class Sees(nn.Module):
    """Answers with the red channel."""

    mean, std = 0.0, 1.0

    def forward(self, x):
        return 20 * (x[:, :1] - 0.5)


def test_scores_agree_with_the_evaluation():
    rng = np.random.default_rng(0)
    axis = np.arange(64)
    truths, guesses = [], []
    for _ in range(5):
        x, y, r = rng.uniform(16, 48, 3)
        distance = np.hypot(axis[None] - x, axis[:, None] - y)
        truths.append(distance < r / 2)
        guesses.append(distance + rng.normal(0, 1.0, (64, 64)) < r / 2 + 2)
    empty = np.zeros((64, 64), bool)
    images = torch.zeros(6, 3, 64, 64, dtype=torch.uint8)
    images[:, 0] = torch.from_numpy(np.stack([*guesses, empty]).astype(np.uint8) * 255)
    alphas = torch.from_numpy(np.stack([*truths, empty]).astype(np.uint8) * 255)[:, None]
    scores = validate(Sees(), HeldOut(images, alphas, 1), batch=4)
    assert scores["miou"] == pytest.approx(np.mean([mean_iou(g, t) for g, t in zip(guesses, truths, strict=True)]))
    expected = np.mean([boundary_iou(g, t) for g, t in zip(guesses, truths, strict=True)])
    assert scores["biou"] == pytest.approx(expected, abs=0.05)
    assert scores["empty"] < 1e-3
    assert scores["score"] == pytest.approx((scores["miou"] + scores["biou"]) / 2 - scores["empty"])


def test_average_follows_with_delay():
    source = nn.Linear(2, 1)
    average = Average(source, 0.9)
    start = average.network.weight.clone()
    with torch.no_grad():
        source.weight += 1
    average.update(1)
    torch.testing.assert_close(average.network.weight, start + (1 - 2 / 11))
    for step in range(2, 200):
        average.update(step)
    torch.testing.assert_close(average.network.weight, source.weight, atol=1e-4, rtol=0)
    assert not average.network.weight.requires_grad


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_journal_grows_columns_and_rewinds(tmp_path):
    journal = Journal(tmp_path, tensorboard=False)
    for samples in (10, 20, 30):
        journal.losses({"samples": samples, "loss": 0.1 * samples})
    journal.losses({"samples": 40, "loss": 4.0, "distill": 0.5})
    rows = read(tmp_path / "loss.csv")
    assert [row["distill"] for row in rows] == ["", "", "", "0.5"]
    journal.rewind(20)
    assert [row["samples"] for row in read(tmp_path / "loss.csv")] == ["10", "20"]
    journal.scores({"samples": 30, "miou": 0.5})
    assert read(tmp_path / "log.csv") == [{"samples": "30", "miou": "0.5"}]


def test_board_gets_curves_and_pictures(tmp_path):
    journal = Journal(tmp_path, tensorboard=True)
    journal.losses({"samples": 10, "loss": 1.0})
    journal.panel(
        torch.zeros(2, 3, 32, 32, dtype=torch.uint8), torch.rand(2, 1, 32, 32), torch.rand(2, 1, 32, 32), seen=10
    )
    journal.close()
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert events.Scalars("loss/loss")[0].value == 1.0
    (name,) = events.Tags()["images"]
    assert events.Images(name)[0].height == 4 * 32


def test_labels_are_improved_on_disk_once(drawn, tmp_path):
    root = tmp_path / "d"
    shutil.copytree(drawn, root)
    torch.manual_seed(0)
    save_weights(tmp_path / "t.pt", create_model("matte-nano").state_dict(), "matte-nano", {}, {"name": "t"})
    counts = improve_labels(tmp_path / "t.pt", root, 32)
    assert set(counts) == {"ccp", "figaro"}
    soft = sorted((root / "train" / "figaro" / "soft").iterdir())
    assert len(soft) == counts["figaro"]
    original = root / "train" / "figaro" / "alphas" / f"{soft[0].stem}.png"
    assert np.array_equal(read_gray(soft[0]), read_gray(original))  # teacher labels keep their alpha
    with pytest.raises(PocketmatteError, match="exists already"):
        improve_labels(tmp_path / "t.pt", root, 32)
