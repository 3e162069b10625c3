"""Frames in which nothing happens keep their mask; a silhouette that moves, however slowly, does not."""

from fractions import Fraction

import numpy as np
import pytest

from pocketmatte.core import Frame
from pocketmatte.pipeline.pipeline import Pipeline
from pocketmatte.pipeline.still import MOST, StillWatch
from pocketmatte.spec import InputSpec, OutputSpec
from tests.pipeline.numbered import SIZE, ReadingSession
from tests.pipeline.test_pipeline import spec_like

SIDE = 96


def edge(position: float, rng, contrast: float = 60.0, noise: float = 3.0) -> np.ndarray:
    """An upright edge at a fraction of a column, with sensor noise."""
    x = np.arange(SIDE, dtype=np.float32)
    row = 90 + contrast * np.clip(position + 0.5 - x, 0, 1)
    image = row[None, :, None] + rng.normal(0, noise, (SIDE, SIDE, 3))
    return np.clip(image, 0, 255).astype(np.uint8)


def test_noise_alone_is_still():
    rng = np.random.default_rng(0)
    watch = StillWatch(most=1000)
    answers = [watch.is_still(edge(40, rng)) for _ in range(100)]
    assert answers == [False] + [True] * 99


@pytest.mark.parametrize("speed", [0.02, 0.1, 0.5, 3.0])
def test_a_moving_edge_is_never_left_behind_by_more_than_a_cell(speed):
    rng = np.random.default_rng(1)
    watch = StillWatch(most=10_000)
    kept, worst = 0.0, 0.0
    for number in range(int(40 / speed)):
        position = 20 + speed * number
        if not watch.is_still(edge(position, rng)):
            kept = position
        worst = max(worst, position - kept)
    assert worst < 1.0


def test_a_small_thing_that_moves_alone_is_seen():
    rng = np.random.default_rng(2)
    watch = StillWatch()
    picture = edge(40, rng)
    watch.is_still(picture)
    hand = picture.copy()
    hand[70:76, 70:76] = 200
    assert not watch.is_still(hand)


def test_a_mask_is_not_kept_for_ever_and_reset_forgets():
    rng = np.random.default_rng(3)
    watch = StillWatch()
    answers = [watch.is_still(edge(40, rng)) for _ in range(2 * MOST)]
    assert answers.count(False) == 2
    watch.reset()
    assert not watch.is_still(edge(40, rng))


def test_the_pipeline_skips_the_network_and_says_which_frame_the_mask_is_of():
    session = ReadingSession()
    spec = spec_like(input=InputSpec("image", SIZE), output=OutputSpec("alpha"), states=())
    pipeline = Pipeline(session, spec, refine="bilinear", foreground="none")
    pipeline.still = StillWatch()
    black, white = np.zeros((*SIZE, 3), np.uint8), np.full((*SIZE, 3), 255, np.uint8)
    pictures = [black, black, black, white, white]
    seen = [pipeline.look(Frame(p, Fraction(n, 30), n)) for n, p in enumerate(pictures)]
    assert [s.index for s in seen] == [0, 0, 0, 3, 3]
    assert [float(s.alpha.mean()) for s in seen] == [0, 0, 0, 1, 1]
    assert session.runs == 2
    pipeline.reset()
    assert pipeline.look(Frame(white, Fraction(1, 6), 5)).index == 5
