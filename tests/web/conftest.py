"""A browser with a fake camera, and the site of the package behind a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from pocketmatte.apps.site import HEADERS, site_files
from tests.web.clip import frames, write_y4m
from tests.web.page import CHROMIUM, PATIENCE
from tests.web.server import serving

FAKE = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def camera_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "camera.y4m"
    write_y4m(path, frames())
    return path


@pytest.fixture(scope="session")
def browser(playwright: Playwright, camera_clip: Path) -> Iterator[Browser]:
    options = [*FAKE, f"--use-file-for-fake-video-capture={camera_clip}", "--enable-unsafe-swiftshader", "--no-sandbox"]
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """The site as the package's server sends it: cross-origin isolated."""
    with serving(site_files(), HEADERS) as address:
        yield address


@pytest.fixture
def open_app(browser: Browser, site: str) -> Iterator[Callable[..., Page]]:
    """Open the app in a fresh profile and wait for the model. Any error in the page fails the test."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def start(query: str = "", address: str = "", **options: object) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto((address or site) + query)
        page.wait_for_function("document.getElementById('model').options.length > 0")
        return page

    yield start
    for context in contexts:
        context.close()
    assert errors == []
