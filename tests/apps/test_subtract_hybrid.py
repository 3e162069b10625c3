"""The network and the scene together: what is learned stays, what was only remembered goes when a file starts again."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from pocketmatte.apps import subtract
from pocketmatte.apps.jobs import Settings, open_pipeline
from pocketmatte.background.difference import Tuning
from pocketmatte.background.hybrid import Hybrid
from pocketmatte.core import Frame, PocketmatteError, Size
from pocketmatte.effects.looks import parse_look
from pocketmatte.io.images import read_image, write_image
from pocketmatte.io.video_sink import VideoSink
from pocketmatte.io.video_source import VideoSource
from tests.apps.conftest import ASTRONAUT
from tests.background.scenes import with_noise

SIDE = 192
EMPTY, COMES = 12, 36  # frames
RATE = Fraction(25)


def wall() -> np.ndarray:
    y, x = np.mgrid[:SIDE, :SIDE]
    return np.stack([90 + x / 4, 120 + y / 4, 150 - x / 4], axis=2).astype(np.uint8)


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    """A wall; then somebody comes in from the right until the picture is all taken."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    portrait = cv2.resize(cv2.imread(str(ASTRONAUT)), (SIDE, SIDE), interpolation=cv2.INTER_AREA)[..., ::-1]
    with VideoSink(path, Size(SIDE, SIDE), rate=RATE, options={"crf": "8"}) as sink:
        for k in range(EMPTY + COMES):
            frame = wall()
            if shown := max(0, k + 1 - EMPTY) * SIDE // COMES:
                frame[:, SIDE - shown :] = portrait[:, :shown]
            sink.write(with_noise(frame, k), Fraction(k) / RATE)
    return path


def frames_of(path: Path) -> list[Frame]:
    with VideoSource(path) as source:
        return list(source)


@pytest.fixture(params=["nano", "nano-video"])
def settings(request) -> Settings:
    return Settings(parse_look("alpha"), model=request.param, threads=1)


@pytest.fixture
def opened(monkeypatch):
    """The pipelines that the verb opens."""
    found = []

    def opening(settings):
        found.append(open_pipeline(settings))
        return found[-1]

    monkeypatch.setattr(subtract, "open_pipeline", opening)
    return found


def run(clip: Path, out: Path, settings: Settings, **more) -> int:
    wishes = subtract.Wishes(str(clip), out, "hybrid", EMPTY + COMES, frames=3, **more)
    return subtract.subtract(wishes, settings, Tuning())


def test_a_file_starts_afresh_with_the_scene_that_was_learned(clip, tmp_path, settings, opened, capsys):
    """The step from the last frame back to the first is a cut to the network, but the scene is the same."""
    frames = frames_of(clip)
    with open_pipeline(settings) as pipeline:
        pipeline.plate = scene = Hybrid()
        for frame in frames:
            pipeline.look(frame)
        assert scene.known > 0.3
        learned = scene.plate()
        scene.settle()
        pipeline.reset()
        expected = [pipeline.step(frame).alpha for frame in frames[:3]]
    out, plate = tmp_path / "out.mp4", tmp_path / "plate.png"
    assert run(clip, out, settings, show_plate=plate) == 0
    assert np.array_equal(read_image(plate).image, learned)
    assert opened[0].plate.known >= scene.known > 0.3
    for frame, alpha in zip(frames_of(out), expected, strict=True):
        assert np.abs(frame.image[..., 0] - 255 * alpha).mean() < 2


def test_a_video_network_does_not_take_the_last_frame_for_the_one_before_the_first(clip, tmp_path, opened, capsys):
    """Too little has changed for a cut, so nothing else would make it forget."""
    settings = Settings(parse_look("alpha"), model="nano-video", threads=1)
    learn, wishes = EMPTY + COMES // 3, subtract.Wishes(str(clip), tmp_path / "out.mp4", "hybrid")
    teacher, frames = subtract._Teacher(replace(wishes, learn=learn), settings, Tuning()), frames_of(clip)
    masker = teacher.masker(iter(frames), Size(SIDE, SIDE))
    session, states = opened[0].session, []
    assert max(state.max() for state in opened[0]._states.values()) > 0.5
    teacher.restart()
    inner = session.run

    def run(inputs):
        states.append(np.asarray(inputs["prior"]))
        return inner(inputs)

    session.run = run
    masker(frames[0])
    assert not states[0].any()
    teacher.close()


def test_the_network_is_freed(clip, tmp_path, opened, capsys):
    settings = Settings(parse_look("alpha"), model="nano", threads=1)
    assert run(clip, tmp_path / "out.mp4", settings) == 0
    write_image(tmp_path / "small.png", wall()[:60])
    with pytest.raises(PocketmatteError, match="expected 192x192"):
        run(clip, tmp_path / "b.mp4", settings, plate=tmp_path / "small.png")
    assert len(opened) == 2
    assert all(pipeline.session._interpreter is None for pipeline in opened)
