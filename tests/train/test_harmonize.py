"""Lessons and training of the harmoniser: exact, repeatable, resumable, and learning something."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from pocketmatte.core import PocketmatteError
from pocketmatte.data.recipes import is_validation
from pocketmatte.effects.color_transform import ColorTransform
from pocketmatte.models import list_architectures
from pocketmatte.models.harmonizer import Harmonizer, apply_transform, load_harmonizer_weights, save_harmonizer
from pocketmatte.train.harmonize import HarmonizeConfig, Trainer, loss_of, person_error, rate_at, read_config
from pocketmatte.train.harmonize_data import STRENGTHS, Photos, draw_recolour, grow, mix

pytestmark = pytest.mark.build
PICTURE = np.random.default_rng(2).integers(0, 256, (60, 80, 3), np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten drawn people, some of them held out, and a scene."""
    root = tmp_path_factory.mktemp("data")
    for name in ("images", "alphas"):
        (root / "train" / "ccp" / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    stems = [f"{n:03}" for n in range(60)]
    held = [s for s in stems if is_validation("ccp", s)][:2]
    for stem in [*held, *[s for s in stems if s not in held][:8]]:
        image = cv2.resize(rng.integers(0, 256, (5, 4, 3), np.uint8), (120, 160), interpolation=cv2.INTER_CUBIC)
        alpha = np.zeros((160, 120), np.uint8)
        cv2.ellipse(alpha, (60, 100), (35, 70), 0, 0, 360, 255, -1, cv2.LINE_AA)
        image[alpha > 127] = rng.integers(60, 200, 3)
        cv2.imwrite(str(root / "train/ccp/images" / f"{stem}.png"), image)
        cv2.imwrite(str(root / "train/ccp/alphas" / f"{stem}.png"), alpha)
    return root


def quick(**changes: int) -> HarmonizeConfig:
    values = {"size": 48, "batch": 4, "samples": 16, "warmup_samples": 4, "cooldown_samples": 4, "held_out": 4}
    return HarmonizeConfig(**{**values, "validate_every": 8, "checkpoint_every": 8, **changes})


def test_strength_nought_changes_nothing_and_more_changes_more():
    errors = []
    for strength in (0.0, *STRENGTHS.values()):
        found = [draw_recolour(np.random.default_rng(n), strength)(PICTURE) for n in range(20)]
        errors.append(np.mean([np.abs(f.astype(float) - PICTURE).mean() for f in found]))
    assert errors[0] <= 0.02
    assert errors[0] < errors[1] < errors[2] < errors[3]


def test_a_recolouring_depends_on_its_seed_alone():
    first, second, other = (draw_recolour(np.random.default_rng(seed), 1.0)(PICTURE) for seed in (4, 4, 5))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_mix_is_exact_at_both_ends():
    other = 255 - PICTURE
    alpha = np.zeros((60, 80), np.uint8)
    alpha[10:30], alpha[30:40] = 255, 128
    mixed = mix(PICTURE, other, alpha)
    assert np.array_equal(mixed[:10], PICTURE[:10])
    assert np.array_equal(mixed[10:30], other[10:30])
    assert np.abs(mixed[30:40] - (other[30:40] * (128 / 255) + PICTURE[30:40] * (127 / 255))).max() <= 1.01


def test_grow_widens_and_never_takes_away():
    alpha = np.zeros((200, 100), np.uint8)
    alpha[50:150, 30:70] = 255
    wide = grow(alpha)
    assert (wide >= alpha).all()
    assert (wide > 127).sum() > (alpha > 127).sum()
    assert wide[40, 50] == 0


def test_a_lesson_is_the_photo_but_for_the_person(folder):
    photos = Photos.load(folder)
    for index in range(30):
        lesson, truth = photos.draw(1, index, 48)
        assert lesson.shape == (48, 48, 4)
        scene = lesson[..., 3] == 0
        assert np.array_equal(lesson[scene][:, :3], truth[scene])
    again = photos.draw(1, 29, 48)
    assert np.array_equal(again[0], lesson)
    assert np.array_equal(again[1], truth)


def test_held_out_people_are_not_taught(folder):
    only_held_out = [p.stem for p in (folder / "train/ccp/images").iterdir() if is_validation("ccp", p.stem)]
    assert only_held_out
    everybody = len(list((folder / "train/ccp/images").iterdir()))
    assert len(Photos.load(folder).pictures) == 2 * (everybody - len(only_held_out))  # each whole and from the waist up


def test_network_starts_as_the_identity_and_is_small():
    network = Harmonizer().eval()
    x = torch.rand(2, 4, 96, 96)
    colours = x[:, :3].flatten(2)
    assert torch.allclose(apply_transform(colours, network(x)), colours, atol=1e-6)
    assert sum(p.numel() for p in network.parameters()) < 150_000
    assert "harmonizer" not in list_architectures()  # the registry is for matting networks


def test_every_parameter_learns():
    torch.manual_seed(0)
    network = Harmonizer()
    torch.nn.init.normal_(network.last.weight, std=0.1)
    loss = loss_of(network, torch.rand(4, 4, 48, 48), torch.rand(4, 3, 48, 48))
    loss.backward()
    assert [n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


def test_curves_of_any_network_rise():
    torch.manual_seed(1)
    network = Harmonizer().eval()
    torch.nn.init.normal_(network.last.weight, std=3)
    with torch.no_grad():
        numbers = network(torch.rand(8, 4, 96, 96))
    for start in (0, 39):
        assert (numbers[:, start : start + 27].reshape(-1, 3, 9).diff(dim=2) > 0).all()


def test_training_and_running_apply_the_same_transform():
    torch.manual_seed(2)
    network = Harmonizer().eval()
    torch.nn.init.normal_(network.last.weight, std=0.4)
    with torch.no_grad():
        numbers = network(torch.rand(1, 4, 96, 96))
        pixels = torch.from_numpy(PICTURE.reshape(1, -1, 3).transpose(0, 2, 1) / 255).float()
        trained = apply_transform(pixels, numbers).clamp(0, 1)[0].T.numpy().reshape(PICTURE.shape) * 255
    run = ColorTransform(numbers[0].numpy()).apply(PICTURE)
    assert np.abs(trained - PICTURE).max() > 20
    assert np.abs(run - trained).max() <= 3  # the picture is rounded between matrix and curve
    assert np.abs(run - trained).mean() < 0.6


def test_error_counts_the_person_alone():
    guess, truth = torch.zeros(1, 3, 4), torch.zeros(1, 3, 4)
    guess[..., 0], guess[..., 3] = 0.5, 1.0
    alpha = torch.tensor([[[1.0, 1.0, 0.0, 0.0]]])
    assert person_error(guess, truth, alpha).item() == pytest.approx(0.125)


def test_rate_rises_stays_and_falls():
    config = quick(samples=100, warmup_samples=10, cooldown_samples=20)
    rates = [rate_at(seen, config) for seen in (0, 9, 50, 80, 90, 100)]
    assert rates == pytest.approx([0.1, 1, 1, 1, 0.5, 0.01])


class Killed(Trainer):
    """Dies before the third step; its last checkpoint was written after the second."""

    def _step(self, inputs: torch.Tensor, truth: torch.Tensor) -> None:
        if self.seen >= 8:
            raise KeyboardInterrupt
        super()._step(inputs, truth)


def test_a_killed_run_ends_like_one_that_was_not(folder, tmp_path):
    Trainer(quick(), tmp_path / "whole", folder).run()
    with pytest.raises(KeyboardInterrupt):
        Killed(quick(), tmp_path / "parts", folder).run()
    again = Trainer(quick(), tmp_path / "parts", folder)
    again.resume()
    assert again.seen == 8
    again.run()
    whole, parts = (torch.load(tmp_path / name / "last.ckpt", weights_only=True) for name in ("whole", "parts"))
    assert whole["seen"] == parts["seen"] == 16
    for kind in ("network", "average"):
        for key, value in whole[kind].items():
            assert torch.equal(value, parts[kind][key])


def test_a_spent_budget_stops_and_keeps_what_there_is(folder, tmp_path):
    Trainer(quick(), tmp_path, folder).run(budget=0)
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["seen"] == 0


def test_training_learns_and_keeps_a_log(folder, tmp_path):
    config = quick(samples=960, batch=16, validate_every=480, checkpoint_every=960, warmup_samples=64)
    Trainer(config, tmp_path, folder).run()
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["samples"]) for row in rows] == [480, 960]
    assert float(rows[-1]["strong"]) > float(rows[-1]["strong_before"]) + 0.5
    network, training = load_harmonizer_weights(tmp_path / "best.pt")
    assert not network.training
    assert training["config"]["samples"] == 960


def test_foreign_files_and_settings_are_refused(tmp_path):
    (tmp_path / "x.pt").write_bytes(b"no weights")
    with pytest.raises(PocketmatteError, match=r"x\.pt holds no trained harmoniser"):
        load_harmonizer_weights(tmp_path / "x.pt")
    with pytest.raises(PocketmatteError, match="no weights at"):
        load_harmonizer_weights(tmp_path / "y.pt")
    (tmp_path / "c.yaml").write_text("size: 96\nspeed: 3\n")
    with pytest.raises(ValueError, match=r"unknown settings \['speed'\]"):
        read_config(tmp_path / "c.yaml")


def test_the_committed_configuration_is_valid():
    assert read_config(Path(__file__).parents[2] / "configs" / "harmonizer.yaml").size % 48 == 0


def test_weights_survive_a_file(tmp_path):
    network = Harmonizer(width=32).eval()
    save_harmonizer(tmp_path / "w.pt", network.state_dict(), {"width": 32}, {"samples": 3})
    again, training = load_harmonizer_weights(tmp_path / "w.pt")
    x = torch.rand(1, 4, 48, 48)
    assert torch.equal(network(x), again(x))
    assert training == {"samples": 3}
