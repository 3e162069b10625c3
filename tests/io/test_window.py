"""A real window: through SDL's driver without a screen everywhere, and on an X server with real keys and mouse."""

from __future__ import annotations

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


@pytest.mark.system
def test_the_whole_live_window_with_real_keys(screen, tmp_path):
    """Start the program on a clip, press keys on the X server, and look at what it left behind."""
    from tests.apps.conftest import ASTRONAUT
    from tests.io.video_clips import write_clip

    portrait = cv2.resize(cv2.imread(str(ASTRONAUT)), (320, 320))[..., ::-1]
    clip = tmp_path / "clip.mp4"
    write_clip(clip, range(600), Fraction(1, 15), lambda n: np.roll(portrait, n % 7, 1), rate=Fraction(15))
    background = tmp_path / "red.png"
    cv2.imwrite(str(background), np.full((40, 40, 3), (0, 0, 255), np.uint8))
    command = [sys.executable, "-m", "pocketmatte", "live", "--source", f"clip:{clip}", "--look", "color:#00FF00"]
    command += ["--background", str(background), "--folder", str(tmp_path / "shots"), "--threads", "1"]
    environment = {"DISPLAY": screen, "PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "SDL_VIDEODRIVER": "x11"}
    root = Path(__file__).parents[2]
    program = subprocess.Popen(command, env=environment, cwd=root, stderr=subprocess.PIPE, text=True)
    try:
        shots = tmp_path / "shots"

        def snapshot(count: int) -> np.ndarray:
            for _ in range(100):
                assert program.poll() is None, program.communicate()
                if len(done := sorted(shots.glob("*.png"))) >= count:
                    return cv2.imread(str(done[-1]))[..., ::-1].astype(int)
                xdo(screen, "key", "space")
                time.sleep(0.3)
            raise AssertionError("no snapshot came")

        first = snapshot(1)
        assert np.abs(first[:60, :60] - (0, 255, 0)).mean() < 12  # the look of the command line
        xdo(screen, "key", "Right")
        for _ in range(20):
            second = snapshot(len(list(shots.glob("*.png"))) + 1)
            if second[30, 30, 0] > second[30, 30, 1]:
                break
        assert np.abs(second[:60, :60] - (255, 0, 0)).mean() < 12  # the slider's next background
        for key in ("c", "r"):
            xdo(screen, "key", key)
        time.sleep(2)
        for key in ("r", "q"):
            xdo(screen, "key", key)
        _, said = program.communicate(timeout=60)
    finally:
        program.kill()
    assert program.returncode == 0, said
    assert "stopped:" in said
    (recorded,) = shots.glob("*.mp4")
    with VideoSource(recorded) as source:
        assert source.size == (320, 320)
        assert len(list(source)) > 0
