"""The bank holds what the store holds, and views read from it are exact."""

import cv2
import numpy as np
import pytest
import torch

from pocketmatte.data import sampling
from pocketmatte.data.bank import DEPTHS, LEVELS, build_bank
from pocketmatte.data.recipes import PEOPLE
from pocketmatte.data.sampling import COLOUR, PERSON, SCENE, Views, read_views, read_with_tensors
from pocketmatte.data.store import Person, Store

pytestmark = pytest.mark.build
CCP = next(r for r in PEOPLE if r.name == "ccp")


def person(image, alpha, trust=255, recipe=CCP):
    return Person("x", image, alpha, np.full(alpha.shape, trust, np.uint8), recipe)


def scaled(bank, picture, size):
    """The whole picture, squashed."""
    matrix = np.diag([size / bank.width[picture, 0], size / bank.height[picture, 0], 1.0])[None]
    return Views(np.array([picture]), matrix, np.array([1e6]))


def shifted(picture, dx, dy):
    matrix = np.array([[[1, 0, dx], [0, 1, dy], [0, 0, 1.0]]])
    return Views(np.array([picture]), matrix, np.array([1e6]))


def test_a_view_of_equal_size_is_the_picture(bank, store):
    image = store.people[0].image[:48, :48]
    view = read_views(bank, shifted(0, 0, 0), 48, SCENE)
    assert view.shape == (1, 5, 48, 48)
    np.testing.assert_allclose(view[0, :3].permute(1, 2, 0).numpy(), image, atol=1e-3)
    np.testing.assert_allclose(view[0, 3].numpy(), store.people[0].alpha[:48, :48], atol=1e-3)
    assert (view[0, 4] == store.people[0].trust[0, 0]).all()


def test_enlarging_is_half_pixel_bilinear(bank, store):
    picture = bank.people + 3
    image = store.backgrounds[3]
    expected = cv2.resize(image.astype(np.float32), (160, 160), interpolation=cv2.INTER_LINEAR)
    view = read_views(bank, scaled(bank, picture, 160), 160, COLOUR)
    np.testing.assert_allclose(view[0].permute(1, 2, 0).numpy(), expected, atol=0.51)  # whole values


def test_tensors_and_opencv_read_the_same(bank, monkeypatch):
    """The path of a GPU, run here on the CPU, against the CPU's own; where alpha is cut one of the two is soft."""
    rng = np.random.default_rng(5)
    n = 6
    turn = rng.normal(0, 0.3, n)
    matrix = np.tile(np.eye(3), (n, 1, 1))
    matrix[:, :2, :2] = np.stack([np.cos(turn), -np.sin(turn), np.sin(turn), np.cos(turn)], 1).reshape(n, 2, 2)
    matrix[:, :2, :2] *= rng.uniform(0.4, 2, (n, 1, 1))
    matrix[:, :2, 2] = rng.uniform(-20, 20, (n, 2))
    matrix[:, 2, :2] = rng.normal(0, 5e-4, (n, 2))
    picture = rng.integers(0, bank.people, n)
    for part in (COLOUR, SCENE, PERSON):
        views = Views(picture, matrix, np.full(n, 40.0 if part == PERSON else 1e6), cut=part == PERSON)
        here = read_views(bank, views, 64, part)
        monkeypatch.setattr(sampling, "read_with_opencv", read_with_tensors)
        there = read_views(bank, views, 64, part)
        monkeypatch.undo()
        apart = (here - there).abs()
        assert here.shape == there.shape
        assert apart.quantile(0.97) < 3
        assert apart.mean() < 1


def test_shrinking_averages_instead_of_aliasing():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (128, 128, 3)).astype(np.uint8)
    flat = np.full((128, 128), 255, np.uint8)
    bank = build_bank(Store([person(noise, flat)], [noise]))
    view = read_views(bank, scaled(bank, 1, 16), 16, COLOUR)[0].permute(1, 2, 0).numpy()
    expected = cv2.resize(noise.astype(np.float32), (16, 16), interpolation=cv2.INTER_AREA)
    assert view.std() < 1.5 * expected.std()
    assert np.corrcoef(view.ravel(), expected.ravel())[0, 1] > 0.9


def test_colours_continue_mirrored_and_a_cut_out_ends(bank, store):
    size = 32
    views = shifted(0, 10, 0)
    outside = read_views(bank, views, size, SCENE)[0]
    image = store.people[0].image.transpose(2, 0, 1)
    np.testing.assert_allclose(outside[:3, :, :10].numpy(), image[:, :size, 9::-1], atol=1e-3)
    solid = build_bank(Store([person(store.people[0].image, np.full(store.people[0].alpha.shape, 255, np.uint8))], []))
    cut = read_views(solid, Views(views.picture, views.matrix, np.array([20.0]), cut=True), size, PERSON)[0]
    assert (cut[0, :, :10] == 0).all()
    assert (cut[0, :20, 11:] == 255).all()
    assert (cut[0, 20:] == 0).all()


def test_foreground_colours_hold_no_background():
    """A red disc on blue: where alpha is half, the colour kept for pasting is still red."""
    alpha = np.zeros((96, 96), np.uint8)
    cv2.circle(alpha, (48, 48), 30, 255, -1)
    alpha = cv2.GaussianBlur(alpha, (0, 0), 4)
    a = alpha[..., None] / 255.0
    image = (a * np.array([220, 30, 30]) + (1 - a) * np.array([20, 30, 230])).astype(np.uint8)
    bank = build_bank(Store([person(image, alpha)], []))
    part = read_views(bank, shifted(0, 0, 0), 96, PERSON)[0].numpy()
    edge = (part[0] > 90) & (part[0] < 160)
    assert edge.sum() > 100
    assert np.median(part[4][edge]) < 70 < np.median(image[..., 2][edge])


def test_outline_and_reach_describe_the_person():
    alpha = np.zeros((100, 80), np.uint8)
    alpha[10:50, 30:50] = 255
    alpha[50:90, 20:60] = 255
    bank = build_bank(Store([person(np.zeros((100, 80, 3), np.uint8), alpha)], []))
    assert bank.box[0].tolist() == [10, 90, 20, 60]
    assert bank.reach.shape == (1, DEPTHS, 2)
    assert bank.reach[0, DEPTHS // 4].tolist() == [30, 50]
    assert bank.reach[0, -1].tolist() == [20, 60]
    assert bank.start.shape == (1, LEVELS)
    assert bank.cut_out[0]


def test_a_picture_without_anybody_has_no_outline():
    bank = build_bank(Store([person(np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), np.uint8))], []))
    assert bank.box[0, 0] < 0


def test_people_cut_by_the_top_or_sides_are_not_pasted():
    image = np.zeros((64, 64, 3), np.uint8)
    face = np.full((64, 64), 255, np.uint8)
    bust = np.zeros((64, 64), np.uint8)
    bust[20:, 16:48] = 255
    bank = build_bank(Store([person(image, face), person(image, bust)], []))
    assert bank.cut_out.tolist() == [False, True]


def test_people_free_strips_of_full_body_photos_become_backgrounds():
    image = np.zeros((128, 256, 3), np.uint8)
    alpha = np.zeros((128, 256), np.uint8)
    alpha[30:, 180:240] = 255
    bank = build_bank(Store([person(image, alpha)], []))
    index, top, bottom, left, right = bank.strips[0]
    assert (index, top, bottom, left) == (0, 0, 128, 0)
    assert 150 < right < 180


def test_a_slanted_view_reads_where_its_homography_says():
    ramp = np.tile(np.arange(128, dtype=np.uint8)[None, :, None], (128, 1, 3))
    bank = build_bank(Store([], [ramp]))
    matrix = np.array([[[1, 0.1, 3], [0.05, 0.9, 2], [0.001, 0.0005, 1.0]]])
    view = read_views(bank, Views(np.array([0]), matrix, np.array([1e6])), 64, COLOUR)[0, 0]
    x, y, z = np.linalg.inv(matrix[0]) @ np.array([40.5, 20.5, 1])
    assert float(view[20, 40]) == pytest.approx(x / z - 0.5, abs=0.55)  # whole values
    assert 0 < y / z < 128
    assert torch.isfinite(view).all()
