"""A device that gets slow is given less to do, and gets its work back when it has recovered. Time is simulated."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest

from pocketmatte.core import Frame
from pocketmatte.pipeline.governor import CALM, LONGEST, PATIENCE, Governor
from pocketmatte.pipeline.ladder import Ladder, rungs_of
from pocketmatte.pipeline.pipeline import Pipeline
from pocketmatte.spec import InputSpec, OutputSpec
from tests.pipeline.numbered import SIZE, ReadingSession, painted
from tests.pipeline.test_pipeline import spec_like

FRAME = 1 / 30


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class SlowSession(ReadingSession):
    """Takes ``seconds`` of simulated time for every inference."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        super().__init__()
        self.clock, self.seconds = clock, seconds

    def run(self, inputs):
        self.clock.now += self.seconds
        return super().run(inputs)


class Bench:
    """A camera at 30 frames per second before a ladder of one large and one small model."""

    def __init__(self, large=0.02, small=0.008, share=True) -> None:
        self.clock = Clock()
        spec = spec_like(input=InputSpec("image", SIZE), output=OutputSpec("alpha"), states=())
        self.sessions = [SlowSession(self.clock, large), SlowSession(self.clock, small)]
        pipelines = [Pipeline(s, spec, refine="bilinear", foreground="none") for s in self.sessions]
        rungs = rungs_of(["large", "small"], share=share)
        self.governor = Governor(len(rungs), FRAME, self.clock)
        self.ladder = Ladder(pipelines, rungs, lambda: self.governor.rung)
        self.steps: list[tuple[int, int]] = []
        self.number = 0

    def heat(self, factor: float) -> None:
        for session, seconds in zip(self.sessions, (0.02, 0.008), strict=True):
            session.seconds = factor * seconds

    def run(self, seconds: float) -> list[int]:
        """Work for so long; the ages of the masks."""
        lags, end = [], self.clock.now + seconds
        while self.clock.now < end:
            started = self.clock.now
            seen = self.ladder.look(Frame(painted(self.number), Fraction(self.number, 30), self.number))
            lags.append(self.number - seen.index)
            self.number += 1
            cost = self.clock.now - started
            self.clock.now = max(self.clock.now, started + FRAME)
            if step := self.governor.note(cost):
                self.steps.append((step.before, step.after))
        return lags


def test_a_device_that_keeps_up_is_left_alone():
    bench = Bench()
    assert set(bench.run(60)) == {0}
    assert bench.steps == []


def test_a_hot_device_gets_the_small_model_and_the_large_one_back():
    bench = Bench()
    bench.run(3)
    bench.heat(2.5)  # the large one needs 50 ms, the small one 20
    bench.run(PATIENCE + 0.2)
    assert bench.steps == [(0, 1)]
    bench.run(60)
    assert bench.steps == [(0, 1)]  # it would not fit again, so it is not tried
    asked = bench.sessions[0].runs
    bench.heat(1)
    bench.run(CALM + PATIENCE + 1)
    assert bench.steps == [(0, 1), (1, 0)]
    bench.run(5)
    assert bench.sessions[0].runs > asked
    assert bench.ladder.rung.name == "large"


def test_a_very_hot_device_is_asked_less_often():
    bench = Bench()
    bench.heat(6)  # the small one needs 48 ms
    bench.run(10)
    assert bench.steps[:2] == [(0, 1), (1, 2)]
    assert bench.ladder.rung.cadence > 1
    assert max(bench.run(5)) == bench.ladder.rung.cadence - 1
    assert bench.ladder.skipped > 0
    bench.heat(1)
    bench.run(60)
    assert bench.governor.rung == 0


@pytest.mark.parametrize(("factor", "seconds"), [(3, 0.5), (6, 1.3), (12, 0.3), (30, 1.1), (30, 2.1)])
def test_a_hiccup_does_not_cost_the_better_way_for_ever(factor, seconds):
    """It may be over when the lower rung is measured, which makes the upper one look many times as dear."""
    bench = Bench()
    bench.run(5)
    bench.heat(factor)
    bench.run(seconds)
    bench.heat(1)
    bench.run(3)
    assert bench.governor.rung > 0
    bench.run(2 * LONGEST + 30)
    assert bench.governor.rung == 0


def test_where_every_mask_must_be_its_frames_own_only_the_model_changes():
    bench = Bench(share=False)
    bench.heat(10)
    assert set(bench.run(20)) == {0}
    assert bench.steps == [(0, 1)]


def test_what_is_asked_for_less_often_is_never_asked_more_often():
    both = ["large", "small"]
    assert [(rung.model, rung.cadence) for rung in rungs_of(both, share=True, every=2)] == [(0, 2), (1, 2), (1, 3)]
    assert [rung.name for rung in rungs_of(["one"], share=True, every=5)] == ["one, every 5th frame"]
    assert [rung.cadence for rung in rungs_of(both, share=False, every=2)] == [1, 1]


def test_a_climb_that_fails_makes_the_next_one_rarer():
    """The lower rung is dear at first and then cheap, so that climbing looks right each time and never is."""
    clock = Clock()
    governor = Governor(2, FRAME, clock)
    climbs, fell = [], 0.0
    while clock.now < 200:
        clock.now += FRAME
        lower = 0.03 if clock.now - fell < 2 * PATIENCE else 0.012
        step = governor.note(0.05 if governor.rung == 0 else lower)
        if step and step.after == 0:
            climbs.append(clock.now)
        elif step:
            fell = clock.now
    pauses = [later - earlier for earlier, later in pairwise(climbs)]
    assert len(pauses) >= 3
    assert all(later > 1.5 * earlier for earlier, later in pairwise(pauses))


def test_one_slow_frame_changes_nothing():
    clock = Clock()
    governor = Governor(3, FRAME, clock)
    for number in range(300):
        clock.now += FRAME
        assert governor.note(0.2 if number % 60 == 0 else 0.01) is None


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="at least one rung"):
        Governor(0, FRAME)
