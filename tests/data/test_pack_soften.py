"""Packing data, improving labels, drawn data, held-out tensors."""

import cv2
import numpy as np
import pytest

from pocketmatte.core import PocketmatteError
from pocketmatte.data.drawn import draw_data
from pocketmatte.data.held_out import hold_out
from pocketmatte.data.pack import pack_data
from pocketmatte.data.recipes import PEOPLE
from pocketmatte.data.soften import soften, soften_store
from pocketmatte.data.store import load_store

pytestmark = pytest.mark.build
HUMAN = next(r for r in PEOPLE if r.name == "ccp")
TEACHER = next(r for r in PEOPLE if r.name == "figaro")
LOOSE = next(r for r in PEOPLE if r.name == "celebamask")


def test_packed_copy_is_small_and_loads_as_the_same_split(drawn, tmp_path):
    heard = []
    packed = pack_data(drawn, tmp_path / "p", 48, 1.0, lambda done, total: heard.append((done, total)))
    assert packed.quality == 90
    assert packed.levels == 256
    assert heard[-1] == (packed.files, packed.files) == (136, 136)
    assert packed.size == sum(p.stat().st_size for p in (tmp_path / "p").rglob("*.webp"))
    for validation in (False, True):
        before, after = (load_store(root, 48, validation=validation) for root in (drawn, tmp_path / "p"))
        assert [p.name for p in before.people] == [p.name for p in after.people]
        for a, b in zip(before.people, after.people, strict=True):
            assert np.array_equal(a.alpha, b.alpha)
            assert np.array_equal(a.trust, b.trust)
            assert np.abs(a.image.astype(int) - b.image).mean() < 12


def test_less_room_means_lower_quality_and_no_room_an_error(drawn, tmp_path):
    roomy = pack_data(drawn, tmp_path / "a", 48, 1.0)
    tight = pack_data(drawn, tmp_path / "b", 48, roomy.size * 0.8e-6)
    assert tight.quality < roomy.quality
    assert tight.size <= roomy.size * 0.8
    with pytest.raises(PocketmatteError, match=r"do not fit into 0\.001 MB"):
        pack_data(drawn, tmp_path / "c", 48, 0.001)
    with pytest.raises(PocketmatteError, match="not empty"):
        pack_data(drawn, tmp_path / "a", 48, 1.0)


def test_drawn_data_never_overwrites(drawn):
    with pytest.raises(PocketmatteError, match="not empty"):
        draw_data(drawn)


def disc(radius, x=64):
    alpha = np.zeros((128, 128), np.uint8)
    cv2.circle(alpha, (x, 64), radius, 255, -1)
    return alpha


def opinion(radius, x=64, sigma=3.0):
    return cv2.GaussianBlur(disc(radius, x), (0, 0), sigma).astype(np.float32) / 255


def test_a_human_mask_gets_a_soft_edge_and_keeps_its_meaning():
    label, trust = disc(40), np.full((128, 128), 255, np.uint8)
    alpha, sure = soften(label, trust, opinion(41), HUMAN)
    assert ((alpha > 20) & (alpha < 235)).sum() > 300
    assert ((alpha > 127) == (label > 127)).mean() > 0.97
    far = np.hypot(*np.meshgrid(np.arange(128) - 64, np.arange(128) - 64))
    assert (alpha[far < 34] == 255).all()
    assert (alpha[far > 48] == 0).all()
    assert (sure == 255).all()


def test_an_edge_that_the_model_does_not_see_stays_as_labelled():
    label, trust = disc(40), np.full((128, 128), 255, np.uint8)
    alpha, sure = soften(label, trust, np.ones((128, 128), np.float32), HUMAN)
    assert np.array_equal(alpha, label)
    assert sure[0, 0] == round(255 * 0.6)
    assert sure[64, 64] == 255


def test_a_teacher_label_keeps_its_alpha_and_loses_trust_where_contradicted():
    label, trust = disc(40), np.full((128, 128), 200, np.uint8)
    alpha, sure = soften(label, trust, opinion(12), TEACHER)
    assert np.array_equal(alpha, label)
    assert sure[64, 64 + 26] == round(200 * 0.35)
    assert sure[64, 64] == 200


def test_parts_that_a_loose_set_leaves_out_are_hardly_believed():
    label, trust = disc(20), np.full((128, 128), 153, np.uint8)
    _, sure = soften(label, trust, opinion(45), LOOSE)
    assert sure[64, 64 + 34] < 30


def test_a_store_is_softened_picture_by_picture(store):
    seen = []

    def predict(images):
        seen.append(images.shape)
        return np.zeros(images.shape[:3], np.float32)

    better = soften_store(store, predict, 32, batch=10)
    assert sum(shape[0] for shape in seen) == len(store.people)
    assert seen[0] == (10, 32, 32, 3)
    before, after = store.people[0], better.people[0]
    assert after.trust[before.alpha > 250].mean() < before.trust[before.alpha > 250].mean()
    assert np.array_equal(before.image, after.image)


def test_held_out_tensors(drawn):
    held_store = load_store(drawn, 64, validation=True)
    held = hold_out(held_store, 32)
    people, scenes = len(held_store.people), len(held_store.backgrounds)
    assert held.images.shape == (people + scenes, 3, 32, 32)
    assert held.empty == scenes
    assert (held.alphas[people:] == 0).all()
    expected = cv2.resize(held_store.people[0].image, (32, 32), interpolation=cv2.INTER_AREA)
    assert np.array_equal(held.images[0].permute(1, 2, 0).numpy(), expected)
