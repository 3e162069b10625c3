"""Less flicker where nothing moves, no mask that trails where something does, a fresh start at cuts."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

import pocketmatte
from pocketmatte.core import Frame, PocketmatteError
from pocketmatte.evaluate.temporal_metrics import dtssd, frozen, lag
from pocketmatte.io.images import read_image
from pocketmatte.pipeline.pipeline import load
from pocketmatte.pipeline.temporal import TEMPORAL, Temporal, Tuning, make_temporal

ASTRONAUT = Path(pocketmatte.__file__).parent / "assets" / "astronaut.jpg"
SIDE = 96


def scene(position: float, rng, noise: float = 2.0):
    """A bright disc at column ``position`` before a texture: the picture and its true alpha."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    truth = np.clip(24.5 - np.hypot(x - position, y - 48), 0, 1)
    ground = 90 + 30 * np.sin(x / 5) * np.cos(y / 7)
    picture = (truth * 200 + (1 - truth) * ground)[..., None] + rng.normal(0, noise, (SIDE, SIDE, 3))
    return np.clip(picture, 0, 255).astype(np.uint8), truth.astype(np.float32)


def clip(positions, flicker=0.15, seed=5):
    """Pictures, true alphas, and what a moody network might say: the truth with slow blobs of error that change."""
    rng = np.random.default_rng(seed)
    frames, truths, guesses = [], [], []
    for position in positions:
        picture, truth = scene(position, rng)
        mood = cv2.resize(rng.normal(0, flicker, (12, 12)).astype(np.float32), (SIDE, SIDE))
        frames.append(picture)
        truths.append(truth)
        guesses.append(np.clip(truth + mood, 0, 1).astype(np.float32))
    return frames, truths, guesses


def steadied(frames, guesses, name="auto"):
    temporal = make_temporal(name)
    return [temporal.steady(guess, frame) for frame, guess in zip(frames, guesses, strict=True)]


def error(preds, truths):
    return float(np.mean([np.abs(p - t).mean() for p, t in zip(preds, truths, strict=True)]))


@pytest.mark.parametrize("step", [0.0, 0.3, 2.0, 5.0])
def test_calmer_no_later_and_truer_than_a_frozen_mask(step):
    positions = [20 + step * n if 20 + step * n < 76 else 76 for n in range(40)]
    frames, truths, guesses = clip(positions)
    after = steadied(frames, guesses)
    assert dtssd(after, truths) < (0.6 if step < 1 else 0.9) * dtssd(guesses, truths)
    assert error(after, truths) < error(guesses, truths)
    if step:
        assert error(after, truths) < error(frozen(guesses), truths)
        assert abs(lag(after, truths)) <= 0.5
        late = list(running_mean(guesses))
        assert lag(late, truths) > 2 * abs(lag(after, truths))  # what a plain mean of the same weight does


def running_mean(guesses):
    held = guesses[0]
    for guess in guesses:
        held = 0.8 * held + 0.2 * guess
        yield held


def test_a_surer_mask_is_not_held_back_by_an_unsure_past():
    rng = np.random.default_rng(1)
    picture, truth = scene(48, rng, 0)
    unsure = np.full_like(truth, 0.5)
    temporal = Temporal(Tuning())
    temporal.steady(unsure, picture)
    assert np.abs(temporal.steady(truth, picture) - truth).mean() < 0.15


def test_the_mask_and_the_picture_handed_in_stay_as_they_are():
    frames, _, guesses = clip([40, 41])
    kept = [g.copy() for g in guesses]
    first = steadied(frames, guesses)
    frames[1][:] = 0
    assert all(np.array_equal(a, b) for a, b in zip(kept, guesses, strict=True))
    assert np.array_equal(first[0], kept[0])


def test_cuts_are_found_and_movement_is_none():
    rng = np.random.default_rng(2)
    temporal = Temporal()
    moving = [scene(20 + 6 * n, rng)[0] for n in range(8)]
    brighter = np.clip(moving[-1] * 0.9 + 40, 0, 255).astype(np.uint8)
    other = cv2.resize(rng.integers(0, 256, (6, 6, 3), np.uint8), (SIDE, SIDE))
    assert [temporal.is_cut(f) for f in [*moving, brighter, other, other, moving[0]]] == [False] * 9 + [
        True,
        False,
        True,
    ]


def test_a_cut_makes_the_pipeline_forget():
    """After a cut the frames come out as if the second scene had been alone."""
    portrait = cv2.resize(read_image(ASTRONAUT).image, (160, 160), interpolation=cv2.INTER_AREA)
    first = [np.roll(portrait, n, axis=1) for n in range(3)]
    second = [np.ascontiguousarray(np.roll(portrait[:, ::-1], n, axis=1)) for n in range(3)]
    frames = [Frame(image, Fraction(n, 25), n) for n, image in enumerate([*first, *second])]
    with load(foreground="none", threads=1, temporal="auto") as pipeline:
        whole = [pipeline.step(frame).alpha for frame in frames]
        pipeline.reset()
        alone = [pipeline.step(frame).alpha for frame in frames[3:]]
        pipeline.temporal = make_temporal("off")
        plain = [pipeline.step(frame).alpha for frame in frames]
    assert all(np.array_equal(a, b) for a, b in zip(whole[3:], alone, strict=True))
    assert np.array_equal(whole[0], plain[0])
    assert not np.array_equal(whole[2], plain[2])
    assert not np.array_equal(whole[5], plain[5])


def test_a_cut_takes_the_previous_matte_from_a_video_network():
    """The shipped network that is fed its own last answer: only a cut makes it answer as if there had been none."""
    portrait = cv2.resize(read_image(ASTRONAUT).image, (160, 160), interpolation=cv2.INTER_AREA)
    first = [np.roll(portrait, n, axis=1) for n in range(3)]
    going_on, other = np.roll(portrait, 3, axis=1), np.ascontiguousarray(portrait[:, ::-1])

    def last(pipeline, pictures):
        pipeline.reset()
        return [pipeline.step(Frame(image, Fraction(n, 25), n)).alpha for n, image in enumerate(pictures)][-1]

    with load("nano-video", foreground="none", threads=1, temporal="cuts") as pipeline:
        assert [state.input for state in pipeline.spec.states] == ["prior"]
        fresh = [last(pipeline, [picture]) for picture in (going_on, other)]
        assert np.abs(last(pipeline, [*first, going_on]) - fresh[0]).max() > 0.01
        assert np.array_equal(last(pipeline, [*first, other]), fresh[1])
        pipeline.temporal = make_temporal("off")
        assert np.abs(last(pipeline, [*first, other]) - fresh[1]).max() > 0.01  # it is the reset that makes them equal


def test_names():
    assert set(TEMPORAL) == {"off", "cuts", "auto"}
    assert make_temporal("off") is None
    with pytest.raises(PocketmatteError, match="unknown temporal mode 'x'; known: off, cuts, auto"):
        make_temporal("x")
    assert replace(Tuning(), past=0.5).past == 0.5
