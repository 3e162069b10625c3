"""Speed and quality in a browser: LiteRT.js and ONNX Runtime Web, and MediaPipe's selfie segmentation beside them.

Run:  python -m benchmarks.web --onnx FILE [--model NAME] [--data DIR] [--seconds 20] [--out results/web.json]
Headless Chromium on ``--cores`` processors, a fake camera of 640x480 that plays the test clips, one page for all:
camera, network, composition on a colour. Quality: intersection over union at one half against the keyed truth, every
fourth frame of the clips as a single picture, without help from the frames before; the control calls the mean truth of
the clip the answer. Needs ``npm ci`` in clients/web, Chromium and the playwright package; ``--onnx`` is the same model
as ``pocketmatte export`` makes it. Rows say how loaded the machine was, and are marked ``busy`` when too much so.
With ``--engines`` only those are measured, and the other rows of the file stay. The two WebGPU rows compare the mask
that stays on the graphics card with the mask read back, on an adapter that Chromium emulates: what they say of speed
holds for that emulation alone. Each frame takes seconds there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from datetime import date
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from benchmarks.command import integers, launch
from pocketmatte.apps.site import HEADERS, site_files
from pocketmatte.core import Alpha, UInt8Image
from pocketmatte.evaluate.folders import list_frames
from pocketmatte.evaluate.truth import read_truth, stored_as_ones
from pocketmatte.io.images import read_image
from pocketmatte.ops.resize import resize
from pocketmatte.zoo.find import default_model, find_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page, Playwright

WEB = Path(__file__).parents[1] / "clients" / "web"
CLIPS = ("webcam_a_room", "webcam_a_object")
SIZE = (480, 640)
WEBGPU = ("webgpu-read-back", "webgpu-stays")
ENGINES = (
    "litert",
    "litert-1-thread",
    "onnxruntime",
    "onnxruntime-1-thread",
    "mediapipe",
    "mediapipe-landscape",
    *WEBGPU,
)
# SwiftShader for WebGPU and for Chromium's own drawing: only then may a worker have a WebGPU canvas.
CARD = [
    "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--use-angle=vulkan", "--enable-features=Vulkan",
    "--disable-vulkan-surface", "--ignore-gpu-blocklist", "--disable-gpu-watchdog",
]  # fmt: skip
ICD = Path("/usr/lib/chromium/vk_swiftshader_icd.json")
COMPARED = 4  # frames, at seconds each


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=default_model())
    parser.add_argument("--onnx", type=Path, help="the model's .onnx file; without it ONNX Runtime Web is left out")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("POCKETMATTE_DATA", "data")))
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--frames", type=int, default=32, help="of each clip, for the quality")
    parser.add_argument("--cores", type=integers, default="0,1", help="processors that the browser may use")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--icd", type=Path, default=ICD, help="SwiftShader of that Chromium")
    parser.add_argument("--engines", default=",".join(ENGINES), help="only these; others keep their rows")
    parser.add_argument("--out", type=Path, default=Path("results/web.json"))
    return parser.parse_args()


def read_clips(folder: Path, every: int) -> list[tuple[str, list[tuple[UInt8Image, Alpha]]]]:
    """Name and frames with truth of each clip, 480 x 640, every so many frames."""
    clips = []
    for name in CLIPS:
        pairs = list_frames(folder / "test" / "video" / name)[::every]
        ones = stored_as_ones(p.truth for p in pairs)
        frames = [(resize(read_image(p.image).image, SIZE), resize(read_truth(p.truth, ones), SIZE)) for p in pairs]
        clips.append((name, frames))
    return clips


def write_camera(path: Path, clips: list[tuple[str, list[tuple[UInt8Image, Alpha]]]]) -> None:
    """All frames as the raw video that Chromium's fake camera plays."""
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{SIZE[1]} H{SIZE[0]} F30:1 Ip A1:1 C420jpeg\n".encode())
        for _, frames in clips:
            for image, _ in frames:
                file.write(b"FRAME\n" + cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420).tobytes())


def make_site(folder: Path, model: str, onnx: Path | None) -> None:
    """The benchmark's page with engines, models and nothing else."""
    environment = {**os.environ, "WEB_OUT": str(folder)}
    build = ["npx", "vite", "build", "--config", "bench/vite.config.ts", "--logLevel", "error"]
    subprocess.run(build, cwd=WEB, env=environment, check=True)
    packages = WEB / "node_modules"
    links = {
        "ort": packages / "onnxruntime-web" / "dist",
        "mediapipe": packages / "@mediapipe" / "selfie_segmentation",
        "model": find_model(model)[0].folder,
    }
    for name, target in links.items():
        assert target is not None
        (folder / name).symlink_to(target.resolve())
    (folder / "litert").mkdir()
    for name, content in site_files().items():
        if name.startswith("litert/"):
            (folder / name).write_bytes(content if isinstance(content, bytes) else content.read_bytes())
    if onnx is not None:
        (folder / "model.onnx").symlink_to(onnx.resolve())


class Handler(SimpleHTTPRequestHandler):
    """Files of a folder, cross-origin isolated so that every engine may use threads."""

    def end_headers(self) -> None:
        """Add the headers."""
        for key, value in HEADERS.items():
            self.send_header(key, value)
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of a server for the folder."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


def overlap(found: Alpha, truth: Alpha) -> float:
    """Intersection over union of the two at one half; 1 when both are empty."""
    a, b = found >= 0.5, truth >= 0.5
    union = np.count_nonzero(a | b)
    return np.count_nonzero(a & b) / union if union else 1.0


@contextmanager
def page_of(playwright: Playwright, address: str, camera: Path, args: argparse.Namespace, card: bool) -> Iterator[Page]:
    """The benchmark's page in a fresh browser: no engine runs on the leavings of another."""
    browser = playwright.chromium.launch(
        executable_path=args.chromium,
        args=["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
              f"--use-file-for-fake-video-capture={camera}", *(CARD if card else ["--enable-unsafe-swiftshader"])],
        env={**os.environ, **({"VK_ICD_FILENAMES": str(args.icd)} if card else {})},
    )  # fmt: skip
    page = browser.new_page()
    page.set_default_timeout(600_000)
    page.goto(address)
    page.wait_for_function("!!window.open_")
    yield page
    browser.close()


def speed(page: Page, args: argparse.Namespace, cores: int) -> dict[str, Any]:
    """Frames per second and the network's milliseconds of the engine that the page has opened."""
    before = os.getloadavg()[0]  # of the minute before, in which this browser has only begun
    runs = [page.evaluate("s => live(s)", args.seconds) for _ in range(args.repeat)]
    network = np.concatenate([run["network"] for run in runs])
    fps = sorted(run["fps"] for run in runs)
    return {
        "fps": round(fps[len(fps) // 2], 3), "fps_low": round(fps[0], 3), "fps_high": round(fps[-1], 3),
        "network_ms": round(float(np.median(network)), 2), "network_ms_min": round(float(network.min()), 2),
        "load": round(before, 2), "busy": before > 1.5 * cores,
    }  # fmt: skip


def quality(page: Page, clips: list[tuple[str, list[tuple[UInt8Image, Alpha]]]], count: int) -> dict[str, float]:
    """Mean overlap with the truth of each clip's first frames, one by one."""
    found: dict[str, float] = {}
    for number, (clip, frames) in enumerate(clips):
        scores = []
        for index, (_, truth) in enumerate(frames[:count]):
            answer = page.evaluate("a => still(a)", f"{number}-{index}.png")
            alpha = np.array(answer["alpha"], np.float32).reshape(answer["height"], answer["width"]) / 255
            scores.append(overlap(resize(alpha, SIZE), truth))
        found[clip] = round(float(np.mean(scores)), 4)
    return found


def main() -> None:
    """Measure the engines and write the result."""
    from playwright.sync_api import sync_playwright

    args = parse()
    wanted = args.engines.split(",")
    os.sched_setaffinity(0, {*args.cores})
    cores = len(args.cores)
    clips = read_clips(args.data, 4)
    kept = json.loads(args.out.read_text()) if args.out.exists() else {}
    rows: dict[str, dict[str, Any]] = {row["engine"]: row for row in kept.get("rows", [])}
    card: dict[str, Any] = kept.get("webgpu", {})
    with tempfile.TemporaryDirectory() as temporary:
        folder, camera = Path(temporary) / "site", Path(temporary) / "camera.y4m"
        make_site(folder, args.model, args.onnx)
        write_camera(camera, clips)
        for number, (_, frames) in enumerate(clips):
            for index, (image, _) in enumerate(frames[: args.frames]):
                cv2.imwrite(str(folder / f"{number}-{index}.png"), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        with serving(folder) as address, sync_playwright() as playwright:
            for engine in (name for name in ENGINES if name in wanted and name not in WEBGPU):
                if engine == "onnxruntime" and args.onnx is None:
                    continue
                with page_of(playwright, address, camera, args, card=False) as page:
                    single = engine.endswith("-1-thread")
                    name, threads = (engine.partition("-")[0], 1) if single else (engine, cores)
                    page.evaluate("a => open_(...a)", [name, "model/spec.json", "model.onnx", threads])
                    iou = quality(page, clips, args.frames)
                    model = engine if engine.startswith("mediapipe") else args.model
                    rows[engine] = {"engine": engine, "model": model, **speed(page, args, cores), "iou": iou}
                print(json.dumps(rows[engine]), file=sys.stderr, flush=True)
            for engine in (name for name in WEBGPU if name in wanted):
                with page_of(playwright, address, camera, args, card=True) as page:
                    page.evaluate("a => open_(...a)", [engine, "model/spec.json", "", 1])
                    card[engine] = {"model": args.model, "seconds": args.seconds, **speed(page, args, cores)}
                    if engine == WEBGPU[-1]:
                        info = page.evaluate("navigator.gpu.requestAdapter().then(a => a.info.architecture)")
                        names = [f"0-{index}.png" for index in range(COMPARED)]
                        differ = page.evaluate("a => compare(...a)", ["model/spec.json", names])
                        card |= {"adapter": f"{info}, emulated by the processor", "frames": COMPARED, "differ": differ}
                print(json.dumps(card), file=sys.stderr, flush=True)
    document = {**kept, "webgpu": card}
    if set(wanted) - set(WEBGPU):
        control = {}
        for name, frames in clips:
            mean = np.mean([truth for _, truth in frames], axis=0)
            control[name] = round(float(np.mean([overlap(mean, truth) for _, truth in frames[: args.frames]])), 4)
        document |= {
            "what": "headless Chromium, camera 640x480, colour behind by Canvas 2D; webgpu: by WebGL2 and WebGPU",
            "cores": cores, "date": date.today().isoformat(),
            "frames": args.frames, "seconds": args.seconds, "repeat": args.repeat,
            "rows": [rows[engine] for engine in ENGINES if engine in rows], "control_iou": control,
        }  # fmt: skip
    args.out.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    launch(main)
