"""Composed batches: ranges, repeatability, the kinds of picture, pairs, streams."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from pocketmatte.data.bank import build_bank
from pocketmatte.data.compose import SceneMix, compose
from pocketmatte.data.framing import (
    FEWEST,
    MOST,
    background_views,
    draw_crops,
    draw_groups,
    paste_in_group,
    paste_people,
    view_windows,
)
from pocketmatte.data.held_out import hold_out_groups
from pocketmatte.data.motion import PriorMix, move
from pocketmatte.data.stream import Position, draw_batch, stream

pytestmark = pytest.mark.build
CLEAN = SceneMix(group=0.0, degrade=0.0, poster=0.0, occluder=0.0)


def equal(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_shapes_types_and_repeatability(bank):
    mix = SceneMix(pairs=0.5, prior=PriorMix())
    batch = compose(bank, mix, 8, 64, [1, 2])
    assert batch.image.shape == (8, 3, 64, 64)
    assert batch.alpha.shape == batch.trust.shape == batch.prior.shape == (8, 1, 64, 64)
    assert batch.clean.shape == (4, 3, 64, 64)
    assert batch.motion.shape == (4, 2, 3)
    assert {t.dtype for t in batch[:-1]} == {torch.uint8}
    assert equal(batch, compose(bank, mix, 8, 64, [1, 2]))
    assert not equal(batch, compose(bank, mix, 8, 64, [1, 3]))
    still = compose(bank, SceneMix(), 8, 64, [1, 2])
    assert len(still.prior) == len(still.clean) == 0


def test_composing_elsewhere_never_asks_for_values_back(bank, monkeypatch):
    """On the meta device tensors have no values: whatever would stall a GPU to read one, or mix devices, fails."""

    class NoGenerator:
        def __init__(self, device):
            assert device.type == "meta"

        def manual_seed(self, seed):
            return None

    monkeypatch.setattr(torch, "Generator", NoGenerator)  # there is none for this device
    away = replace(bank, pixels=bank.pixels.to("meta"))
    mix = SceneMix(pairs=0.5, prior=PriorMix(), poster=0.5, occluder=0.5)
    for seed in range(3):
        batch = compose(away, mix, 32, 64, [seed])
    assert {t.device.type for t in batch} == {"meta"}
    assert batch.image.shape == (32, 3, 64, 64)


def test_shares_of_nobody_photo_and_paste(bank):
    nobody = compose(bank, replace(CLEAN, nobody=1.0, photo=0.0), 16, 64, [1])
    assert (nobody.alpha == 0).all()
    assert (nobody.trust == 255).all()
    pasted = compose(bank, replace(CLEAN, nobody=0.0, photo=0.0), 16, 64, [2])
    assert ((pasted.alpha > 127).float().mean((1, 2, 3)) > 0.01).float().mean() > 0.8
    photo = compose(bank, replace(CLEAN, nobody=0.0, photo=1.0), 16, 64, [3])
    assert ((photo.alpha > 127).float().mean((1, 2, 3)) > 0.01).float().mean() > 0.9
    assert photo.trust.min() < 255  # the teacher-labelled half of the drawn people


def test_single_things_are_shown_whole(store):
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (64, 64, 3), np.uint8) for _ in range(3)]
    ramp = np.repeat(np.linspace(0, 255, 64, dtype=np.uint8)[None, :, None], 64, 0).repeat(3, 2)
    bank = build_bank(replace(store, backgrounds=[*noise, ramp], singles=[3]))
    mix = replace(CLEAN, nobody=1.0, photo=0.0, single=1.0)
    shown = compose(bank, mix, 24, 64, [6])
    assert (shown.alpha == 0).all()
    steps = (shown.image[:, :, :, 1:].float() - shown.image[:, :, :, :-1].float()).abs()
    assert steps.mean((1, 2, 3)).max() < 12  # the ramp, never noise
    span = shown.image.float().amax((1, 2, 3)) - shown.image.float().amin((1, 2, 3))
    assert span.median() > 150  # most of it
    half = compose(bank, replace(mix, single=0.5), 64, 64, [7]).image.float()
    noisy = ((half[:, :, :, 1:] - half[:, :, :, :-1]).abs().mean((1, 2, 3)) > 12).float().mean()
    assert 0.2 < noisy < 0.7


def test_a_second_person_adds_and_an_occluder_takes_away(bank):
    base = replace(CLEAN, nobody=0.0, photo=0.0, second=0.0, third=0.0)
    one, two, three = (
        compose(bank, replace(base, second=share, third=share), 24, 64, [4]).alpha.float().mean()
        for share in (0.0, 0.5, 1.0)
    )
    assert one < two < three
    hidden = compose(bank, replace(base, occluder=1.0), 24, 64, [4]).alpha.float().mean()
    assert hidden < one


def test_a_group_stands_all_over_the_picture(bank):
    base = replace(CLEAN, nobody=0.0, photo=0.0, second=0.0, third=0.0)

    def filled(mix):
        """Share of the pictures with somebody in each third of the width."""
        columns = (compose(bank, mix, 48, 66, [8]).alpha > 127).any(2)[:, 0]
        return columns.view(48, 3, 22).any(2).all(1).float().mean()

    assert filled(replace(base, group=1.0)) > 0.9
    assert filled(base) < 0.6


def test_held_out_groups_are_always_the_same(store):
    first, second = hold_out_groups(store, 64, 6), hold_out_groups(store, 64, 6)
    assert torch.equal(first.images, second.images)
    assert torch.equal(first.alphas, second.alphas)
    assert (first.images.shape, first.empty) == ((6, 3, 64, 64), 0)


def test_members_of_a_group_have_places_of_their_own_and_their_heads_in_the_picture(bank):
    rng = np.random.default_rng(3)
    groups = draw_groups(400, rng)
    assert set(groups.count) == set(range(FEWEST, MOST + 1))
    for count, places in zip(groups.count, groups.places, strict=True):
        assert sorted(places[:count]) == list(range(count))
    inside, ahead = [], []
    for number in range(FEWEST):
        crops = draw_crops(bank, rng.integers(bank.people, size=400), rng, 0.5, 0.0)
        views = paste_in_group(bank, crops, groups, number, 64, rng)
        middle = np.stack([crops.body[:, 2:].mean(1), crops.body[:, :2].mean(1), np.ones(400)], 1)
        head = np.stack([middle[:, 0], crops.body[:, 0], np.ones(400)], 1)
        landed, top = (np.einsum("nij,nj->ni", views.matrix, points) for points in (middle, head))
        inside.append((top[:, 1] / top[:, 2] > -6) & (top[:, 1] / top[:, 2] < 64) & crops.person)
        ahead.append(landed[:, 0] / landed[:, 2])
    assert np.mean(inside) > 0.85
    ordered = (np.stack(ahead, 1).argsort(1) == groups.places[:, :FEWEST].argsort(1)).all(1)
    assert ordered.mean() > 0.85


def test_posters_change_the_picture_but_not_the_matte(bank):
    plain = compose(bank, replace(CLEAN, nobody=1.0, photo=0.0), 12, 64, [5])
    hung = compose(bank, replace(CLEAN, nobody=1.0, photo=0.0, poster=1.0), 12, 64, [5])
    assert (hung.alpha == 0).all()
    different = (hung.image.float() - plain.image.float()).abs().mean((1, 2, 3)) > 1
    assert different.float().mean() > 0.7


def test_the_earlier_frame_moves_into_the_later_matte(bank):
    batch = compose(bank, replace(CLEAN, nobody=0.0, pairs=1.0), 12, 64, [7])
    moved = move(batch.clean_alpha.float(), batch.motion)
    assert (moved - batch.alpha.float()).abs().mean() < 1.0
    still = (batch.clean_alpha.float() - batch.alpha.float()).abs().mean()
    assert still > 2 * (moved - batch.alpha.float()).abs().mean()


def test_crops_cut_full_bodies_and_views_cover_the_square(bank):
    rng = np.random.default_rng(0)
    full = np.flatnonzero(bank.full_body)
    crops = draw_crops(bank, full, rng, half_body=1.0, frame=0.0)
    assert crops.cut.mean() > 0.4  # some are too small to be cut
    assert (crops.window[crops.cut, 1] < bank.height[full[crops.cut], 0]).all()
    assert (crops.body[:, 1] <= crops.window[:, 1] + 1e-9)[crops.cut].all()
    views = view_windows(crops, 64, rng)
    corners = np.linalg.inv(views.matrix) @ np.array([[0, 64, 32], [0, 64, 32], [1, 1, 1.0]])
    inside = corners[:, :2] / corners[:, 2:]
    middle = inside[:, :, 2]
    left, right = crops.window[:, 2], crops.window[:, 3]
    assert ((middle[:, 0] > left) & (middle[:, 0] < right)).mean() > 0.95


def test_pasted_people_stand_or_float_inside_the_square(bank):
    rng = np.random.default_rng(1)
    people = np.arange(bank.people)
    crops = draw_crops(bank, people, rng, 0.5, 0.0)
    views = paste_people(bank, crops, 64, rng)
    top = np.stack([(crops.body[:, 2] + crops.body[:, 3]) / 2, crops.body[:, 0], np.ones(len(people))], 1)
    landed = np.einsum("nij,nj->ni", views.matrix, top)
    height = landed[:, 1] / landed[:, 2]
    assert (height < 64).mean() > 0.9


def test_backgrounds_are_backgrounds(bank):
    views = background_views(bank, 50, 64, np.random.default_rng(2), strips=0.0)
    assert (views.picture >= bank.people).all()


@pytest.mark.parametrize("workers", [1, 2])
def test_the_stream_does_not_depend_on_its_workers(bank, workers):
    here = list(islice(stream(bank, CLEAN, 32, 4, Position(1, 0, 0), 0), 5))
    there = list(islice(stream(bank, CLEAN, 32, 4, Position(1, 0, 0), workers), 5))
    for a, b in zip(here, there, strict=True):
        assert equal(a, b)


def test_the_stream_is_taken_up_anywhere_and_differs_by_rank(bank):
    whole = list(islice(stream(bank, CLEAN, 32, 4, Position(1, 0, 0)), 4))
    rest = list(islice(stream(bank, CLEAN, 32, 4, Position(1, 0, 8)), 2))
    assert equal(whole[2], rest[0])
    assert equal(whole[3], rest[1])
    other = next(stream(bank, CLEAN, 32, 4, Position(1, 1, 0)))
    assert not equal(whole[0], other)


def test_chunks_are_joined_with_their_pairs_first(bank):
    batch = draw_batch(bank, replace(CLEAN, nobody=0.0, pairs=0.25), 32, 20, Position(1, 0, 0))
    assert len(batch.image) == 20
    m = len(batch.clean)
    assert m == 5
    moved = move(batch.clean_alpha.float(), batch.motion)
    assert (moved - batch.alpha[:m].float()).abs().mean() < 2.0
