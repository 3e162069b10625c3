"""``pocketmatte live`` as the user runs it: clips instead of cameras, recordings instead of screens."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from pocketmatte.apps.jobs import Settings, open_pipeline
from pocketmatte.apps.live import Show, Wishes, choose_mode
from pocketmatte.apps.live_controls import Controls, find_backgrounds, harden
from pocketmatte.apps.live_meter import Meter
from pocketmatte.core import Frame, Matte, PocketmatteError
from pocketmatte.effects.looks import parse_look
from pocketmatte.io.live import open_source
from pocketmatte.io.video_source import VideoSource
from pocketmatte.pipeline.governor import Governor
from pocketmatte.pipeline.pipeline import Pipeline
from pocketmatte.spec import InputSpec, OutputSpec
from tests.apps.conftest import ASTRONAUT
from tests.io.video_clips import write_clip
from tests.pipeline.numbered import SIZE, NumberedCamera, ReadingSession, read_number
from tests.pipeline.test_pipeline import spec_like

ROOT = Path(__file__).parents[2]
RATE = 5  # slow enough for a busy machine to keep up


@pytest.fixture
def clip(tmp_path) -> Path:
    portrait = cv2.resize(cv2.imread(str(ASTRONAUT)), (160, 160), interpolation=cv2.INTER_AREA)[..., ::-1]
    path = tmp_path / "clip.mp4"
    write_clip(
        path, range(12), Fraction(1, RATE), lambda n: np.roll(portrait, 4 * n, 1), rate=Fraction(RATE), audio="aac"
    )
    return path


def pictures(path):
    with VideoSource(path) as source:
        return [frame.image for frame in source], [frame.pts for frame in source]


def test_a_file_to_a_file_is_exact_and_keeps_its_sound(cli, clip, tmp_path):
    answer = cli("live", "--source", clip, "--sink", tmp_path / "out.mp4", "--look", "color:#00FF00", "--json")
    assert answer.code == 0, answer.err
    figures = json.loads(answer.out)
    assert (figures["state"], figures["mode"]) == ("ended", "exact")
    assert (figures["frames"], figures["lost"], figures["lag"]) == (12, 0, {"mean": 0.0, "worst": 0})
    assert {"preprocess", "infer", "temporal", "refine", "draw", "write"} <= set(figures["ms"])
    before, after = pictures(clip), pictures(tmp_path / "out.mp4")
    assert before[1] == after[1]
    with VideoSource(tmp_path / "out.mp4") as source:
        assert source.has_audio
    # The first picture already has the new background and the person.
    assert np.abs(after[0][0][:20, :20].astype(int) - (0, 255, 0)).mean() < 12
    assert np.abs(after[0][0][20:50, 66:78].astype(int) - before[0][0][20:50, 66:78]).mean() < 25


@pytest.mark.parametrize("mode", ["live", "synced"])
def test_live_modes_never_show_the_bare_camera(cli, clip, tmp_path, mode):
    target = tmp_path / "out.mp4"
    answer = cli("live", "--source", clip, "--sink", target, "--mode", mode, "--look", "color:#00FF00", "--json")
    assert answer.code == 0, answer.err
    figures = json.loads(answer.out)
    assert figures["mode"] == mode
    assert figures["frames"] >= 1
    if mode == "synced":
        assert figures["lag"]["worst"] == 0
    for picture in pictures(target)[0]:
        assert np.abs(picture[:20, :20].astype(int) - (0, 255, 0)).mean() < 12


def test_two_exact_runs_give_identical_pictures(clip):
    """Whatever the threads do: the pictures that reach the sink are the same to the last bit, also with memory."""
    runs = []
    for _ in range(2):
        sink = Kept()
        settings = Settings(parse_look("blur"), threads=2)
        with open_pipeline(settings) as pipeline:
            show = Show(Wishes("a", ("b",), "exact"), "exact", open_source(str(clip)), [pipeline], Controls(settings))
            show.sinks = {"b": sink}
            assert show.run() == 0
        runs.append(sink.pictures)
    assert len(runs[0]) == len(runs[1]) == 12
    assert all(np.array_equal(a, b) for a, b in zip(*runs, strict=True))


class Kept:
    """A sink that keeps every picture."""

    def __init__(self) -> None:
        self.pictures: list[np.ndarray] = []
        self.notes: list[str] = []

    def write(self, frame: Frame) -> None:
        self.pictures.append(frame.image.copy())

    def wanted(self) -> bool:
        return True

    def close(self) -> None:
        pass


def test_frames_ends_early_and_a_file_is_not_overwritten(cli, clip, tmp_path):
    target = tmp_path / "out.mp4"
    assert cli("live", "--source", clip, "--sink", target, "--frames", 3).code == 0
    assert len(pictures(target)[0]) == 3
    kept = target.read_bytes()
    answer = cli("live", "--source", clip, "--sink", target)
    assert answer.code == 1
    assert "--force" in answer.err
    assert target.read_bytes() == kept


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--source", "camera:97"), "camera 97 is not there"),
        (("--source", "gone.mp4"), "gone.mp4: no such video file"),
        (("--look", "rgba"), "rgba is transparent"),
        (("--sink", "virtual:"), "sudo modprobe v4l2loopback"),
        (("--sink", "out.gif", "--mode", "live"), "ending in .mp4 or .mkv"),
        (("--background", "nowhere", "--sink", "window:"), "expected a picture or a folder"),
        (("--background", "nowhere"), "--background has no effect here: it goes with --sink window:"),
        (("--layout", "separate"), "--layout has no effect here: it goes with several --source"),
        (("--lower", "base"), "--lower has no effect here: it goes with --mode live or synced"),
        (("--every", "2"), "--every has no effect here: it goes with --mode live or synced"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(cli, clip, tmp_path, arguments, message):
    base = ["--source", clip, "--sink", tmp_path / "out.mp4"]
    for key, value in zip(arguments[::2], arguments[1::2], strict=True):
        if key in base:
            base[base.index(key) + 1] = value
        else:
            base += [key, value]
    answer = cli("live", *base)
    assert answer.code == 1
    assert message in answer.err
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_keeps_what_was_recorded(clip, tmp_path, number):
    long = tmp_path / "long.mp4"
    picture = np.random.default_rng(1).integers(0, 255, (96, 128, 3), np.uint8)  # noise: the file grows at once
    write_clip(long, range(600), Fraction(1, 10), lambda n: np.roll(picture, n, 1), rate=Fraction(10))
    target = tmp_path / "out.mp4"
    command = [sys.executable, "-m", "pocketmatte", "live", "--source", f"clip:{long}", "--sink", str(target)]
    # Where the tests run in the background SIGINT may be ignored, which children inherit.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        program = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, before)
    try:
        for _ in range(600):
            hidden = list(tmp_path.glob(".pocketmatte-*"))
            if hidden and hidden[0].stat().st_size > 4000:
                break
            time.sleep(0.1)
        program.send_signal(number)
        _, said = program.communicate(timeout=60)
    finally:
        program.kill()
    assert program.returncode == 0, said
    assert "interrupted:" in said
    assert "Traceback" not in said
    assert len(pictures(target)[0]) >= 1
    assert not list(tmp_path.glob(".pocketmatte-*"))


# The loop with a synthetic camera that paints the frame's number into its picture.


class Shown:
    """A sink that keeps the numbers of what it was shown; fails at picture ``fails``."""

    def __init__(self, fails: int | None = None, looked: bool = True) -> None:
        self.numbers: list[int] = []
        self.closed, self.notes, self.fails, self.looked = 0, [], fails, looked

    def write(self, frame: Frame) -> None:
        if len(self.numbers) == self.fails:
            raise PocketmatteError("the disk is full")
        self.numbers.append(read_number(frame.image[..., 0] / 255))

    def wanted(self) -> bool:
        return self.looked

    def close(self) -> None:
        self.closed += 1


def prepared(camera, mode, session, **wishes):
    spec = spec_like(input=InputSpec("image", SIZE), output=OutputSpec("alpha"), states=())
    pipeline = Pipeline(session, spec, refine="bilinear", foreground="none")
    return Show(
        Wishes("test", (), mode, **wishes), mode, camera, [pipeline], Controls(Settings(parse_look("color:#000000")))
    )


def show(camera, mode, sinks, delay=0.0, **wishes):
    session = ReadingSession(delay)
    run = prepared(camera, mode, session, **wishes)
    run.sinks = dict(sinks)
    return run, run.run(), session


def test_synced_and_exact_show_numbers_that_camera_and_mask_agree_on(capsys):
    """The mask is the picture itself, so a number made of two frames would be neither."""
    for mode, rate in (("exact", None), ("synced", Fraction(100))):
        sink = Shown()
        run, code, _ = show(NumberedCamera(40, rate), mode, {"a": sink}, delay=0.005)
        assert code == 0
        assert sink.closed == 1
        assert sink.numbers == sorted(set(sink.numbers))
        assert run.meter.worst_lag == 0
        if mode == "exact":
            assert sink.numbers == list(range(40))


def test_a_sink_that_fails_is_given_up_and_the_other_goes_on(capsys):
    good, bad = Shown(), Shown(fails=3)
    run, code, _ = show(NumberedCamera(20, None), "exact", {"good": good, "bad": bad})
    assert code == 1
    assert good.numbers == list(range(20))
    assert bad.numbers == [0, 1, 2]
    assert (good.closed, bad.closed) == (1, 1)
    assert run.failures == ["the disk is full"]
    assert "the disk is full" in capsys.readouterr().err


def test_without_a_sink_left_it_stops(capsys):
    bad = Shown(fails=2)
    _, code, session = show(NumberedCamera(4000, None), "exact", {"bad": bad})
    assert code == 1
    assert session.runs < 100


def test_a_source_that_is_unplugged_leaves_complete_sinks(capsys):
    class Unplugged(NumberedCamera):
        def __iter__(self):
            yield from super().__iter__()
            raise PocketmatteError("camera 0 stopped after 10 frames: was it unplugged?")

    sink = Shown()
    run, code, _ = show(Unplugged(10, None), "exact", {"a": sink})
    assert code == 1
    assert sink.numbers == list(range(10))
    assert sink.closed == 1
    assert run.failures == ["camera 0 stopped after 10 frames: was it unplugged?"]


@pytest.mark.parametrize("mode", ["live", "synced"])
def test_while_nobody_looks_nothing_is_inferred(mode, capsys):
    sink = Shown(looked=False)
    _, code, session = show(NumberedCamera(20, Fraction(200)), mode, {"virtual:": sink})
    assert code == 0
    assert session.runs == 0
    assert sink.numbers == []


def test_masks_that_trail_are_told_once_with_the_mode_that_helps(capsys):
    slow, _, _ = show(NumberedCamera(90, Fraction(30)), "live", {"a": Shown()}, delay=0.08)
    said = capsys.readouterr().err
    assert slow.lag.told
    assert said.count("frames behind the picture on average: --mode synced shows every picture with its own mask") == 1
    paired, _, _ = show(NumberedCamera(90, Fraction(30)), "synced", {"a": Shown()}, delay=0.08)
    assert not paired.lag.told
    assert "--mode synced" not in capsys.readouterr().err


def test_a_slow_network_steps_down_visibly(capsys):
    sink = Shown()
    run, code, _ = show(NumberedCamera(70, Fraction(25)), "live", {"a": sink}, delay=0.08)
    assert code == 0
    assert run.steps
    assert "every 2nd frame" in run.steps[0]
    assert run.steps[0] in capsys.readouterr().err
    assert "every" in run.meter.lines("live", run.ladder.rung.name)[0]


def test_a_network_that_is_fast_again_gets_all_its_work_back(capsys):
    """The device is hot for 1.5 seconds; the governor's own seconds of patience pass five times as fast."""
    camera, session = NumberedCamera(600, Fraction(20)), ReadingSession(0.12)
    run = prepared(camera, "live", session)
    run.governor = Governor(len(run.ladder.rungs), 1 / 20, lambda: 5 * time.monotonic())
    lowest = []

    class Device(Shown):
        def write(self, frame: Frame) -> None:
            super().write(frame)
            if len(self.numbers) == 30:
                lowest.append(run.ladder.rung.cadence)
                session.delay = 0.0
            if lowest and run.governor.rung == 0:
                camera.close()

    run.sinks = {"a": Device()}
    assert run.run() == 0
    assert lowest[0] > 1
    assert run.ladder.rung.cadence == 1
    assert "every 2nd frame -> " in run.steps[-1]
    assert run.steps[-1] in capsys.readouterr().err


# Modes, sliders and keys.


def test_modes_by_what_is_asked():
    assert choose_mode(Wishes("in.mp4", ("out.mp4",))) == "exact"
    assert choose_mode(Wishes("in.mp4", ("window:",))) == "live"
    assert choose_mode(Wishes("camera:0", ("out.mp4",))) == "live"
    assert choose_mode(Wishes("camera:0", ("out.mp4",), "synced")) == "synced"


@pytest.fixture
def controls(tmp_path):
    for name, color in (("a", (255, 0, 0)), ("b", (0, 0, 255))):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((8, 8, 3), color[::-1], np.uint8))
    return Controls(Settings(parse_look("color:#00FF00")), find_backgrounds([tmp_path]))


def test_the_background_slider_goes_through_all(controls):
    image, matte = np.full((8, 8, 3), 90, np.uint8), Matte(np.zeros((8, 8), np.float32))
    seen = []
    for value in (0.0, 0.5, 1.0):
        controls.slide("background", value)
        seen.append(tuple(int(v) for v in controls.draw(image, matte)[0, 0]))
    assert seen == [(0, 255, 0), (255, 0, 0), (0, 0, 255)]
    assert controls.sliders[0].text == "b.png"
    assert controls.sliders[0].step == 0.5


@pytest.mark.parametrize(
    ("key", "name"), [("c", "color-transfer"), ("s", "seamless"), ("m", "smoothstep"), ("h", "harmonize")]
)
def test_keys_choose_filters_and_n_takes_them_away(controls, key, name):
    image = cv2.resize(cv2.imread(str(ASTRONAUT)), (64, 64))[..., ::-1].copy()
    alpha = np.zeros((64, 64), np.float32)
    alpha[16:56, 20:44] = 0.9
    controls.slide("background", 0.5)
    plain = controls.draw(image, Matte(alpha))
    assert controls.press(key)
    assert controls.blend.name == name
    assert not np.array_equal(controls.draw(image, Matte(alpha)), plain)
    assert controls.press("b")
    assert controls.look.kind == "blur"
    assert controls.press("n")
    assert (controls.look.kind, controls.blend.plain) == ("image", True)
    assert np.array_equal(controls.draw(image, Matte(alpha)), plain)
    assert not controls.press("x")


def test_the_threshold_hardens_the_matte(controls):
    alpha = np.linspace(0, 1, 101, dtype=np.float32)[None]
    assert np.array_equal(harden(alpha, 0), alpha)
    hard = harden(alpha, 0.6)
    assert hard[0, 50] == 0
    assert hard[0, 60] == pytest.approx(0.5)
    assert hard[0, 70] == 1
    controls.slide("threshold", 0.6)
    assert controls.sliders[1].text == "0.60"


def test_figures():
    now = [0.0]
    meter = Meter(lambda: now[0])
    for index, lag in ((0, 0), (1, 1), (4, 2)):
        meter.show(index, lag)
        meter.stage("infer", 0.01)
        now[0] += 0.1
    assert meter.rate == pytest.approx(10)
    assert meter.summary() == {
        "frames": 3,
        "lost": 2,
        "fps": 10.0,
        "lag": {"mean": 1.0, "worst": 2},
        "ms": {"infer": 10.0},
    }
    assert meter.lines("live", "nano", "REC") == ["10.0 fps  live  nano  2 lost  REC", "ms: infer 10.0"]
