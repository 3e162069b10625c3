"""Several streams that share one model: each gets what it would get alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from pocketmatte.core import Frame, PocketmatteError
from pocketmatte.pipeline.lanes import Lanes, load_lanes
from pocketmatte.pipeline.pipeline import load
from pocketmatte.pipeline.rounds import newest_rounds, next_rounds, timed_rounds
from pocketmatte.pipeline.still import StillWatch
from pocketmatte.runtime.base import Placement, Tensor, TensorInfo
from pocketmatte.spec import InputSpec, OutputSpec, StateSpec
from tests.io.video_clips import vfr_times
from tests.pipeline.numbered import SIZE, painted, read_number
from tests.pipeline.test_pipeline import spec_like

IMAGE = InputSpec("image", SIZE)


class BatchSession:
    """Answers with the brightness of each picture, and adds one to a state per picture."""

    def __init__(self, batch: int, fails: bool = False) -> None:
        self.batches: list[int] = []
        self.fails, self.closed = fails, 0
        self.inputs = (
            TensorInfo("image", (batch, *SIZE, 3), np.dtype(np.float32)),
            TensorInfo("count", (batch, 1, 1, 1), np.dtype(np.float32)),
        )
        self.outputs = (
            TensorInfo("alpha", (batch, *SIZE, 1), np.dtype(np.float32)),
            TensorInfo("more", (batch, 1, 1, 1), np.dtype(np.float32)),
        )

    def run(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        if self.fails:
            raise PocketmatteError("the device is gone")
        image = np.asarray(inputs["image"])
        assert image.shape == self.inputs[0].shape
        self.batches.append(int((image.reshape(len(image), -1).max(1) > 0).sum()))
        return {"alpha": image[..., :1].copy(), "more": np.asarray(inputs["count"]) + np.float32(1)}

    def describe(self) -> Placement:
        return Placement("test", "1", "cpu", 1)

    def close(self) -> None:
        self.closed += 1


def lanes_of(session: BatchSession, count: int, **options) -> Lanes:
    batch = session.inputs[0].shape[0]
    states = (StateSpec("count", "more", (batch, 1, 1, 1)),)
    spec = spec_like(input=replace(IMAGE, batch=batch), output=OutputSpec("alpha"), states=states)
    return Lanes(session, spec, count, foreground="none", refine="bilinear", **options)


def frames(numbers: Mapping[int, int]) -> dict[int, Frame]:
    return {lane: Frame(painted(number), Fraction(number, 30), number) for lane, number in numbers.items()}


@pytest.mark.parametrize(("batch", "runs"), [(1, [1, 1, 1]), (2, [2, 1]), (3, [3]), (4, [3])])
def test_every_stream_gets_its_own_answer_whatever_the_batch(batch, runs):
    session = BatchSession(batch)
    with lanes_of(session, 3) as lanes:
        mattes = lanes.step(frames({0: 5, 1: 90, 2: 41}))
        assert {n: read_number(m.alpha) for n, m in mattes.items()} == {0: 5, 1: 90, 2: 41}
        assert session.batches == runs
        assert lanes.meeting.runs == len(runs)
    assert session.closed == 1


def test_streams_that_have_no_new_frame_wait_and_memories_stay_apart():
    session = BatchSession(2)
    with lanes_of(session, 2) as lanes:
        lanes.step(frames({0: 1, 1: 2}))
        lanes.step(frames({1: 3}))
        lanes.step(frames({0: 4, 1: 5}))
        counts = [float(p._states["count"].ravel()[0]) for p in lanes.pipelines]
        assert counts == [2, 3]
        assert session.batches == [2, 1, 2]


def test_a_stream_in_which_nothing_moves_does_not_hold_up_the_others():
    session = BatchSession(2)
    with lanes_of(session, 2) as lanes:
        lanes.pipelines[0].still = StillWatch()
        for number in (10, 20, 30):
            mattes = lanes.step(frames({0: 77, 1: number}))
            assert read_number(mattes[0].alpha) == 77
            assert read_number(mattes[1].alpha) == number
        assert session.batches == [2, 1, 1]


def test_a_failing_model_fails_every_stream():
    with lanes_of(BatchSession(2, fails=True), 2) as lanes, pytest.raises(PocketmatteError, match="device is gone"):
        lanes.step(frames({0: 1, 1: 2}))


def test_a_file_that_does_not_fit_its_description_is_refused():
    session = BatchSession(2)
    spec = spec_like(input=replace(IMAGE, batch=3), output=OutputSpec("alpha"))
    with pytest.raises(PocketmatteError, match="expected 3 pictures"):
        Lanes(session, spec, 2)


def test_the_shipped_model_answers_as_it_does_alone():
    rng = np.random.default_rng(5)
    pictures = [rng.integers(0, 256, (60, 80, 3), np.uint8) for _ in range(2)]
    with load(threads=1, foreground="none") as alone, load_lanes(None, 2, threads=1, foreground="none") as lanes:
        together = lanes.step({n: Frame(picture) for n, picture in enumerate(pictures)})
        for number, picture in enumerate(pictures):
            assert np.array_equal(together[number].alpha, alone.step(Frame(picture)).alpha)


# Rounds


def made(times, start=0):
    return [Frame(painted(start + n), Fraction(t).limit_denominator(1000), n) for n, t in enumerate(times)]


def timed(times):
    return [Frame(painted(0), time, n) for n, time in enumerate(times)]


def test_next_rounds_leave_nothing_out():
    turns = list(next_rounds([made([0, 0.1, 0.2]), made([0, 0.5])]))
    assert [sorted(turn.frames) for turn in turns] == [[0, 1], [0, 1], [0]]
    assert [turn.ended for turn in turns] == [frozenset(), frozenset(), frozenset({1})]


def test_timed_rounds_pair_what_was_shown_at_the_same_time():
    slow, fast = made([0, 0.2, 0.4]), made([0, 0.1, 0.2, 0.3, 0.4])
    turns = list(timed_rounds([slow, fast]))
    assert [float(turn.pts) for turn in turns] == [0, 0.1, 0.2, 0.3, 0.4]
    assert [turn.frames[1].index for turn in turns] == [0, 1, 2, 3, 4]
    assert [turn.frames[0].index for turn in turns if 0 in turn.frames] == [0, 1, 2]
    assert [sorted(turn.frames) for turn in turns] == [[0, 1], [1], [0, 1], [1], [0, 1]]


def test_timed_rounds_leave_nothing_out_at_a_variable_rate():
    """Between 24 and 60 frames a second, the other way round in the second source; the third rounds to milliseconds."""
    tick = Fraction(1, 90_000)
    first = [time * tick for time in vfr_times(tick, 4)]
    second = [time + Fraction(1, 300) for time in first]
    coarse = [Fraction(round(1000 * time), 1000) for time in first]
    turns = list(timed_rounds([timed(first), timed(second), timed(coarse)]))
    for number in range(3):
        seen = [turn.frames[number].index for turn in turns if number in turn.frames]
        assert seen == list(range(len(first)))
    assert [sorted(turn.frames) for turn in turns] == [[0, 2], [1]] * len(first)
    assert all(a.pts < b.pts for a, b in pairwise(turns))
    assert [turn.index for turn in turns] == list(range(len(turns)))


def test_newest_rounds_go_on_without_a_source_that_fails():
    def broken():
        yield from made([0])
        raise PocketmatteError("unplugged")

    failed = []
    turns = list(newest_rounds([broken(), made([0, 0.1])], Fraction(100), lambda n, e: failed.append((n, str(e)))))
    assert failed == [(0, "unplugged")]
    assert {n for turn in turns for n in turn.frames} == {0, 1}
    assert all(a.pts < b.pts for a, b in pairwise(turns))
