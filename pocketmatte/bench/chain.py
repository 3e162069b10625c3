"""The two things that are timed: the network alone, and the whole way of a frame, stage by stage."""

from __future__ import annotations

import itertools
import time
from collections import defaultdict
from collections.abc import Callable, Sequence

from pocketmatte.bench.frames import backdrop, drifting_frames
from pocketmatte.bench.subjects import Subject, random_inputs
from pocketmatte.bench.timing import WARM_UP, Summary, interleave, summarise
from pocketmatte.core import Frame, Size
from pocketmatte.effects.looks import parse_look
from pocketmatte.effects.render import Renderer

NETWORK, CHAIN = "network", "chain"
Parts = dict[str, Summary]


def network_step(subject: Subject) -> Callable[[], None]:
    """One inference on random numbers: nothing before and nothing after it."""
    session, inputs = subject.pipeline.session, random_inputs(subject.pipeline.session)

    def step() -> None:
        session.run(inputs)

    return step


class ChainStep:
    """One frame from pixels to the composite over a picture; decoding and encoding are not part of it.

    Frames of one size, in a circle; ``times`` gathers milliseconds per stage: what the pipeline tells, and
    ``composite``, the person's own colours included.
    """

    def __init__(self, subject: Subject, size: Size) -> None:
        self._pipeline = subject.pipeline
        self._frames = itertools.cycle([Frame(image, index=i) for i, image in enumerate(drifting_frames(size))])
        self._renderer = Renderer(parse_look("image:background.jpg"), backdrop(), estimate=subject.foreground == "fast")
        self.times: dict[str, list[float]] = defaultdict(list)

    def __call__(self) -> None:
        """Process the next frame."""
        frame = next(self._frames)
        stages: dict[str, float] = defaultdict(float)

        def observe(stage: str, seconds: float) -> None:
            stages[stage] += 1e3 * seconds

        matte = self._pipeline.step(frame, observe)
        started = time.perf_counter()
        self._renderer.draw(frame.image, matte)
        observe("composite", time.perf_counter() - started)
        for stage, milliseconds in stages.items():
            self.times[stage].append(milliseconds)


def time_networks(subjects: Sequence[Subject], rounds: int) -> list[Parts]:
    """Per subject, in turn: one entry ``network``."""
    times = interleave([network_step(s) for s in subjects], rounds)
    return [{NETWORK: summarise(t[WARM_UP:], t[0])} for t in times]


def time_chains(subjects: Sequence[Subject], size: Size, rounds: int) -> list[Parts]:
    """Per subject, in turn: one entry per stage, in the order they run, and ``chain``, the whole."""
    steps = [ChainStep(subject, size) for subject in subjects]
    whole = interleave(steps, rounds)
    found: list[Parts] = []
    for step, times in zip(steps, whole, strict=True):
        parts = {stage: summarise(t[WARM_UP:], t[0]) for stage, t in step.times.items()}
        found.append({**parts, CHAIN: summarise(times[WARM_UP:], times[0])})
    return found
