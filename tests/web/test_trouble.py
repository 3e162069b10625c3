"""What users meet: no permission, no camera, no network, a lost graphics card, no shared memory; and the self-check."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, Playwright

from pocketmatte.apps.site import HEADERS, site_files
from pocketmatte.pipeline.golden import read_golden
from pocketmatte.pipeline.pipeline import load
from tests.web.clip import ASTRONAUT
from tests.web.page import choose, next_frames, page_of, pixels, start_camera
from tests.web.server import serving

pytestmark = pytest.mark.system


def test_golden_vectors(playwright: Playwright) -> None:
    """Alpha of this browser within 2/255 of Python's, for all models, with threads and without."""
    files = site_files()
    for headers, isolated in ((HEADERS, True), ({}, False)):
        with serving(files, headers) as address, page_of(playwright) as page:
            page.goto(address + "check.html")
            page.wait_for_function("window.finished")
            assert page.inner_text("[role=status]") == "All models passed."
            assert page.evaluate("self.crossOriginIsolated") == isolated
            results = page.evaluate("results.map(r => ({...r, values: [...r.values]}))")
        assert results
        for result in results:
            assert isolated or result["threads"] == 1
            with load(result["name"], runtime="litert") as pipeline:
                alpha, _ = pipeline.infer(read_golden(pipeline.spec)["image"])
            assert np.abs(np.array(result["values"]) - alpha.ravel()).max() <= 2 / 255


def test_permission_denied(playwright: Playwright, site: str) -> None:
    with page_of(playwright, "--use-fake-device-for-media-stream", "--deny-permission-prompts") as page:
        page.goto(site)
        page.click("#open-camera")
        page.wait_for_function("document.getElementById('status').textContent.includes('may not be used')")
        assert page.is_visible("#open-photo")
        assert page.evaluate("document.getElementById('output').classList.contains('empty')")


def test_no_camera_still_opens_photos(playwright: Playwright, site: str) -> None:
    with page_of(playwright, "--use-fake-ui-for-media-stream") as page:
        page.goto(site)
        page.click("#open-camera")
        page.wait_for_function("document.getElementById('status').textContent.includes('No camera was found')")
        page.set_input_files("#photo", str(ASTRONAUT))
        page.wait_for_function("!document.getElementById('output').classList.contains('empty')")
        assert page.is_hidden("#start")


def test_broken_photo_and_nothing_to_save(open_app: Callable[..., Page], tmp_path: Path) -> None:
    page = open_app("?renderer=2d")
    page.click("#snapshot")
    assert "no picture yet" in page.inner_text("#status")
    page.click("#record")
    assert "nothing to record" in page.inner_text("#status")
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8 no picture")
    page.set_input_files("#photo", str(broken))
    page.wait_for_function("document.getElementById('status').textContent.includes('broken.jpg cannot be opened')")


@pytest.mark.parametrize("isolated", [True, False])
def test_offline_after_the_first_load(playwright: Playwright, isolated: bool) -> None:
    """One visit is enough: page, engine, model and harmoniser are there when the server is gone."""
    with page_of(playwright) as page:
        with serving(site_files(), HEADERS if isolated else {}) as address:
            page.goto(address + "?renderer=2d")
            page.wait_for_selector("#offline", state="visible")
            assert page.evaluate("self.crossOriginIsolated") == isolated
        page.reload()
        page.wait_for_function("document.getElementById('model').options.length > 0")
        assert page.evaluate("self.crossOriginIsolated")  # the worker's headers give threads on any web server
        # Without them the first visit loaded the engine that has none.
        assert ("×" in page.evaluate("app.placement")) == isolated
        page.set_input_files("#photo", str(ASTRONAUT))
        page.wait_for_function("!document.getElementById('output').classList.contains('empty')")
        page.check("#looks input[value=transparent]", force=True)
        page.evaluate("app.busy")
        head, corner = pixels(page, [(220, 130), (20, 20)])
        assert [head[3] > 245, corner[3] < 10] == [True, True]
        with page.expect_download() as saved:
            page.click("#harmonise")
        assert saved.value.suggested_filename == "pocketmatte-harmonised.png"


def test_threads_come_with_the_second_visit(playwright: Playwright) -> None:
    """The service worker's headers give them, whatever the web server sends."""
    with page_of(playwright) as page, serving(site_files(), {}) as address:
        page.goto(address)
        page.wait_for_selector("#offline", state="visible")
        page.reload()
        page.wait_for_function("document.getElementById('model').options.length > 0")
        assert "×" in page.evaluate("app.placement")


def test_installable(open_app: Callable[..., Page], site: str) -> None:
    page = open_app()
    manifest = page.evaluate("fetch(document.querySelector('link[rel=manifest]').href).then(r => r.json())")
    assert manifest["display"] == "standalone"
    sizes = page.evaluate(
        "icons => Promise.all(icons.filter(i => i.type === 'image/png').map(async i => { const b = "
        "await createImageBitmap(await (await fetch(i.src)).blob()); return `${b.width}x${b.height}` === i.sizes; }))",
        manifest["icons"],
    )
    assert sizes == [True, True]


def test_lost_graphics_card(open_app: Callable[..., Page]) -> None:
    """Composition goes on without it, and returns to it."""
    page = open_app("?renderer=webgl")
    start_camera(page)
    choose(page, "looks", "color")
    assert page.evaluate("app.stage.renderer.name") == "WebGL2"
    page.evaluate("window.card = app.stage.gl.canvas.getContext('webgl2').getExtension('WEBGL_lose_context')")
    page.evaluate("card.loseContext()")
    page.wait_for_function("document.getElementById('status').textContent.includes('was lost')")
    assert page.evaluate("app.stage.renderer.name") == "Canvas 2D"
    next_frames(page)
    assert pixels(page, [(30, 30)]) == [[0, 177, 64, 255]]
    page.evaluate("card.restoreContext()")
    page.wait_for_function("app.stage.renderer.name === 'WebGL2'")
    next_frames(page)
    assert pixels(page, [(30, 30)]) == [[0, 177, 64, 255]]


def test_site_without_models_says_so(playwright: Playwright) -> None:
    files = {**site_files(), "models.json": b'{"models": [], "harmonizer": null}'}
    with serving(files, {}) as address, page_of(playwright) as page:
        page.goto(address)
        page.wait_for_function("document.getElementById('status').textContent.includes('lists no model')")
