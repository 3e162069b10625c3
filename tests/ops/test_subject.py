"""The main person of a picture, and of a video."""

from __future__ import annotations

import numpy as np
import pytest

from pocketmatte.core import Alpha
from pocketmatte.ops.subject import MainSubject, main_subject

HEIGHT, WIDTH = 40, 80


def people(*boxes: tuple[int, int], soft: bool = False) -> Alpha:
    """A person in the columns left..right of each box, from row 10 down; ``soft``: two faint columns on each side."""
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    for left, right in boxes:
        if soft:
            alpha[10:, max(0, left - 2) : right + 2] = 0.3
    for left, right in boxes:
        alpha[10:, left:right] = 1
    return alpha


def test_the_larger_person_stays_with_its_soft_edge_and_all_else_goes():
    both = people((10, 30), (50, 60), soft=True)
    assert np.array_equal(main_subject(both), people((10, 30), soft=True))


def test_of_two_alike_the_one_in_the_middle_stays():
    assert np.array_equal(main_subject(people((0, 12), (34, 46), (68, 80))), people((34, 46)))


def test_soft_edges_that_meet_are_parted_halfway():
    both = people((10, 30), (40, 50))
    both[10:, 30:40] = 0.4
    kept = main_subject(both)
    assert np.array_equal(kept[:, :34], both[:, :34])
    assert not kept[:, 36:].any()


def test_a_faint_patch_that_touches_nobody_goes():
    alpha = people((30, 50))
    alpha[2:5, 2:6] = 0.3
    assert np.array_equal(main_subject(alpha), people((30, 50)))


@pytest.mark.parametrize("level", [0.0, 0.3])
def test_where_nobody_is_sure_the_matte_comes_back(level):
    alpha = np.full((HEIGHT, WIDTH), level, np.float32)
    kept = main_subject(alpha)
    assert np.array_equal(kept, alpha)
    assert kept is not alpha


def test_one_person_alone_is_untouched():
    assert np.array_equal(main_subject(people((0, 80))), people((0, 80)))


def test_the_input_is_not_changed():
    both = people((10, 30), (50, 60))
    before = both.copy()
    main_subject(both)
    assert np.array_equal(both, before)


def test_the_person_stays_the_same_while_another_walks_in():
    stream = MainSubject()
    for step in range(20):
        # The main person walks to the left; a stranger grows to 1.5 times its width.
        left, width = 30 - step, 12
        frame = people((left, left + width), (79 - step, 80), soft=False)
        assert np.array_equal(stream.step(frame), people((left, left + width))), step


def test_another_takes_over_only_when_twice_as_heavy_and_does_not_flip_back():
    stream = MainSubject()
    chosen = []
    for width in [10, 14, 18, 24, 30, 18, 14, 11]:
        frame = people((20, 32), (79 - width, 79))
        chosen.append(bool(stream.step(frame)[20, 25]))
    assert chosen == [True, True, True, True, False, False, False, False]
    stream.reset()
    assert stream.step(people((20, 32), (68, 79)))[20, 25]


def test_a_person_who_left_is_replaced():
    stream = MainSubject()
    stream.step(people((5, 25)))
    assert np.array_equal(stream.step(people()), people())
    assert np.array_equal(stream.step(people((50, 60))), people((50, 60)))
