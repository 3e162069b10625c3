"""The app in a real browser: every control, and what it does to the pixels."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page

from pocketmatte.apps.site import HEADERS, site_files
from pocketmatte.io.video_source import VideoSource
from tests.web.clip import ASTRONAUT, SIZE, STRIPES, frames, person
from tests.web.page import choose, next_frames, picture, pixels, start_camera
from tests.web.server import serving

pytestmark = pytest.mark.system

# Points (x, y) of the clip: corners that show stripes, and the person's face and chest.
OUTSIDE = [(30, 30), (610, 30), (40, 240)]
INSIDE = [(290, 95), (240, 300)]
GREEN = [0, 177, 64]


def near(found: list[int], wanted: list[int] | np.ndarray, tolerance: int = 12) -> bool:
    return bool(np.abs(np.array(found[:3], int) - np.array(wanted[:3], int)).max() <= tolerance)


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


def test_photo_to_straight_png(open_app: Callable[..., Page]) -> None:
    page = open_app("?renderer=2d")
    page.set_input_files("#photo", str(ASTRONAUT))
    page.wait_for_function("!document.getElementById('output').classList.contains('empty')")
    page.check("#looks input[value=transparent]", force=True)
    with page.expect_download() as saved:
        page.click("#snapshot")
    png = cv2.imdecode(np.frombuffer(Path(saved.value.path()).read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    photo = cv2.imread(str(ASTRONAUT))
    assert png.shape == (*photo.shape[:2], 4)
    alpha = png[..., 3]
    assert (alpha > 250).mean() > 0.2
    assert (alpha < 5).mean() > 0.2
    soft = (alpha > 20) & (alpha < 250)
    # Straight: the colours under soft alpha are the photo's own, not darkened by it.
    assert np.abs(png[soft][:, :3].astype(int) - photo[soft]).max() <= 2


def test_long_press_harmonises_and_saves(open_app: Callable[..., Page]) -> None:
    page = open_app("?renderer=2d")
    page.set_input_files("#photo", str(ASTRONAUT))
    page.wait_for_function("!document.getElementById('output').classList.contains('empty')")
    box = page.locator("#output").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    with page.expect_download() as saved:
        page.mouse.down()
        page.wait_for_timeout(800)
        page.mouse.up()
    assert saved.value.suggested_filename == "pocketmatte-harmonised.png"
    assert page.evaluate("app.settings.filter") == "alpha"
    with page.expect_download():
        page.click("#harmonise")


@pytest.mark.parametrize("container", ["webm", "mp4"])
def test_recording_plays(open_app: Callable[..., Page], tmp_path: Path, container: str) -> None:
    page = open_app("?renderer=2d")
    start_camera(page)
    choose(page, "looks", "color")
    page.select_option("#container", container)
    page.click("#record")
    assert page.get_attribute("#record", "aria-pressed") == "true"
    next_frames(page, 6)
    page.wait_for_timeout(1500)
    with page.expect_download() as saved:
        page.click("#record")
    path = tmp_path / saved.value.suggested_filename
    saved.value.save_as(path)
    with VideoSource(path) as clip:
        pictures = [frame.image for frame in clip]
    assert len(pictures) >= 2
    assert near(list(pictures[-1][30, 30]), GREEN, 20)


def test_recording_falls_back_to_what_the_browser_can_write(open_app: Callable[..., Page]) -> None:
    page = open_app("?renderer=2d")
    start_camera(page)
    page.evaluate(
        "() => { const knows = MediaRecorder.isTypeSupported;"
        " MediaRecorder.isTypeSupported = type => !type.startsWith('video/mp4') && knows(type); }"
    )
    page.select_option("#container", "mp4")
    page.click("#record")
    next_frames(page)
    page.wait_for_timeout(500)
    with page.expect_download() as saved:
        page.click("#record")
    assert saved.value.suggested_filename == "pocketmatte.webm"
    assert Path(saved.value.path()).read_bytes()[:4] == b"\x1a\x45\xdf\xa3"
    page.evaluate("MediaRecorder.isTypeSupported = () => false")
    page.click("#record")
    assert page.inner_text("#status") == "This browser cannot record."
    assert page.get_attribute("#record", "aria-pressed") == "false"


def test_own_backgrounds(open_app: Callable[..., Page], tmp_path: Path) -> None:
    page = open_app("?renderer=2d")
    start_camera(page)
    picture = tmp_path / "blue.png"
    cv2.imwrite(str(picture), np.full((90, 120, 3), (200, 30, 10), np.uint8))
    page.set_input_files("#upload", str(picture))
    page.wait_for_function("app.settings.look === 'image'")
    next_frames(page)
    assert near(pixels(page, OUTSIDE)[0], [10, 30, 200], 3)
    for index, look in enumerate(["image", "image", "image", "video"]):
        page.locator("#backdrops button").nth(index).click()
        assert page.evaluate("app.settings.look") == look
        assert page.locator("#backdrops button[aria-pressed=true]").count() == 1
    next_frames(page)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    page.set_input_files("#upload", str(broken))
    page.wait_for_function("document.getElementById('status').textContent.includes('broken.png cannot be shown')")


def test_own_clip_as_background(open_app: Callable[..., Page], tmp_path: Path) -> None:
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="webm") as container:
        stream = container.add_stream("libvpx", rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for _ in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((120, 160, 3), (20, 160, 220), np.uint8))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    clip = tmp_path / "own.webm"
    clip.write_bytes(buffer.getvalue())
    page = open_app("?renderer=2d")
    start_camera(page)
    page.set_input_files("#upload", str(clip))
    page.wait_for_function("app.settings.look === 'video'")
    next_frames(page)
    assert near(pixels(page, OUTSIDE)[0], [20, 160, 220], 15)


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
