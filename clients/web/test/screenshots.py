"""Screenshots for the documentation: `PYTHONPATH=. python clients/web/test/screenshots.py`."""

from __future__ import annotations

import tempfile
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import sync_playwright

from pocketmatte.apps.site import HEADERS, site_files
from tests.web.clip import frames, write_y4m
from tests.web.server import serving

ROOT = Path(__file__).parents[3]
SHOTS = {
    "web-landscape": ((1280, 720), "image", "harmonize"),
    "web-portrait": ((390, 844), "transparent", "alpha"),
}


def main() -> None:
    """Write them to docs/images."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        clip = Path(folder) / "camera.y4m"
        write_y4m(clip, frames())
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
                  f"--use-file-for-fake-video-capture={clip}", "--enable-unsafe-swiftshader"],
        )  # fmt: skip
        with serving(site_files(), HEADERS) as address:
            for name, ((width, height), look, blend) in SHOTS.items():
                page = browser.new_page(viewport={"width": width, "height": height})
                page.set_default_timeout(120_000)
                page.goto(f"{address}?renderer=webgl")
                page.wait_for_function("document.getElementById('model').options.length > 0")
                page.check(f"#looks input[value={look}]", force=True)
                page.check(f"#filters input[value={blend}]", force=True)
                page.click("#open-camera")
                page.wait_for_function("app.loop.times !== null")
                page.wait_for_timeout(4000)
                # Speed is not what a picture made on any machine can tell.
                page.add_style_tag(content="#stats { display: none }")
                picture = cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_COLOR)
                cv2.imwrite(str(ROOT / "docs" / "images" / f"{name}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 85])
                page.close()
        browser.close()


if __name__ == "__main__":
    main()
