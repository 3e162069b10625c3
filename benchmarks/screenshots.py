"""The pictures of the web app in docs/web.md: a live camera in landscape format, a photo on a phone.

Run:  python -m benchmarks.screenshots [--out docs/images]
Needs Chromium and the playwright package. The camera and the photo are the shipped sample.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import Page, sync_playwright

from benchmarks.command import launch
from pocketmatte.apps.site import HEADERS, site_files
from pocketmatte.io.images import read_image
from pocketmatte.ops.resize import resize
from tests.web.clip import ASTRONAUT, SIZE, write_y4m
from tests.web.page import CHROMIUM, PATIENCE, choose, next_frames, open_photo, start_camera
from tests.web.server import serving

SETTLED = 30  # frames of the camera


def landscape(page: Page) -> None:
    """A live camera before a picture."""
    start_camera(page)
    choose(page, "looks", "image")
    next_frames(page, SETTLED)


def portrait(page: Page) -> None:
    """A photo cut out."""
    open_photo(page)
    page.check("#looks input[value=transparent]", force=True)
    page.wait_for_timeout(1000)


def main() -> None:
    """Open the app twice and photograph it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    out = parser.parse_args().out
    sample = read_image(ASTRONAUT).image
    with tempfile.TemporaryDirectory() as folder, serving(site_files(), HEADERS) as site, sync_playwright() as started:
        clip = Path(folder, "camera.y4m")
        part = sample[: sample.shape[1] * 3 // 4]
        write_y4m(clip, [resize(part, SIZE)] * 2)
        options = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--no-sandbox"]
        options += [f"--use-file-for-fake-video-capture={clip}", "--enable-unsafe-swiftshader"]
        browser = started.chromium.launch(executable_path=CHROMIUM, args=options)
        for name, (width, height), show in (("landscape", (1280, 720), landscape), ("portrait", (390, 844), portrait)):
            page = browser.new_page(viewport={"width": width, "height": height})
            page.set_default_timeout(PATIENCE)
            page.goto(site)
            page.wait_for_function("document.getElementById('model').options.length > 0")
            show(page)
            page.evaluate("document.getElementById('stats').hidden = true")  # the speed of an emulated graphics card
            picture = cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_COLOR)
            cv2.imwrite(str(out / f"web-{name}.jpg"), np.asarray(picture), [cv2.IMWRITE_JPEG_QUALITY, 90])
            page.close()
        browser.close()


if __name__ == "__main__":
    launch(main)
