"""What goes in and comes out: snapshots, recordings, backgrounds of one's own."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image
from playwright.sync_api import Page

from pocketmatte.core import Frame
from pocketmatte.io.images import read_image
from pocketmatte.io.video_source import VideoSource
from pocketmatte.pipeline.pipeline import load
from tests.web.clip import ASTRONAUT
from tests.web.page import GREEN, OUTSIDE, choose, near, next_frames, open_photo, picture, pixels, start_camera

pytestmark = pytest.mark.system


def snapshot(page: Page, look: str) -> np.ndarray:
    """The PNG of the photo that is open, with this look, as OpenCV reads it."""
    page.check(f"#looks input[value={look}]", force=True)
    with page.expect_download() as saved:
        page.click("#snapshot")
    return np.asarray(cv2.imread(str(saved.value.path()), cv2.IMREAD_UNCHANGED))


@pytest.mark.parametrize("renderer", ["2d", "webgl"])
def test_photo_to_straight_png(open_app: Callable[..., Page], renderer: str) -> None:
    page = open_app(f"?renderer={renderer}")
    open_photo(page)
    png = snapshot(page, "transparent")
    photo = cv2.imread(str(ASTRONAUT))
    assert png.shape == (*photo.shape[:2], 4)
    alpha = png[..., 3]
    assert (alpha > 250).mean() > 0.2
    assert (alpha < 5).mean() > 0.2
    soft = (alpha > 20) & (alpha < 250)
    sure = alpha == 255
    assert np.abs(png[sure][:, :3].astype(int) - photo[sure]).max() <= 2
    # Straight: the colours under soft alpha are not darkened by it. WebGL2 takes the background out of them besides.
    if renderer == "2d":
        assert np.abs(png[soft][:, :3].astype(int) - photo[soft]).max() <= 2
    else:
        with load() as pipeline:
            matte = pipeline.step(Frame(np.ascontiguousarray(photo[..., ::-1])))
        assert matte.foreground is not None
        assert np.abs(png[soft][:, :3] - matte.foreground[soft][:, ::-1].astype(float)).mean() < 20
        assert np.abs(alpha / 255 - matte.alpha).mean() < 0.002


# Orientation and how a camera stores pixels of the upright picture with it: turned, or turned and mirrored.
STORED = {
    6: lambda upright: np.rot90(upright),
    5: lambda upright: upright.transpose(1, 0, 2),
    2: lambda upright: upright[:, ::-1],
}


@pytest.mark.parametrize("orientation", STORED)
def test_photo_is_upright_as_in_python(open_app: Callable[..., Page], tmp_path: Path, orientation: int) -> None:
    upright = np.asarray(Image.open(ASTRONAUT).convert("RGB"))[:, 60:460]
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    path = tmp_path / "photo.jpg"
    turned = Image.fromarray(np.ascontiguousarray(STORED[orientation](upright)))
    turned.save(path, exif=exif, quality=98, subsampling=0)
    read = read_image(path).image
    assert read.shape == upright.shape
    assert np.abs(read.astype(int) - upright).mean() < 2

    page = open_app("?renderer=2d")
    open_photo(page, path)
    png = snapshot(page, "none")
    assert png.shape[:2] == read.shape[:2]
    shown = picture(page)
    for found in (png[..., 2::-1], shown[..., :3]):
        assert np.abs(found.astype(int) - read).mean() < 1  # decoders of JPEG differ a little
    with load(temporal="off", refine="bilinear") as pipeline:
        alpha = pipeline.step(Frame(read)).alpha
    assert np.abs(snapshot(page, "transparent")[..., 3] / 255 - alpha).mean() < 0.005


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


@pytest.mark.parametrize(("container", "renderer"), [("webm", "2d"), ("mp4", "2d"), ("webm", "webgl")])
def test_recording_plays(open_app: Callable[..., Page], tmp_path: Path, container: str, renderer: str) -> None:
    page = open_app(f"?renderer={renderer}")
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
