"""What tests do with the app's page, and read from it."""

from __future__ import annotations

import base64

import numpy as np
from playwright.sync_api import Page


def start_camera(page: Page) -> None:
    """Press the button and wait for the first matted frames."""
    page.click("#open-camera")
    page.wait_for_function("app.loop.times !== null")


def pixels(page: Page, points: list[tuple[int, int]]) -> list[list[int]]:
    """RGBA of the output at (x, y) points."""
    return page.evaluate(
        "points => points.map(([x, y]) => [...document.getElementById('output').getContext('2d')"
        ".getImageData(x, y, 1, 1).data])",
        points,
    )


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
    """Frames under way may still have the old settings."""
    page.evaluate(
        "async count => { const draw = app.stage.draw; let seen = 0;"
        "  await new Promise(done => { app.stage.draw = function (scene) { draw.call(this, scene);"
        "    if (++seen >= count) { app.stage.draw = draw; done(); } }; }); }",
        count,
    )
