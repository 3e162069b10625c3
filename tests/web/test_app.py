"""The app in a real browser: every control, and what it does to the pixels."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page

from pocketmatte.apps.site import HEADERS, site_files
from tests.web.clip import SIZE, STRIPES, frames, person
from tests.web.page import GREEN, INSIDE, OUTSIDE, choose, near, next_frames, open_photo, picture, pixels, start_camera
from tests.web.server import serving

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    return frames(1)[0]


@pytest.mark.parametrize("renderer", ["2d", "webgl"])
def test_looks_replace_the_background_and_keep_the_person(
    open_app: Callable[..., Page], truth: np.ndarray, renderer: str
) -> None:
    page = open_app(f"?renderer={renderer}")
    start_camera(page)
    page.uncheck("#mirror")
    choose(page, "looks", "color")
    shown = pixels(page, OUTSIDE + INSIDE)
    assert all(near(p, GREEN, 3) for p in shown[:3]), shown
    assert all(near(p, truth[y, x]) for p, (x, y) in zip(shown[3:], INSIDE, strict=True)), shown

    choose(page, "looks", "transparent")
    shown = pixels(page, OUTSIDE + INSIDE)
    assert [p[3] for p in shown[:3]] == [0, 0, 0]
    assert min(p[3] for p in shown[3:]) > 245

    choose(page, "looks", "image")
    assert all(near(p, [38, 45, 92], 25) for p in pixels(page, OUTSIDE[:2]))  # the top of the dusk picture

    choose(page, "looks", "none")
    assert all(min(np.abs(np.array(p[:3]) - s).max() for s in STRIPES) < 40 for p in pixels(page, OUTSIDE))

    page.check("#mirror")
    choose(page, "looks", "color")
    mirrored = [(SIZE[1] - 1 - x, y) for x, y in INSIDE]
    assert all(near(p, truth[y, x], 20) for p, (x, y) in zip(pixels(page, mirrored), INSIDE, strict=True))


@pytest.mark.parametrize("renderer", ["2d", "webgl"])
def test_blur_is_smooth_where_the_stripes_were(open_app: Callable[..., Page], renderer: str) -> None:
    page = open_app(f"?renderer={renderer}")
    start_camera(page)
    page.fill("#blur", "0.08")
    for look in ("blur", "bokeh"):
        choose(page, "looks", look)
        row = np.array(pixels(page, [(x, 30) for x in range(10, 200, 4)]))[:, :3].astype(int)
        stripes = np.abs(STRIPES[0].astype(int) - STRIPES[1]).max()
        assert np.abs(np.diff(row, axis=0)).max() < stripes / 2


@pytest.mark.parametrize("renderer", ["2d", "webgl"])
def test_no_glow_round_the_person_and_bokeh_is_not_blur(open_app: Callable[..., Page], renderer: str) -> None:
    """The person's colours stay out of the blurred background; lights count more in bokeh."""
    page = open_app(f"?renderer={renderer}")
    start_camera(page)
    page.uncheck("#mirror")
    page.fill("#blur", "0.06")
    alpha = person()[1]
    distance = cv2.distanceTransform(np.uint8(alpha < 0.01), cv2.DIST_L2, 5)
    found = {}
    for look in ("blur", "bokeh"):
        choose(page, "looks", look)
        beside = picture(page)[(distance > 8) & (distance < 30), :3].astype(int)
        found[look] = beside
        # Both colours of the stripes are less red than blue; the person's suit and skin are not.
        assert np.percentile(beside[:, 0] - beside[:, 2], 99.9) < 0
        assert (beside.min(axis=0) > STRIPES.min(axis=0) - 12).all()
        assert (np.percentile(beside, 99.9, axis=0) < STRIPES.max(axis=0) + 8).all()
    assert found["bokeh"].mean() - found["blur"].mean() > 2


def test_no_raw_background_before_the_first_matte(open_app: Callable[..., Page]) -> None:
    """Every frame that reaches the screen is recorded, from before the camera starts."""
    page = open_app("?renderer=2d")
    page.check("#looks input[value=color]", force=True)
    page.evaluate(
        "() => { const out = document.getElementById('output'); window.seen = [];"
        "  const look = () => { const d = out.getContext('2d').getImageData(30, 30, 1, 1).data;"
        "    window.seen.push([...d]); requestAnimationFrame(look); }; look(); }"
    )
    start_camera(page)
    next_frames(page, 2)
    seen = page.evaluate("window.seen")
    assert {tuple(p) for p in seen} <= {(0, 0, 0, 0), (*GREEN, 255)}
    assert (*GREEN, 255) in {tuple(p) for p in seen}


def test_filters_sliders_and_taps(open_app: Callable[..., Page]) -> None:
    page = open_app("?renderer=2d", has_touch=True)
    start_camera(page)
    choose(page, "looks", "image")
    names = ["smoothstep", "color-transfer", "seamless", "harmonize", "alpha"]
    plain = pixels(page, INSIDE)
    for name in names:
        page.tap("#output")
        assert page.evaluate("app.settings.filter") == name
        assert page.is_checked(f"#filters input[value={name}]")
        next_frames(page)
        changed = any(not near(a, b, 2) for a, b in zip(plain, pixels(page, INSIDE), strict=True))
        assert changed == (name in ("color-transfer", "seamless", "harmonize")), name
    page.fill("#threshold", "0.8")
    assert page.evaluate("[app.settings.filter, app.settings.threshold]") == ["smoothstep", 0.8]
    page.fill("#softness", "0.05")
    assert page.evaluate("app.settings.softness") == 0.05
    page.fill("#color", "#ff0000")
    next_frames(page)
    assert near(pixels(page, OUTSIDE)[0], [255, 0, 0], 3)


def test_filters_by_webgl_on_a_photo(open_app: Callable[..., Page]) -> None:
    """Smooth-step narrows the edge; recoloured, the person is as on Canvas 2D."""
    shown: dict[tuple[str, str], np.ndarray] = {}
    for renderer in ("webgl", "2d"):
        page = open_app(f"?renderer={renderer}")
        open_photo(page)
        page.check("#looks input[value=transparent]", force=True)
        for name in ("alpha", "smoothstep"):
            page.check(f"#filters input[value={name}]", force=True)
            page.evaluate("app.busy")
            shown[renderer, name] = picture(page)
        page.click("#backdrops button[aria-label=Dusk]")
        for name in ("alpha", "color-transfer"):
            page.check(f"#filters input[value={name}]", force=True)
            page.evaluate("app.busy")
            shown[renderer, f"{name} on Dusk"] = picture(page)
        assert page.evaluate("app.stage.drawnBy") == {"webgl": "WebGL2", "2d": "Canvas 2D"}[renderer]
    soft = {key: ((image[..., 3] > 25) & (image[..., 3] < 230)).sum() for key, image in shown.items()}
    assert soft["webgl", "smoothstep"] < 0.4 * soft["webgl", "alpha"]
    person = np.minimum(shown["webgl", "alpha"][..., 3], shown["2d", "alpha"][..., 3]) == 255
    plain, recoloured = (shown["webgl", f"{name} on Dusk"][person].astype(int) for name in ("alpha", "color-transfer"))
    assert np.abs(recoloured - plain).mean() > 5
    assert np.abs(recoloured - shown["2d", "color-transfer on Dusk"][person]).max() <= 3


def test_keyboard_alone_is_enough(open_app: Callable[..., Page]) -> None:
    page = open_app("?renderer=2d")
    page.focus("#open-camera")
    page.keyboard.press("Enter")
    page.wait_for_function("app.loop.times !== null")
    page.focus("#output")
    page.keyboard.press("Enter")
    assert page.evaluate("app.settings.filter") == "smoothstep"
    page.keyboard.press("l")
    assert page.evaluate("app.settings.look") == "bokeh"
    assert page.inner_text("#status") == "Bokeh"
    page.keyboard.press("c")
    page.wait_for_function("app.camera.facing === 'environment' && app.loop.times !== null")
    assert not page.is_checked("#mirror")
    with page.expect_download() as saved:
        page.keyboard.press("s")
    assert saved.value.suggested_filename == "pocketmatte.png"


def test_controls_have_names(open_app: Callable[..., Page]) -> None:
    page = open_app()
    nameless = page.evaluate(
        "[...document.querySelectorAll('button, input, select, canvas')].filter(e => !(e.getAttribute('aria-label')"
        " || e.textContent.trim() || e.closest('label')?.textContent.trim())).map(e => e.id)"
    )
    assert nameless == []
    assert page.locator("[role=status][aria-live=polite]").count() == 1


def test_model_and_resolution_pickers(open_app: Callable[..., Page]) -> None:
    page = open_app("?renderer=2d")
    start_camera(page)
    name = page.evaluate("app.site.models[0].name")
    page.select_option("#model", name)
    page.wait_for_function(f"document.getElementById('status').textContent === '{name} is ready.'")
    page.select_option("#resolution", "720")
    page.wait_for_function("app.loop.times !== null")
    page.click("#switch")
    page.wait_for_function("app.camera.facing === 'environment' && app.loop.times !== null")
    page.click("#camera")
    page.wait_for_function("app.loop.times !== null")
    page.wait_for_function("document.getElementById('stats').textContent.includes('fps')")


def test_picker_offers_what_the_site_lists_and_switches(open_app: Callable[..., Page], truth: np.ndarray) -> None:
    """A model for single pictures, its video twin with a state, and back, while the camera runs."""
    listed = json.loads(site_files()["models.json"])["models"]
    video = next(model["name"] for model in listed if model["name"].endswith("-video"))
    page = open_app("?renderer=2d")
    offered = page.evaluate("[...document.getElementById('model').options].map(o => [o.value, o.title])")
    assert offered == [[model["name"], model["summary"]] for model in listed]
    assert page.input_value("#model") == page.evaluate("app.model") == listed[0]["name"]
    start_camera(page)
    page.uncheck("#mirror")
    choose(page, "looks", "color")
    for name in (video, video.removesuffix("-video")):
        page.select_option("#model", name)
        page.wait_for_function(f"document.getElementById('status').textContent === '{name} is ready.'")
        assert page.evaluate("app.placement").startswith(f"{name}, wasm")
        next_frames(page, 4)
        shown = pixels(page, OUTSIDE + INSIDE)
        assert all(near(p, GREEN, 3) for p in shown[:3]), shown
        assert all(near(p, truth[y, x]) for p, (x, y) in zip(shown[3:], INSIDE, strict=True)), shown
    page.evaluate(
        "name => { app.site.models.push({ name, summary: '', spec: 'models/none/spec.json' });"
        " document.getElementById('model').append(new Option(name, name)); }",
        "none",
    )
    page.select_option("#model", "none")
    page.wait_for_function("document.getElementById('status').textContent.includes('could not be loaded (404)')")
    assert page.input_value("#model") == name
    next_frames(page)


def test_a_model_that_cannot_be_compiled_leaves_the_one_before(open_app: Callable[..., Page]) -> None:
    files: dict[str, Path | bytes] = dict(site_files())
    listed = json.loads(files["models.json"])
    first = listed["models"][0]
    spec = json.loads(files[first["spec"]])
    listed["models"].append({"name": "broken", "summary": "", "spec": "models/broken/spec.json"})
    files |= {"models.json": json.dumps(listed).encode(), "models/broken/spec.json": json.dumps(spec).encode()}
    for weights in spec["files"]:
        files[f"models/broken/{weights['file']}"] = b"\x1c\0\0\0TFL3" + bytes(4000)
    with serving(files, HEADERS) as address:
        page = open_app("?renderer=2d", address)
        start_camera(page)
        ready = page.inner_text("#status")
        page.select_option("#model", "broken")
        page.wait_for_function(
            "said => ![said, 'Loading broken…'].includes(document.getElementById('status').textContent)", arg=ready
        )
        assert page.input_value("#model") == page.evaluate("app.model") == first["name"]
        choose(page, "looks", "color")
        assert near(pixels(page, OUTSIDE)[0], GREEN, 3)


@pytest.mark.parametrize("viewport", [(390, 844), (844, 390)])
def test_fingers_alone_are_enough(open_app: Callable[..., Page], viewport: tuple[int, int]) -> None:
    """A phone held upright and on its side: everything by touch, with a screen of three pixels to the point."""
    width, height = viewport
    page = open_app(
        "?renderer=2d",
        viewport={"width": width, "height": height},
        is_mobile=True,
        has_touch=True,
        device_scale_factor=3,
    )
    page.tap("#open-camera")
    page.wait_for_function("app.loop.times !== null")
    page.tap("#looks label:has(input[value=color])")
    next_frames(page)
    assert near(pixels(page, OUTSIDE)[0], GREEN, 3)
    page.tap("#backdrops button[aria-label=Studio]")
    next_frames(page)
    assert not near(pixels(page, OUTSIDE)[0], GREEN, 30)
    page.tap("#output")
    assert page.evaluate("app.settings.filter") == "smoothstep"
    assert page.inner_text("#status") == "Filter: Smooth-step"
    page.tap("#filters label:has(input[value=alpha])")
    page.tap("#switch")
    page.wait_for_function("app.camera.facing === 'environment' && app.loop.times !== null")
    with page.expect_download() as saved:
        page.tap("#snapshot")
    assert saved.value.suggested_filename == "pocketmatte.png"
    page.locator("#output").scroll_into_view_if_needed()
    box = page.locator("#output").bounding_box()
    assert box
    finger = page.context.new_cdp_session(page)
    middle = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    with page.expect_download() as saved:
        finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [middle]})
        page.wait_for_timeout(800)
        finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert saved.value.suggested_filename == "pocketmatte-harmonised.png"
    assert page.evaluate("app.settings.filter") == "alpha"


@pytest.mark.parametrize("viewport", [(390, 844), (844, 390), (1280, 800)])
def test_fits_the_screen(open_app: Callable[..., Page], viewport: tuple[int, int]) -> None:
    page = open_app(
        "?renderer=2d", viewport={"width": viewport[0], "height": viewport[1]}, is_mobile=viewport[0] < 1000
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport[0]
    small = page.evaluate(
        "[...document.querySelectorAll('#panel button, #panel select, .choice span')].filter(e => "
        "e.getBoundingClientRect().height < 44).map(e => e.textContent)"
    )
    assert small == []
