"""What tests do with the app's page, and read from it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, Playwright

from tests.web.clip import ASTRONAUT

CHROMIUM = "/usr/bin/chromium"
PATIENCE = 60_000  # milliseconds; an emulated graphics card on a busy machine is slow

# Points (x, y) of the camera's clip: corners that show stripes, and the person's face and chest.
OUTSIDE = [(30, 30), (610, 30), (40, 240)]
INSIDE = [(290, 95), (240, 300)]
GREEN = [0, 177, 64]


def near(found: list[int], wanted: list[int] | np.ndarray, tolerance: int = 12) -> bool:
    """Whether two colours are alike, a fourth channel left out."""
    return bool(np.abs(np.array(found[:3], int) - np.array(wanted[:3], int)).max() <= tolerance)


@contextmanager
def page_of(playwright: Playwright, *options: str) -> Iterator[Page]:
    """A page of a browser of its own with these options."""
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *options])
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    yield page
    browser.close()


def start_camera(page: Page) -> None:
    """Press the button and wait for the first matted frames."""
    page.click("#open-camera")
    page.wait_for_function("app.loop.times !== null")


def open_photo(page: Page, path: Path = ASTRONAUT) -> None:
    """Choose a photo, the sample if none is named, and wait until it is shown."""
    page.evaluate("app.still = null")
    page.set_input_files("#photo", str(path))
    page.wait_for_function("app.still !== null && !document.getElementById('output').classList.contains('empty')")


def container_of(page: Page, wanted: str) -> str:
    """What a recording becomes in this browser when ``wanted`` is asked for."""
    other = {"mp4": "webm", "webm": "mp4"}[wanted]
    supported = page.evaluate("kind => MediaRecorder.isTypeSupported(`video/${kind}`)", wanted)
    return wanted if supported else other


def pixels(page: Page, points: list[tuple[int, int]]) -> list[list[int]]:
    """RGBA of the output at (x, y) points."""
    found: list[list[int]] = page.evaluate(
        "points => points.map(([x, y]) => [...document.getElementById('output').getContext('2d')"
        ".getImageData(x, y, 1, 1).data])",
        points,
    )
    return found


def picture(page: Page) -> np.ndarray:
    """The whole output, uint8 ``[H,W,4]`` with straight alpha."""
    packed, width = page.evaluate(
        "() => { const out = document.getElementById('output');"
        " const { data } = out.getContext('2d').getImageData(0, 0, out.width, out.height);"
        " const part = i => String.fromCharCode(...data.subarray(i, i + 32768)); let text = '';"
        " for (let i = 0; i < data.length; i += 32768) text += part(i); return [btoa(text), out.width]; }"
    )
    return np.frombuffer(base64.b64decode(packed), np.uint8).reshape(-1, width, 4)


def choose(page: Page, group: str, value: str) -> None:
    """Pick a radio button and wait for a frame drawn with it."""
    page.check(f"#{group} input[value={value}]", force=True)
    next_frames(page)


def next_frames(page: Page, count: int = 3) -> None:
    """Wait for new ones: frames under way may still have the old settings. Says what the page does if none come."""
    page.evaluate(
        "async ([count, patience]) => { const draw = app.stage.draw; let seen = 0;"
        "  await new Promise((done, fail) => {"
        "    const { camera, loop } = app; const { video } = camera;"
        "    const end = setTimeout(() => { app.stage.draw = draw; fail(new Error(`no frames: ${JSON.stringify({"
        "      seen, running: loop.running, status: document.getElementById('status').textContent,"
        "      paused: video.paused, ready: video.readyState, tracks: camera.stream?.getTracks().map(t => t.readyState)"
        "    })}`)); }, patience);"
        "    app.stage.draw = function (scene) { draw.call(this, scene);"
        "      if (++seen >= count) { clearTimeout(end); app.stage.draw = draw; done(); } }; }); }",
        [count, PATIENCE],
    )
