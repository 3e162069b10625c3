"""Every control of the page is used, and does something that can be seen: one without a case here fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Playwright

from pocketmatte.core import UInt8Image
from tests.web.clip import ASTRONAUT, SIZE, STRIPES
from tests.web.conftest import FAKE
from tests.web.page import (
    PATIENCE,
    choose,
    container_of,
    next_frames,
    open_photo,
    page_of,
    picture,
    start_camera,
)

pytestmark = pytest.mark.system

LISTED = (
    "[...document.querySelectorAll('button, input, select, textarea, a[href], summary, [tabindex], [role=button]')]"
    ".map(e => e.type === 'radio' ? `${e.name}=${e.value}` : e.id || `${e.parentElement.id}=${e.ariaLabel}`)"
)
LEFT = np.s_[20:60, 20:60]  # only stripes, in the clip as it is and mirrored
CHEST = np.s_[290:310, 230:250]


@dataclass(frozen=True)
class Use:
    """The page with a running camera, look colour, filter alpha; and what some cases need besides."""

    page: Page
    playwright: Playwright
    site: str
    folder: Path


Case = Callable[[Use], None]
CASES: dict[str, Case] = {}


def control(*names: str) -> Callable[[Case], Case]:
    def add(case: Case) -> Case:
        CASES.update(dict.fromkeys(names, case))
        return case

    return add


def colour(page: Page, place: tuple[slice, slice] = LEFT) -> np.ndarray:
    next_frames(page)
    return np.asarray(picture(page)[place].reshape(-1, 4).astype(float).mean(axis=0))


def alpha(page: Page) -> np.ndarray:
    """Alpha of the output in 0..1, after the transparent look has been chosen."""
    choose(page, "looks", "transparent")
    return picture(page)[..., 3] / np.float32(255)


def soft(matte: np.ndarray) -> int:
    return int(((matte > 0.1) & (matte < 0.9)).sum())


def roughness(page: Page) -> float:
    next_frames(page)
    row: UInt8Image = picture(page)[20:40, 10:120, 1]
    return float(np.abs(np.diff(row.astype(float), axis=1)).max())


# Looks


@control("looks=none")
def _(use: Use) -> None:
    choose(use.page, "looks", "none")
    corner = picture(use.page)[LEFT][..., :3].astype(int)
    assert all(min(np.abs(p - s).max() for s in STRIPES) < 60 for p in corner.reshape(-1, 3))


@control("looks=blur", "looks=bokeh", "blur")
def _(use: Use) -> None:
    use.page.fill("#blur", "0.08")
    assert use.page.is_checked("#looks input[value=blur]")  # the slider chooses its look
    smooth = roughness(use.page)
    blurred = colour(use.page)
    use.page.fill("#blur", "0.005")
    assert roughness(use.page) > 2 * smooth
    use.page.fill("#blur", "0.08")
    choose(use.page, "looks", "bokeh")
    assert roughness(use.page) < 2 * smooth + 4
    assert colour(use.page)[:3].mean() > blurred[:3].mean() + 1  # lights count more


@control("looks=color", "color")
def _(use: Use) -> None:
    choose(use.page, "looks", "none")
    choose(use.page, "looks", "color")
    assert np.abs(colour(use.page) - [0, 177, 64, 255]).max() < 2
    choose(use.page, "looks", "none")
    use.page.fill("#color", "#ff8000")
    assert np.abs(colour(use.page) - [255, 128, 0, 255]).max() < 2


@control("looks=image", "backdrops=Dusk", "backdrops=Meadow", "backdrops=Studio")
def _(use: Use) -> None:
    choose(use.page, "looks", "image")
    shown = [colour(use.page)]
    for name in ("Meadow", "Studio", "Dusk"):
        use.page.click(f"#backdrops button[aria-label={name}]")
        assert use.page.locator("#backdrops button[aria-pressed=true]").get_attribute("aria-label") == name
        shown.append(colour(use.page))
    wanted = [[35, 47, 92], [119, 188, 242], [96, 94, 93], [35, 47, 92]]
    assert np.abs(np.array(shown)[:, :3] - wanted).max() < 25, shown


@control("looks=video", "backdrops=Waves (moving)")
def _(use: Use) -> None:
    for choice in ("#looks input[value=video]", "#backdrops button[aria-label^=Waves]"):
        choose(use.page, "looks", "color")
        use.page.locator(choice).dispatch_event("click")
        next_frames(use.page)
        first = picture(use.page)[160:, :60, :3].astype(int)
        assert np.abs(colour(use.page)[:3] - [5, 48, 91]).max() < 12
        use.page.wait_for_timeout(700)
        next_frames(use.page)
        assert np.abs(picture(use.page)[160:, :60, :3] - first).max() > 4  # it moves


@control("looks=transparent")
def _(use: Use) -> None:
    matte = alpha(use.page)
    assert matte[LEFT].max() < 0.05
    assert matte[CHEST].min() > 0.95


# Filters and their sliders


@control("filters=alpha", "filters=smoothstep")
def _(use: Use) -> None:
    plain = soft(alpha(use.page))
    choose(use.page, "filters", "smoothstep")
    narrow = soft(alpha(use.page))
    assert narrow < 0.8 * plain
    choose(use.page, "filters", "alpha")
    assert soft(alpha(use.page)) > 1.1 * narrow  # another frame of the clip


@control("filters=color-transfer", "filters=seamless", "filters=harmonize")
def _(use: Use) -> None:
    choose(use.page, "looks", "image")
    seen = [colour(use.page, CHEST)]
    for name in ("color-transfer", "seamless", "harmonize"):
        choose(use.page, "filters", name)
        seen.append(colour(use.page, CHEST))
    for i, one in enumerate(seen):
        assert all(np.abs(one - other).max() > 2 for other in seen[:i]), seen


@control("threshold", "softness")
def _(use: Use) -> None:
    choose(use.page, "looks", "transparent")
    use.page.fill("#threshold", "0.2")
    assert use.page.is_checked("#filters input[value=smoothstep]")  # the slider chooses its filter
    wide = alpha(use.page)
    use.page.fill("#threshold", "0.8")
    narrow = alpha(use.page)
    assert wide.sum() > narrow.sum() + 500
    use.page.fill("#threshold", "0.5")
    use.page.fill("#softness", "0.4")
    broad = soft(alpha(use.page))
    use.page.fill("#softness", "0.02")
    assert soft(alpha(use.page)) < 0.8 * broad


# Sources


@control("camera", "photo")
def _(use: Use) -> None:
    open_photo(use.page)
    assert picture(use.page).shape == (512, 512, 4)
    use.page.click("#camera")
    use.page.wait_for_function("app.loop.times !== null")
    assert picture(use.page).shape == (*SIZE, 4)


@control("switch", "key C")
def _(use: Use) -> None:
    for press in (lambda: use.page.click("#switch"), lambda: use.page.keyboard.press("c")):
        facing = use.page.evaluate("app.camera.facing")
        press()
        use.page.wait_for_function("f => app.camera.facing !== f && app.loop.times !== null", arg=facing)
        # The camera at the back shows the world as it is.
        assert use.page.is_checked("#mirror") == (use.page.evaluate("app.camera.facing") == "user")


@control("mirror")
def _(use: Use) -> None:
    before = alpha(use.page)
    use.page.check("#mirror")
    after = alpha(use.page)
    assert np.abs(after[:, ::-1] - before).mean() < 0.01 < np.abs(after - before).mean()


@control("resolution")
def _(use: Use) -> None:
    with page_of(use.playwright, *FAKE) as page:  # this camera has other sizes than the clip's
        page.goto(use.site + "?renderer=2d")
        page.check("#looks input[value=none]", force=True)  # 1080 lines are much for a busy processor
        start_camera(page)
        for lines, size in (("720", [1280, 720]), ("1080", [1920, 1080]), ("480", [640, 480])):
            page.select_option("#resolution", lines)
            page.wait_for_function(
                "([w, h]) => { const { canvas } = app.stage; return canvas.width === w && canvas.height === h; }",
                arg=size,
            )
            assert page.evaluate("[app.camera.video.videoWidth, app.camera.video.videoHeight]") == size


@control("model")
def _(use: Use) -> None:
    choose(use.page, "filters", "harmonize")  # its network shares the engine's threads with the others
    names = use.page.evaluate("[...document.getElementById('model').options].map(o => o.value)")
    for name in (names[1], names[0]):
        use.page.select_option("#model", name)
        use.page.wait_for_function("name => app.placement.startsWith(`${name}, `)", arg=name)
    choose(use.page, "filters", "alpha")
    assert np.abs(colour(use.page) - [0, 177, 64, 255]).max() < 2


@control("upload")
def _(use: Use) -> None:
    path = use.folder / "blue.png"
    cv2.imwrite(str(path), np.full((90, 120, 3), (200, 30, 10), np.uint8))
    use.page.set_input_files("#upload", str(path))
    use.page.wait_for_function("app.settings.look === 'image'")
    assert np.abs(colour(use.page)[:3] - [10, 30, 200]).max() < 3
    use.page.click("#backdrops button[aria-label=Dusk]")


@pytest.mark.parametrize("button", ["open-camera", "open-photo"])
def test_start(open_app: Callable[..., Page], button: str) -> None:
    """The two buttons that are there before anything is shown."""
    page = open_app("?renderer=2d")
    if button == "open-camera":
        start_camera(page)
    else:
        with page.expect_file_chooser() as asked:
            page.click("#open-photo")
        asked.value.set_files(str(ASTRONAUT))
        page.wait_for_function("!document.getElementById('output').classList.contains('empty')")
    assert picture(page).shape[:2] == (SIZE if button == "open-camera" else (512, 512))
    assert page.is_hidden(f"#{button}")


# What is saved


@control("snapshot", "key S")
def _(use: Use) -> None:
    for press in (lambda: use.page.click("#snapshot"), lambda: use.page.keyboard.press("s")):
        with use.page.expect_download() as saved:
            press()
        assert saved.value.suggested_filename == "pocketmatte.png"
        image = cv2.imread(str(saved.value.path()))
        assert image.shape == (*SIZE, 3) or image.shape == (*SIZE, 4)
        assert np.abs(image[LEFT][..., :3].astype(int) - [64, 177, 0]).max() < 3


@control("harmonise", "key H")
def _(use: Use) -> None:
    use.page.click("#backdrops button[aria-label=Dusk]")  # the plain green hardly changes the person
    plain = colour(use.page, CHEST)
    for press in (lambda: use.page.click("#harmonise"), lambda: use.page.keyboard.press("h")):
        with use.page.expect_download() as saved:
            press()
        assert saved.value.suggested_filename == "pocketmatte-harmonised.png"
        image = cv2.imread(str(saved.value.path()))[..., ::-1]
        assert np.abs(image[CHEST].reshape(-1, 3).mean(axis=0) - plain[:3]).max() > 2


@control("record", "key R", "container")
def _(use: Use) -> None:
    for press, wanted in (
        (lambda: use.page.click("#record"), "webm"),
        (lambda: use.page.keyboard.press("r"), "mp4"),
    ):
        use.page.select_option("#container", wanted)
        use.page.focus("#record")
        press()
        assert use.page.get_attribute("#record", "aria-pressed") == "true"
        next_frames(use.page)
        use.page.wait_for_timeout(1200)
        with use.page.expect_download() as saved:
            press()
        assert use.page.get_attribute("#record", "aria-pressed") == "false"
        suffix = saved.value.suggested_filename.rpartition(".")[2]
        assert suffix == container_of(use.page, wanted)
        head = Path(saved.value.path()).read_bytes()[:8]
        assert {b"\x1a\x45\xdf\xa3": "webm", b"ftyp": "mp4"}[head[4:] if head[4:] == b"ftyp" else head[:4]] == suffix
        assert use.page.inner_text("#status") == f"Saved pocketmatte.{suffix}."


# The picture and the keys


@control("output", "key Enter")
def _(use: Use) -> None:
    use.page.click("#output", position={"x": 20, "y": 100})
    assert use.page.is_checked("#filters input[value=smoothstep]")
    use.page.focus("#output")
    use.page.keyboard.press("Enter")
    assert use.page.is_checked("#filters input[value=color-transfer]")


@control("key L")
def _(use: Use) -> None:
    use.page.keyboard.press("l")
    assert use.page.is_checked("#looks input[value=image]")
    assert np.abs(colour(use.page) - [0, 177, 64, 255]).max() > 60


STARTS = {"open-camera", "open-photo"}  # test_start


@pytest.fixture(scope="module")
def live(browser: Browser, site: str) -> Iterator[Page]:
    """One page for all cases: opening it takes longer than most of them."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(site + "?renderer=2d")
    page.wait_for_function("document.getElementById('model').options.length > 0")
    start_camera(page)
    yield page
    context.close()
    assert errors == []


def test_every_control_has_a_case(live: Page) -> None:
    hint = live.inner_text("p.hint >> nth=0")
    keys = {f"key {name}" for name in re.findall(r"(?:^Keys: |, )(\w+) ", hint)}
    assert len(keys) == 6
    assert set(live.evaluate(LISTED)) | keys == set(CASES) | STARTS


@pytest.mark.parametrize(
    "case",
    sorted(set(CASES.values()), key=list(CASES.values()).index),
    ids=lambda case: next(name for name, known in CASES.items() if known is case),
)
def test_control(live: Page, playwright: Playwright, site: str, tmp_path: Path, case: Case) -> None:
    live.evaluate(
        "() => { Object.assign(app.settings, { threshold: 0.5, softness: 0.2, blur: 0.02 });"
        " app.settings.color = [0, 177 / 255, 64 / 255];"
        " app.setFilter('alpha'); app.setLook('color'); document.activeElement?.blur(); }"
    )
    if not live.evaluate("app.loop.running"):  # a case before failed with a photo open
        live.click("#camera")
        live.wait_for_function("app.loop.times !== null")
    live.uncheck("#mirror")
    next_frames(live)
    case(Use(live, playwright, site, tmp_path))
