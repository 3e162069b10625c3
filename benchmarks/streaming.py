"""How late a viewer sees a streamed frame, and how many are lost: camera, matting, RTMP server, reader, one machine.

Run:  python -m benchmarks.streaming [MODEL ...] [--size 480x640 ...] [--seconds 20] [--out results/streaming.json]
Needs nginx with its RTMP module (``make test-system`` installs it). A camera of 30 frames a second paints each frame's
number into its top rows; they are copied to the finished picture, published, read by ``StreamSource`` in a process of
its own and compared with the clock, which all processes of a machine share. `published as it is` is the same way
without matting: the rest is what the server, the encoder and the reader cost.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import multiprocessing
import multiprocessing.synchronize
import os
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.command import height_width, launch
from benchmarks.live import ASSETS
from pocketmatte.apps.jobs import Settings, open_pipeline
from pocketmatte.apps.live import Show, Wishes
from pocketmatte.apps.live_controls import Controls
from pocketmatte.core import Frame, Matte, PocketmatteError, Size, UInt8Image
from pocketmatte.effects.looks import parse_look
from pocketmatte.io.images import read_image
from pocketmatte.io.live import SinkRequest
from pocketmatte.io.stream_sink import StreamSink
from pocketmatte.io.stream_source import StreamSource
from pocketmatte.pipeline.scheduler import Mode
from tests.io.stream_servers import nginx

RATE = Fraction(30)
BITS = 14
ROWS = 16  # pixels
WARM = 3.0  # seconds after the reader's first frame: connections, caches
FEWEST = 20  # frames that give a 5th percentile
PLAIN = "published as it is"


def paint(image: UInt8Image, number: int) -> None:
    """Write ``number`` into the top rows as white and black blocks, which survive compression."""
    for bit, columns in enumerate(np.array_split(np.arange(image.shape[1]), BITS)):
        image[:ROWS, columns] = 235 if number >> bit & 1 else 16


def number_of(image: UInt8Image) -> int:
    """What :func:`paint` wrote."""
    blocks = np.array_split(image[2 : ROWS - 2].mean(axis=(0, 2)), BITS)
    return sum(int(np.median(block) > 128) << bit for bit, block in enumerate(blocks))


class Camera:
    """Frames at camera pace; ``taken`` has the time at which each was ready. A frame that nobody fetched is gone."""

    paced = True
    rate = RATE
    media: str | None = None

    def __init__(self, size: Size, seconds: float) -> None:
        self.size, self.count = size, round(seconds * RATE)
        self.notes: list[str] = []
        self.taken: dict[int, float] = {}
        picture = read_image(ASSETS / "astronaut.jpg").image
        wide = 1.1 * max(size.width / picture.shape[1], size.height / picture.shape[0])
        self._picture = cv2.resize(picture, None, fx=wide, fy=wide)

    def __iter__(self) -> Iterator[Frame]:
        height, width = self.size
        began, number = time.monotonic(), -1
        while True:
            number = max(number + 1, int((time.monotonic() - began) * RATE))
            if number >= self.count:
                return
            time.sleep(max(0.0, began + number / RATE - time.monotonic()))
            y, x = number % 13, 2 * (number % 17)
            image = np.array(self._picture[y : y + height, x : x + width], np.uint8)
            paint(image, number)
            self.taken[number] = time.monotonic()
            yield Frame(image, number / RATE, number)

    def close(self) -> None:
        """Nothing to give back."""


class Numbered(Controls):
    """Keeps the painted number in the finished picture."""

    def draw(self, image: UInt8Image, matte: Matte) -> UInt8Image:
        """As before, with the top rows of the camera's picture."""
        picture = np.array(super().draw(image, matte), np.uint8)
        picture[:ROWS] = image[:ROWS]
        return picture


def view(address: str, answer: Connection, done: multiprocessing.synchronize.Event) -> None:
    """The viewer: notes when each number was seen until ``done``, whatever the stream does."""
    seen: dict[int, float] = {}

    def watch() -> None:
        while not done.is_set():
            try:
                for frame in StreamSource(address, patience=0):
                    seen.setdefault(number_of(frame.image), time.monotonic())
            except PocketmatteError:  # it is not published yet
                time.sleep(0.05)

    threading.Thread(target=watch, daemon=True).start()
    done.wait()
    answer.send(dict(seen))


def publish(camera: Camera, address: str, model: str, mode: Mode) -> tuple[int, dict[str, Any]]:
    """Run the camera through to the server: frames finished, and the stream's own figures."""
    if model == PLAIN:
        sink = StreamSink(address, SinkRequest(camera.size, camera.rate, camera))
        finished = 0
        for frame in camera:
            sink.write(frame)
            finished += 1
        sink.close()
        return finished, {"sent": sink.status.sent, "dropped": sink.status.dropped}
    settings = Settings(parse_look(f"image:{ASSETS / 'background.jpg'}"), model, threads=2)
    with open_pipeline(settings) as pipeline:
        show = Show(Wishes("camera:0", (address,), mode, json=True), mode, camera, [pipeline], Numbered(settings))
        show.open_sinks()
        with contextlib.redirect_stdout(io.StringIO()):
            show.run()
        status = show.streams[0].status
        return show.meter.frames, {"sent": status.sent, "dropped": status.dropped}


def measure(model: str, mode: Mode, size: Size, seconds: float) -> dict[str, Any]:
    """One row. Latency in ms from the camera's frame to the reader's, without the first seconds."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    done = spawn.Event()
    with tempfile.TemporaryDirectory() as folder, nginx(Path(folder)) as server:
        address = f"rtmp://127.0.0.1:{server.port}/live/show"
        viewer = spawn.Process(target=view, args=(address, there, done))
        viewer.start()
        camera = Camera(size, seconds + 2 * WARM)
        finished, row = publish(camera, address, model, mode)
        time.sleep(1)
        done.set()
        seen: dict[int, float] = here.recv()
        viewer.terminate()  # its reader may still be waiting for the server
        viewer.join()
    first = min(seen.values(), default=0.0) + WARM
    late = [1e3 * (when - camera.taken[n]) for n, when in seen.items() if n in camera.taken and when > first]
    if len(late) < FEWEST:
        raise PocketmatteError(
            f"the viewer saw {len(late)} frames after its first {WARM:g} s, expected at least {FEWEST}: raise --seconds"
        )
    shares = statistics.quantiles(late, n=20)
    latency = dict(zip(("p5_ms", "median_ms", "p95_ms"), (shares[0], statistics.median(late), shares[-1]), strict=True))
    after = [n for n, when in seen.items() if when > first]
    row |= {"camera": camera.count, "finished": finished}
    row |= {"viewed_share": round(len(after) / (max(after) - min(after) + 1), 4)}
    what = {"model": model, "mode": mode if model != PLAIN else "", "size": f"{size.height}x{size.width}"}
    return {**what, **{key: round(value, 1) for key, value in latency.items()}, **row}


def main() -> None:
    """Parse options, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["nano", "base"], metavar="MODEL")
    parser.add_argument(
        "--size", type=height_width, nargs="*", default=[Size(480, 640), Size(720, 1280)], metavar="HEIGHTxWIDTH"
    )
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = []
    for size in options.size:
        for model in (PLAIN, *options.models):
            modes: tuple[Mode, ...] = ("live",) if model == PLAIN else ("live", "synced")
            for mode in modes:
                rows.append(measure(model, mode, size, options.seconds))
                print(json.dumps(rows[-1]), flush=True)
    if options.out:
        done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
        setting: dict[str, Any] = {
            "rate": int(RATE),
            "cores": os.cpu_count(),
            "load_average": round(os.getloadavg()[0], 1),
        }
        setting |= {"date": date.today().isoformat(), "commit": done.stdout.strip()}
        options.out.write_text(json.dumps({"setting": setting, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    launch(main)
