"""How much a live run computes: what the user asks for with ``--every``, and smaller models when time is short."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import cv2
import numpy as np
import pytest

from pocketmatte.apps.jobs import Settings, open_pipeline
from pocketmatte.apps.live import Show, Wishes
from pocketmatte.apps.live_controls import Controls
from pocketmatte.apps.live_meter import Meter
from pocketmatte.core import Frame, Size
from pocketmatte.effects.looks import parse_look
from pocketmatte.io.live import SinkRequest, open_sink
from pocketmatte.pipeline.governor import Governor, Step
from pocketmatte.pipeline.scheduler import Paired
from tests.apps.conftest import ASTRONAUT
from tests.apps.test_live import Shown, prepared
from tests.pipeline.numbered import NumberedCamera, ReadingSession, painted, read_number

SIDE = 160
FRAME = 1 / 5  # seconds of simulated time between two pictures


class Portrait(NumberedCamera):
    """A camera before somebody who does not move."""

    def __init__(self, count: int, rate: Fraction) -> None:
        super().__init__(count, rate)
        self.size = Size(SIDE, SIDE)
        portrait = cv2.resize(cv2.imread(str(ASTRONAUT)), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        self.picture = np.ascontiguousarray(portrait[..., ::-1])

    def __iter__(self) -> Iterator[Frame]:
        for frame in super().__iter__():
            yield Frame(self.picture, frame.pts, frame.index)


class Device(Governor):
    """A governor in simulated time, told what a frame costs as shares of its budget, by the number of the rung."""

    def __init__(self, *shares: float) -> None:
        self.now = 0.0
        super().__init__(len(shares), FRAME, lambda: self.now)
        self.shares = list(shares)

    def note(self, cost: float) -> Step | None:
        self.now += FRAME
        return super().note(self.shares[self.rung] * self.budget)


class Looked:
    """A sink that keeps its pictures and calls ``then`` after each."""

    def __init__(self, then) -> None:
        self.pictures: list[np.ndarray] = []
        self.notes: list[str] = []
        self.then = then

    def write(self, frame: Frame) -> None:
        self.pictures.append(frame.image.copy())
        self.then()

    def wanted(self) -> bool:
        return True

    def close(self) -> None:
        pass


def test_a_hot_device_falls_back_to_the_lower_model_and_returns_visibly(monkeypatch, capsys):
    """Two shipped models. What they cost is told, so that the outcome is the same on every machine."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    settings = Settings(parse_look("color:#00FF00"), model="base", temporal="off")
    camera, controls, device = Portrait(4000, Fraction(50)), Controls(settings), Device(2.0, 0.8)
    wishes = Wishes("test", ("window:", "kept"), "synced", lower=("nano",))
    pipelines = [open_pipeline(replace(settings, model=name)) for name in ("base", *wishes.lower)]
    run = Show(wishes, "synced", camera, pipelines, controls)
    assert len(run.ladder.rungs) == 2
    run.governor = device
    said: list[str] = []

    def watch() -> None:
        said.extend(line for line in window.status[:1] if not said or said[-1] != line)
        if device.rung == 1 and len(kept.pictures) > 30:
            device.shares = [0.5, 0.25]  # cool again
        if len(run.steps) == 2 and len(kept.pictures) > 80:
            camera.close()

    kept = Looked(watch)
    window = open_sink("window:", SinkRequest(camera.size, camera.rate, camera))
    run.sinks = {"window:": window, "kept": kept}
    try:
        assert run.run() == 0
        alone = [
            controls.draw(camera.picture, pipeline.step(Frame(camera.picture, Fraction(0), 0)))
            for pipeline in pipelines
        ]
    finally:
        for pipeline in pipelines:
            pipeline.close()
    assert [step.split(":")[0] for step in run.steps] == ["base -> nano", "nano -> base"]
    assert run.steps[0].endswith(f"{2000 * FRAME:.0f} ms per frame, budget {1000 * FRAME:.0f} ms")
    error = capsys.readouterr().err
    assert all(step in error for step in run.steps)
    shown = [[np.array_equal(picture, one) for one in alone].index(True) for picture in kept.pictures]
    changes = [model for model, before in zip(shown, [None, *shown], strict=False) if model != before]
    assert changes == [0, 1, 0]
    names = [line.split("  ")[2] for line in said]
    assert [name for name, before in zip(names, [None, *names], strict=False) if name != before] == [
        "base",
        "nano",
        "base",
    ]


class Noting(ReadingSession):
    """Keeps the numbers of the frames it was asked for."""

    def __init__(self, delay: float = 0.0) -> None:
        super().__init__(delay)
        self.numbers: list[int] = []

    def run(self, inputs):
        self.numbers.append(read_number(np.asarray(inputs["image"])[0, ..., 0]))
        return super().run(inputs)


@pytest.mark.parametrize("every", [1, 2, 5])
def test_the_network_looks_at_one_of_so_many_frames(every, capsys):
    sink, session = Shown(), Noting()
    run = prepared(NumberedCamera(60, Fraction(100)), "live", session, every=every)
    run.sinks = {"a": sink}
    assert run.run() == 0
    assert len(session.numbers) > 1
    assert all(b - a >= every for a, b in pairwise(session.numbers))
    assert min(rung.cadence for rung in run.ladder.rungs) == every


def test_masks_as_old_as_asked_for_do_not_count_as_late():
    run = prepared(NumberedCamera(1), "live", ReadingSession(), every=3)
    seen = [run.ladder.look(Frame(painted(n), Fraction(n, 100), n)) for n in range(3)]
    assert [one.index for one in seen] == [0, 0, 0]
    assert run._age(Paired(Frame(painted(2), Fraction(2, 100), 2), seen[2], 2)) == 0
    assert run._age(Paired(Frame(painted(4), Fraction(4, 100), 4), seen[2], 2)) == 2


def test_what_synced_shows_has_its_own_mask_also_then(capsys):
    sink, session = Shown(), Noting()
    run = prepared(NumberedCamera(60, Fraction(100)), "synced", session, every=3)
    run.sinks = {"a": sink}
    assert run.run() == 0
    assert set(sink.numbers) <= set(session.numbers)
    assert all(b - a >= 3 for a, b in pairwise(session.numbers))
    assert run.meter.worst_lag == 0
    assert run.governor.budget == pytest.approx(3 / 100)


def test_frames_left_out_on_purpose_are_not_lost():
    meter = Meter(time.monotonic, every=3)
    for index in (0, 3, 6, 13):
        meter.show(index, 0)
    assert meter.lost == 4
