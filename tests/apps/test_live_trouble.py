"""What a live run does when something breaks: it says so and goes on, or ends with what was made complete."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pygame
import pytest
from pyvirtualcam.camera import BACKENDS

from pocketmatte.apps.jobs import Settings
from pocketmatte.apps.live import Show
from pocketmatte.apps.live_controls import Controls, find_backgrounds
from pocketmatte.apps.live_many import ManyShow, ManyWishes
from pocketmatte.core import Frame, Matte, PocketmatteError, Size
from pocketmatte.effects.looks import parse_look
from pocketmatte.io.live import Sink, SinkRequest, open_sink
from pocketmatte.io.video_source import VideoSource
from pocketmatte.io.virtual import VirtualCamera
from pocketmatte.io.window import Window
from pocketmatte.pipeline.lanes import Lanes
from pocketmatte.spec import InputSpec, OutputSpec
from tests.apps.test_live import Shown, prepared
from tests.io.test_virtual import Backend
from tests.pipeline.numbered import SIZE, NumberedCamera, ReadingSession, read_number
from tests.pipeline.test_pipeline import spec_like

LARGE = Size(240, 320)
ROOT = Path(__file__).parents[2]


class Pressed(NumberedCamera):
    """The user presses a key of the window when a frame comes: ``keys`` by the number of the frame."""

    def __init__(self, count: int, keys: dict[int, int], large: bool = False) -> None:
        super().__init__(count, None)
        self.keys, self.large = keys, large
        if large:
            self.size, self.rate = LARGE, Fraction(10)

    def __iter__(self) -> Iterator[Frame]:
        noise = np.random.default_rng(0).integers(0, 256, (*LARGE, 3), np.uint8)
        for frame in super().__iter__():
            if key := self.keys.get(frame.index):
                pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key, mod=0, unicode=""))
            yield Frame(np.roll(noise, frame.index, 1), frame.pts, frame.index) if self.large else frame


class Watched:
    """A window beside which every line of its status is kept."""

    def __init__(self, camera: NumberedCamera, controls: Controls) -> None:
        request = SinkRequest(camera.size, camera.rate, camera, sliders=tuple(controls.sliders))
        self.window = open_sink("window:", request)
        assert isinstance(self.window, Window)
        self.lines: set[str] = set()
        write = self.window.write

        def watched(frame: Frame) -> None:
            self.lines.update(self.window.status)
            write(frame)

        self.window.write = watched


@pytest.fixture(autouse=True)
def unseen(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


def in_window(camera: NumberedCamera, folder: Path, controls: Controls | None = None) -> tuple[Show, int, set[str]]:
    """A run in mode exact in a real window, its exit code, and all that its window said."""
    run = prepared(camera, "exact", ReadingSession(), folder=folder)
    if controls is not None:
        controls.warn, run.controls = run.controls.warn, controls
    watched = Watched(camera, run.controls)
    run.sinks = {"window:": watched.window}
    return run, run.run(), watched.lines


@pytest.mark.parametrize("key", [pygame.K_SPACE, pygame.K_r])
def test_a_picture_that_cannot_be_kept_does_not_end_the_show(tmp_path, capsys, key):
    (tmp_path / "file").write_text("no folder")
    run, code, lines = in_window(Pressed(60, {5: key}), tmp_path / "file" / "shots")
    assert run.meter.frames == 60
    assert code == 1
    said = f"cannot make the folder {tmp_path / 'file' / 'shots'}: Not a directory; choose another output"
    assert run.failures == [said]
    assert said in capsys.readouterr().err
    assert said in lines
    assert run.recording is None


def show_on_a_full_disk(folder: Path) -> None:
    """No file becomes larger than 40 kB. For a process of its own: its parent may be writing a log into a file."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
    camera = Pressed(80, {5: pygame.K_SPACE, 10: pygame.K_r}, large=True)
    run, code, lines = in_window(camera, folder, Controls(Settings(parse_look("blur:0"))))  # the noise stays
    print(json.dumps([code, run.meter.frames, run.failures, sorted(lines)]))


def test_on_a_full_disk_the_show_goes_on(tmp_path):
    program = "import sys; from tests.apps.test_live_trouble import *; show_on_a_full_disk(Path(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    code, frames, failures, lines = json.loads(done.stdout.splitlines()[-1])
    assert (code, frames) == (1, 80)
    assert "cannot write" in failures[0]
    assert "cannot go on recording" in failures[1]
    assert all(failure in done.stderr and failure in lines for failure in failures)
    assert not list(tmp_path.glob("*.png"))


def backgrounds(folder: Path) -> list[Path]:
    """Red, one that is cut off, blue."""
    for name, color in (("a", (0, 0, 255)), ("b", (9, 9, 9)), ("c", (255, 0, 0))):
        cv2.imwrite(str(folder / f"{name}.png"), np.full((8, 8, 3), color, np.uint8))
    broken = folder / "b.png"
    broken.write_bytes(broken.read_bytes()[:30])
    return find_backgrounds([folder])


def test_a_background_that_cannot_be_read_is_said_once_and_skipped(tmp_path, capsys):
    controls = Controls(Settings(parse_look("color:#00FF00")), backgrounds(tmp_path))
    right, left = pygame.K_RIGHT, pygame.K_LEFT
    keys = {10: right, 20: right, 30: right, 40: left, 50: left, 60: right, 70: right}
    run, code, lines = in_window(Pressed(90, keys), tmp_path, controls)
    assert (code, run.meter.frames, run.failures) == (0, 90, [])
    assert controls.look.path == tmp_path / "c.png"  # the last one, past the broken one
    said = capsys.readouterr().err
    assert said.count("b.png") == 1
    assert any("b.png" in line for line in lines)


def test_until_another_is_chosen_the_background_before_stays(tmp_path):
    warned: list[str] = []
    controls = Controls(Settings(parse_look("color:#00FF00")), backgrounds(tmp_path), warn=warned.append)
    image, matte = np.full((8, 8, 3), 90, np.uint8), Matte(np.zeros((8, 8), np.float32))
    seen = []
    for value in (1 / 3, 2 / 3, 1.0, 2 / 3):
        controls.slide("background", value)
        seen.append((tuple(controls.draw(image, matte)[0, 0].tolist()), controls.sliders[0].text))
    assert seen == [((255, 0, 0), "a.png"), ((255, 0, 0), "a.png"), ((0, 0, 255), "c.png"), ((0, 0, 255), "c.png")]
    assert len(warned) == 2
    assert all("b.png" in line for line in warned)


def test_of_several_sources_too(tmp_path, capsys):
    spec = spec_like(input=InputSpec("image", SIZE), output=OutputSpec("alpha"), states=())
    cameras = [Pressed(40, {10: pygame.K_RIGHT, 20: pygame.K_RIGHT}), NumberedCamera(40, None)]
    found = backgrounds(tmp_path)
    with Lanes(ReadingSession(), spec, 2, refine="bilinear", foreground="none") as lanes:
        controls = [Controls(Settings(parse_look("color:#00FF00")), found) for _ in cameras]
        run = ManyShow(ManyWishes(("a", "b"), ("window:",)), cameras, lanes, controls, True)
        run.open_sinks()
        window = run.sinks[0]
        assert run.run() == 0
    assert "Q quit" in window.help
    assert "snapshot" not in window.help  # there is none of several sources
    assert run.counts == [40, 40]
    assert capsys.readouterr().err.count("b.png") == 1


class Unplugged(NumberedCamera):
    def __iter__(self) -> Iterator[Frame]:
        yield from super().__iter__()
        raise PocketmatteError(f"camera 0 stopped after {self.count} frames: was it unplugged?")


@pytest.mark.parametrize("mode", ["exact", "live", "synced"])
def test_a_recording_of_a_source_that_breaks_off_plays(tmp_path, capsys, mode):
    camera, target = Unplugged(30, None if mode == "exact" else Fraction(20)), tmp_path / "out.mp4"
    run = prepared(camera, mode, ReadingSession())
    run.sinks = {str(target): open_sink(str(target), SinkRequest(SIZE, camera.rate, camera))}
    assert run.run() == 1
    assert run.failures == ["camera 0 stopped after 30 frames: was it unplugged?"]
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
    with VideoSource(target) as source:
        frames = list(source)
    assert len(frames) == run.meter.frames > 0
    if mode == "exact":
        assert [read_number(frame.image[..., 0] / 255) for frame in frames] == list(range(30))


@pytest.fixture
def no_thread_is_left():
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.fixture
def unseen_camera(monkeypatch, tmp_path) -> Sink:
    """A virtual camera at whose device nobody looks."""
    monkeypatch.setitem(BACKENDS, "recorded", Backend)
    device = tmp_path / "device"
    device.touch()
    sink = VirtualCamera(SIZE, Fraction(30), str(device), "recorded")
    assert not sink.wanted()
    return sink


@pytest.mark.usefixtures("no_thread_is_left")
def test_when_the_last_sink_fails_nothing_goes_on_waiting_for_a_viewer(capsys):
    class Slow(NumberedCamera):
        def __iter__(self) -> Iterator[Frame]:
            for frame in super().__iter__():
                time.sleep(0.02)
                yield frame

    class Lingering(Shown):
        def close(self) -> None:  # meanwhile the source is read on, for nobody
            time.sleep(0.3)

    run = prepared(Slow(4000, None), "exact", ReadingSession())
    run.sinks = {"bad": Lingering(fails=2)}
    assert run.run() == 1


@pytest.mark.usefixtures("no_thread_is_left")
def test_ctrl_c_ends_a_file_that_waits_for_a_viewer(capsys, unseen_camera):
    run = prepared(NumberedCamera(10, None), "exact", ReadingSession())
    run.sinks = {"virtual:": unseen_camera}
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        main = threading.main_thread().ident
        threading.Timer(0.3, lambda: signal.pthread_kill(main, signal.SIGINT)).start()
        assert run.run() == 1
    finally:
        signal.signal(signal.SIGINT, before)
    assert run.meter.frames == 0
    assert "interrupted: 0 frames" in capsys.readouterr().err
