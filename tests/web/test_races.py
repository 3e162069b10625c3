"""Users do not wait: a camera, a photo or a snapshot is asked for before the one before is there."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.web.clip import ASTRONAUT
from tests.web.page import GREEN, near, next_frames, open_photo, picture, start_camera

pytestmark = pytest.mark.system

# Cameras come when the test grants them: `grants` are the prompts that wait, `streams` what was handed out.
PROMPT = """() => {
  const { mediaDevices } = navigator, ask = mediaDevices.getUserMedia.bind(mediaDevices);
  Object.assign(window, { grants: [], streams: [] });
  mediaDevices.getUserMedia = async (wish) => {
    await new Promise(done => grants.push(done));
    streams.push(await ask(wish));
    return streams.at(-1);
  };
}"""
LIVE = "streams.map(stream => stream.getTracks().some(track => track.readyState === 'live'))"


def grant(page: Page, *order: int) -> None:
    for count, index in enumerate(order, 1):
        page.evaluate("index => grants[index]()", index)
        page.wait_for_function("count => streams.length === count", arg=count)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_only_the_camera_asked_for_last_stays_on(open_app: Callable[..., Page], order: tuple[int, int]) -> None:
    page = open_app("?renderer=2d")
    page.evaluate(PROMPT)
    page.click("#camera")
    page.click("#switch")
    grant(page, *order)
    page.wait_for_function("app.loop.times !== null")
    assert page.evaluate(LIVE) == [index == 1 for index in order]
    assert page.evaluate("app.camera.stream === streams.find(s => s.active)")
    assert page.evaluate("app.camera.facing") == "environment"
    assert not page.is_checked("#mirror")


def test_permission_after_a_photo_was_opened(open_app: Callable[..., Page]) -> None:
    page = open_app("?renderer=2d")
    page.evaluate(PROMPT)
    page.click("#open-camera")
    page.set_input_files("#photo", str(ASTRONAUT))
    page.wait_for_function("app.still !== null && !document.getElementById('output').classList.contains('empty')")
    grant(page, 0)
    page.wait_for_function(f"!{LIVE}.includes(true)")
    page.wait_for_timeout(500)
    assert page.evaluate("[app.loop.running, app.camera.running, app.still !== null]") == [False, False, True]
    assert picture(page).shape == (512, 512, 4)


def test_refused_permission_says_nothing_over_a_photo(open_app: Callable[..., Page]) -> None:
    page = open_app("?renderer=2d")
    page.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = () => new Promise((_, refuse) => {"
        " window.refuse = () => refuse(new DOMException('', 'NotAllowedError')); }); }"
    )
    page.click("#open-camera")
    said = page.inner_text("#status")
    page.set_input_files("#photo", str(ASTRONAUT))
    page.wait_for_function("app.still !== null && !document.getElementById('output').classList.contains('empty')")
    page.evaluate("refuse()")
    page.wait_for_timeout(300)
    assert page.inner_text("#status") == said
    assert page.is_hidden("#start")


def test_a_camera_asked_for_while_a_photo_is_read(open_app: Callable[..., Page]) -> None:
    page = open_app("?renderer=2d")
    page.evaluate(
        "() => { const make = window.createImageBitmap; window.createImageBitmap = async (source, ...rest) => {"
        " if (source instanceof File) await new Promise(done => { window.read = done; });"
        " return make(source, ...rest); }; }"
    )
    page.set_input_files("#photo", str(ASTRONAUT))
    page.wait_for_function("'read' in window")
    start_camera(page)
    page.evaluate("read()")
    page.wait_for_timeout(500)
    assert page.evaluate("[app.loop.running, app.camera.running, app.still]") == [True, True, None]


def test_two_snapshots_of_one_frame_and_none_of_a_camera_that_ended(open_app: Callable[..., Page]) -> None:
    page = open_app("?renderer=2d")
    start_camera(page)
    saved: list[str] = []
    page.on("download", lambda download: saved.append(download.suggested_filename))
    page.evaluate("Promise.all([app.snapshot(), app.snapshot('alpha', 'second')])")
    page.wait_for_timeout(300)
    assert sorted(saved) == ["pocketmatte.png", "second.png"]

    end = "app.camera.stream.getVideoTracks()[0].dispatchEvent(new Event('ended'))"
    refused = page.evaluate(
        f"async () => {{ const both = [app.snapshot(), app.snapshot()]; {end};"
        " return (await Promise.allSettled(both)).map(({ reason }) => reason.message); }"
    )
    assert refused == ["Nothing was saved: the camera has stopped."] * 2
    page.click("#camera")
    page.wait_for_function("app.loop.times !== null")
    next_frames(page)
    assert len(saved) == 2


def test_snapshot_while_the_network_fails(open_app: Callable[..., Page]) -> None:
    page = open_app("?renderer=2d")
    start_camera(page)
    page.evaluate(
        "() => { const asked = window.asked = []; app.engine.ask ="
        " () => new Promise((_, refuse) => asked.push(() => refuse(new Error('no network')))); }"
    )
    page.wait_for_function("asked.length === 2")  # so the frame under way before is shown and gives no snapshot
    page.evaluate("() => { const saved = app.attempt(() => app.snapshot()); asked.map(fail => fail()); return saved; }")
    assert page.inner_text("#status") == "no network"
    assert not page.evaluate("app.loop.running")


def test_another_photo_while_one_is_harmonised(open_app: Callable[..., Page]) -> None:
    """The network's answer for the first comes when that is no more."""
    page = open_app("?renderer=2d")
    open_photo(page)
    page.click("#backdrops button[aria-label=Dusk]")
    page.evaluate(
        "() => { const { engine } = app, ask = engine.ask; engine.ask = async (request, ...rest) => {"
        " if (request.kind === 'harmonize' && !window.answer) await new Promise(done => { window.answer = done; });"
        " return ask.call(engine, request, ...rest); }; }"
    )
    page.check("#filters input[value=harmonize]", force=True)
    page.wait_for_function("'answer' in window")
    page.evaluate("void (window.first = app.still)")
    page.set_input_files("#photo", str(ASTRONAUT))
    page.wait_for_function("app.still && app.still !== first")
    page.evaluate("answer()")
    page.wait_for_function("!document.getElementById('output').classList.contains('empty')")
    page.evaluate("app.busy")
    assert page.inner_text("#status") == "Filter: Harmonise"


def test_settings_change_while_a_model_is_loaded_for_a_photo(open_app: Callable[..., Page]) -> None:
    """The photo stays drawable while another network looks at it."""
    page = open_app("?renderer=2d")
    open_photo(page)
    page.evaluate(
        "() => { const { engine } = app, ask = engine.ask; engine.ask = async (request, ...rest) => {"
        " const answer = await ask.call(engine, request, ...rest);"
        " if (request.kind === 'see') await new Promise(done => { window.answer = done; }); return answer; }; }"
    )
    page.select_option("#model", index=1)
    page.wait_for_function("'answer' in window")
    page.check("#looks input[value=color]", force=True)
    page.evaluate("app.busy")
    assert page.inner_text("#status") == "Colour"
    assert near(picture(page)[20, 20].tolist(), [*GREEN, 255], 3)
    page.evaluate("() => { window.first = app.still; answer(); }")
    page.wait_for_function("app.still !== first")
