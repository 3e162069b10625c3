"""Network and composition by WebGPU, on Chromium's software adapter: that it works, not how fast it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, Playwright

from pocketmatte.apps.site import HEADERS, PAGE, site_files
from pocketmatte.core import Alpha, Frame
from pocketmatte.ops.clean import clean_matte
from pocketmatte.pipeline.golden import read_golden
from pocketmatte.pipeline.pipeline import load
from tests.web.clip import SIZE, frames
from tests.web.conftest import FAKE
from tests.web.page import CHROMIUM, next_frames, pixels, start_camera
from tests.web.server import serving

pytestmark = pytest.mark.system

MODEL = "base-video"  # it has a state as well
PATIENCE = 300_000
# SwiftShader for WebGPU and, so that a worker may have a WebGPU canvas, for Chromium's own drawing too.
CARD = [
    "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--use-angle=vulkan", "--enable-features=Vulkan",
    "--disable-vulkan-surface", "--ignore-gpu-blocklist", "--disable-gpu-watchdog",
]  # fmt: skip
ICD = "/usr/lib/chromium/vk_swiftshader_icd.json"
# Frames one after the other through an engine of its own, as the loop sends them; `drawn` of them by the worker.
FOLLOW = """async ([model, count, compose, drawn]) => {
  const engine = new app.engine.constructor(), root = document.baseURI, result = { mattes: [] };
  const spec = new URL(app.site.models.find(m => m.name === model).spec, root).href;
  const load = { engine: new URL('litert/', root).href, model: spec, harmonizer: null, threads: 1, compose };
  result.loaded = await engine.ask({ kind: 'load', accelerator: 'webgpu', ...load });
  for (let i = 0; i < count; i++) {
    const frame = await createImageBitmap(await (await fetch(`frame${i}.png`)).blob());
    if (drawn.includes(i)) {
      const look = { look: 'color', color: [0, 177 / 255, 64 / 255], blur: 0, edge: null, mirrored: false };
      const drawing = { ...look, backdrop: null };
      const { picture } = await engine.ask({ kind: 'draw', frame, drawing }, [frame]);
      result.mattes.push(null);
      const canvas = new OffscreenCanvas(picture.width, picture.height), context = canvas.getContext('2d');
      context.drawImage(picture, 0, 0);
      result.picture = [...context.getImageData(0, 0, picture.width, picture.height).data];
    } else result.mattes.push([...(await engine.ask({ kind: 'see', frame, live: true }, [frame])).alpha]);
  }
  engine.close();
  return result;
}"""


@contextmanager
def card(playwright: Playwright, files: dict[str, Path | bytes], camera: Path, query: str = "") -> Iterator[Page]:
    """The app in a browser whose WebGPU is SwiftShader."""
    with serving(files, HEADERS) as address:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", *CARD, *FAKE, f"--use-file-for-fake-video-capture={camera}"],
            env={**os.environ, "VK_ICD_FILENAMES": ICD},
        )
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address + query)
        page.wait_for_function("document.getElementById('model').options.length > 0")
        yield page
        browser.close()
        assert errors == []


def test_mask_stays_on_the_card_and_agrees(playwright: Playwright, camera_clip: Path) -> None:
    """Golden vectors; then live frames: mask on the card, mask read back, and Python."""
    pictures = frames(3)
    files = site_files()
    for index, picture in enumerate(pictures):
        files[f"frame{index}.png"] = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes()
    with load(MODEL, runtime="litert", temporal="auto") as pipeline:
        golden = read_golden(pipeline.spec)
        still, _ = pipeline.infer(golden["image"])
        pipeline.reset()
        wanted = [clean_matte(pipeline.look(Frame(picture)).alpha, "unsure") for picture in pictures]
    with card(playwright, files, camera_clip, "?accelerator=wasm") as page:
        kept = page.evaluate(FOLLOW, [MODEL, len(pictures), True, [1]])
        read = page.evaluate(FOLLOW, [MODEL, len(pictures), False, []])
        page.goto(page.url.partition("?")[0] + f"check.html?accelerator=webgpu&model={MODEL}")
        page.wait_for_function("window.finished")
        assert page.inner_text("[role=status]") == "All models passed."
        (result,) = page.evaluate("results.map(r => ({...r, values: [...r.values]}))")
    assert [run["loaded"]["placement"]["accelerator"] for run in (kept, read)] == ["webgpu"] * 2
    assert [run["loaded"]["composes"] for run in (kept, read)] == [True, False]
    assert result["accelerator"] == "webgpu"
    assert np.abs(np.array(result["values"]) - still.ravel()).max() <= 2 / 255

    def distance(matte: list[float], alpha: Alpha | list[float]) -> float:
        return float(np.abs(np.array(matte) - np.array(alpha).ravel()).max())

    for index in (0, 2):
        assert distance(kept["mattes"][index], read["mattes"][index]) < 1e-4, index
        assert distance(kept["mattes"][index], wanted[index]) <= 2 / 255, index
    drawn = np.array(kept["picture"], int).reshape(*SIZE, 4)
    assert (drawn[..., 3] == 255).all()
    assert np.abs(drawn[30, 30] - [0, 177, 64, 255]).max() <= 1
    assert np.abs(drawn[300, 240, :3] - pictures[1][300, 240]).max() <= 4


def test_lost_card_while_it_draws(playwright: Playwright, camera_clip: Path) -> None:
    """Looks are drawn in the worker; when the card is lost, the network moves to WebAssembly and goes on."""
    remember = (
        b"{ const ask = GPUAdapter.prototype.requestDevice; GPUAdapter.prototype.requestDevice ="
        b" async function (wish) { return (self.device = await ask.call(this, wish)); }; }"
    )
    files = site_files()
    files["worker.js"] = remember + (PAGE / "worker.js").read_bytes()
    with card(playwright, files, camera_clip, "?accelerator=webgpu") as page:
        start_camera(page)
        page.check("#looks input[value=image]", force=True)
        next_frames(page)
        assert page.evaluate("app.stage.drawnBy") == "WebGPU"
        drawn = pixels(page, [(30, 30)])[0]
        assert drawn[2] > drawn[1] > drawn[0]
        assert drawn[3] == 255  # the top of the dusk picture
        page.workers[0].evaluate("self.device.destroy()")
        page.wait_for_function("app.stage.drawnBy !== 'WebGPU'")
        assert "wasm" in page.evaluate("app.placement")
        next_frames(page)
        assert np.abs(np.array(pixels(page, [(30, 30)])[0]) - drawn).max() <= 4
