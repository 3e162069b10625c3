"""A real window: through SDL's driver without a screen everywhere, and on an X server with real keys and mouse."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pygame
import pytest

from pocketmatte.core import Frame, PocketmatteError, Size
from pocketmatte.io.live import Sink, SinkRequest, open_sink
from pocketmatte.io.video_source import VideoSource
from pocketmatte.io.window import Event, Window
from pocketmatte.io.window_bar import BAR, Bar, Slider

SIZE = Size(120, 320)


def sliders() -> list[Slider]:
    return [Slider("background", "background", 0.0, 0.25), Slider("threshold", "threshold")]


@pytest.fixture
def window(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    opened = open_sink("window:Test", SinkRequest(SIZE, sliders=tuple(sliders())))
    yield opened
    opened.close()


def pixels() -> np.ndarray:
    return pygame.surfarray.array3d(pygame.display.get_surface()).swapaxes(0, 1)


def test_the_picture_is_shown_pixel_by_pixel_with_text_and_sliders(window):
    assert isinstance(window, Sink)
    picture = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
    window.write(Frame(picture, Fraction(0)))
    shown = pixels()
    assert shown.shape == (SIZE.height + BAR, SIZE.width, 3)
    assert np.array_equal(shown[: SIZE.height - 20], picture[: SIZE.height - 20])
    assert shown[SIZE.height :].std() > 5  # sliders and labels
    window.status = ["30.0 fps"]
    window.write(Frame(picture, Fraction(1)))
    changed = (pixels() != shown).any(axis=2)
    assert changed[:30].any()
    assert not changed[30 : SIZE.height - 20].any()


def test_keys_arrows_and_mouse_become_events(window):
    def press(key):
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key, mod=0, unicode=""))

    window.events()
    for key in (pygame.K_c, pygame.K_SPACE, pygame.K_RIGHT, pygame.K_LEFT, pygame.K_LEFT, pygame.K_UP):
        press(key)
    assert window.events() == [
        Event("key", "c"),
        Event("key", "space"),
        Event("slide", "background", 0.25),
        Event("slide", "background", 0.0),
        Event("slide", "threshold", 0.05),
    ]
    bar = Bar(sliders(), SIZE.width, SIZE.height)
    left, right, y = bar.track(1)
    down = {"pos": (left, y), "button": 1}
    drag = {"pos": (right, y - 40), "rel": (0, 0), "buttons": (1, 0, 0)}
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, down))
    pygame.event.post(pygame.event.Event(pygame.MOUSEMOTION, drag))
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONUP, {"pos": (right, y), "button": 1}))
    pygame.event.post(pygame.event.Event(pygame.MOUSEMOTION, {**drag, "pos": (left, y), "buttons": (0, 0, 0)}))
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    found = window.events()
    assert found == [Event("slide", "threshold", 0.0), Event("slide", "threshold", 1.0), Event("quit")]


def test_a_picture_larger_than_the_screen_is_shown_smaller(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    window = Window(Size(4000, 6000))
    desktop = pygame.display.get_desktop_sizes()[0]
    assert window.shown.width <= desktop[0]
    assert window.shown.height <= desktop[1]
    window.write(Frame(np.full((4000, 6000, 3), (10, 200, 30), np.uint8), Fraction(0)))
    assert np.abs(pixels()[50, 50].astype(int) - (10, 200, 30)).max() <= 2  # the driver may have fewer colours
    window.close()
    window.close()
    assert window.events() == []
    with pytest.raises(PocketmatteError, match="was closed"):
        window.write(Frame(np.zeros((4000, 6000, 3), np.uint8), Fraction(1)))


def test_without_a_screen_it_says_so(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(PocketmatteError, match="screen"):
        Window(SIZE)


@pytest.fixture(scope="module")
def screen():
    """A virtual X server: its number as ``DISPLAY`` wants it."""
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", "1", "-screen", "0", "1024x768x24", "-nolisten", "tcp"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    yield f":{server.stdout.readline().strip()}"
    server.terminate()
    server.wait()


def xdo(screen: str, *words: str) -> str:
    done = subprocess.run(
        ["xdotool", *words],
        env={"DISPLAY": screen, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    return done.stdout.strip()


def grab(screen: str, target: Path) -> np.ndarray:
    """What is on the X server's screen."""
    command = ["ffmpeg", "-v", "error", "-f", "x11grab", "-draw_mouse", "0", "-video_size", "1024x768", "-i", screen]
    subprocess.run([*command, "-frames:v", "1", str(target)], check=True, timeout=60)
    return cv2.imread(str(target))[..., ::-1]


def changed(one: np.ndarray, other: np.ndarray) -> int:
    """How many pixels differ clearly."""
    return int((np.abs(one.astype(int) - other).max(2) > 8).sum())


class Program:
    """``pocketmatte live`` in a window on ``screen``, driven by keys and seen through its snapshots."""

    def __init__(self, screen: str, folder: Path, *options: str) -> None:
        self.screen, self.shots = screen, folder / "shots"
        environment = {"DISPLAY": screen, "PATH": "/usr/bin:/bin", "HOME": str(folder), "SDL_VIDEODRIVER": "x11"}
        command = [sys.executable, "-m", "pocketmatte", "live", "--folder", str(self.shots), "--threads", "1", *options]
        root = Path(__file__).parents[2]
        self.process = subprocess.Popen(command, env=environment, cwd=root, stderr=subprocess.PIPE, text=True)

    def press(self, key: str) -> None:
        xdo(self.screen, "key", key)

    def snapshot(self) -> np.ndarray:
        before = len(list(self.shots.glob("*.png")))
        for _ in range(100):
            assert self.process.poll() is None, self.process.communicate()
            self.press("space")
            time.sleep(0.3)
            if len(done := sorted(self.shots.glob("*.png"))) > before:
                return cv2.imread(str(done[-1]))[..., ::-1].astype(int)
        raise AssertionError("no snapshot came")

    def until(self, holds) -> np.ndarray:
        """The first snapshot of which that holds."""
        for _ in range(40):
            if holds(picture := self.snapshot()):
                return picture
        raise AssertionError("the picture did not become what was expected")


@pytest.mark.system
def test_the_whole_live_window_with_real_keys(screen, tmp_path):
    """Start the program on a clip that stands still, press every key on the X server, look at what each one changed."""
    from tests.apps.conftest import ASTRONAUT
    from tests.io.video_clips import write_clip

    portrait = cv2.resize(cv2.imread(str(ASTRONAUT)), (320, 320), interpolation=cv2.INTER_AREA)[..., ::-1]
    clip, background = tmp_path / "clip.mp4", tmp_path / "red.png"
    lossless = {"preset": "ultrafast", "crf": "0"}
    write_clip(clip, range(2400), Fraction(1, 10), lambda n: portrait, rate=Fraction(10), options=lossless)
    cv2.imwrite(str(background), np.full((40, 40, 3), (0, 0, 255), np.uint8))
    program = Program(
        screen, tmp_path, "--source", f"clip:{clip}", "--look", "color:#00FF00", "--background", str(background)
    )
    try:
        green = (0, 255, 0)
        program.until(lambda p: np.abs(p[:60, :60] - green).mean() < 12 < np.abs(p[200:, 160] - green).mean())
        plain = program.snapshot()  # the look of the command line and the person before it
        pictures = {}
        program.press("r")
        for key in ("c", "s", "m", "h", "b"):
            program.press(key)
            pictures[key] = program.until(lambda p: changed(p, plain) > 100)
            program.press("n")
            program.until(lambda p: np.abs(p - plain).max() <= 2)
        for one, other in itertools.combinations(pictures.values(), 2):
            assert changed(one, other) > 100
        assert changed(pictures["b"][:60, :60], portrait[:60, :60]) < changed(plain[:60, :60], portrait[:60, :60])
        program.press("b")
        program.until(lambda p: changed(p, pictures["b"]) == 0)
        program.press("b")
        program.until(lambda p: np.abs(p - plain).max() <= 2)
        program.press("Up")
        harder = program.until(lambda p: changed(p, plain) > 100)
        assert np.array_equal(harder[:60, :60], plain[:60, :60])  # only the edge of the person
        program.press("Down")
        program.until(lambda p: np.abs(p - plain).max() <= 2)
        program.press("Right")
        program.until(lambda p: np.abs(p[:60, :60] - (255, 0, 0)).mean() < 12)
        red = program.snapshot()
        shown = grab(screen, tmp_path / "screen.png")
        program.press("Left")
        program.until(lambda p: np.abs(p - plain).max() <= 2)
        for key in ("r", "q"):
            program.press(key)
        _, said = program.process.communicate(timeout=60)
    finally:
        program.process.kill()
    assert program.process.returncode == 0, said
    assert "stopped:" in said
    # The window stands somewhere on the screen; text covers the top and the bottom of its picture.
    middle = slice(80, 280)
    distance = cv2.matchTemplate(shown, red[middle].astype(np.uint8), cv2.TM_SQDIFF)
    top, left = np.unravel_index(distance.argmin(), distance.shape)
    assert np.abs(shown[top : top + 200, left : left + 320].astype(int) - red[middle]).max() <= 2
    (recorded,) = program.shots.glob("*.mp4")
    with VideoSource(recorded) as source:
        assert source.size == (320, 320)
        colours = [frame.image[30, 30].astype(int) for frame in source]
    for colour in ((0, 255, 0), (255, 0, 0)):
        assert any(np.abs(found - colour).max() < 40 for found in colours)
