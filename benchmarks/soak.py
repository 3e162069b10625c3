"""Thousands of frames through the live loop: memory must stay flat after the warm-up.

Run:  python -m benchmarks.soak [--frames 5000] [--mode synced] [--model NAME] [--out results/soak.json]
A synthetic camera (no two frames alike) feeds the real loop of ``pocketmatte live`` with a recording as sink, as fast
as it goes. The resident memory is noted every hundred frames. Exit code 1 when the mean of the last tenth is more than
5 % above that of the tenth after the warm-up (the first fifth).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from pathlib import Path
from statistics import mean

import cv2
import numpy as np

from benchmarks.command import height_width, launch
from pocketmatte.apps.jobs import Settings, open_pipeline
from pocketmatte.apps.live import Show, Wishes
from pocketmatte.apps.live_controls import Controls
from pocketmatte.core import Frame, Size
from pocketmatte.effects.looks import parse_look
from pocketmatte.io.images import read_image
from pocketmatte.pipeline.scheduler import MODES

ASSETS = Path(__file__).parent.parent / "pocketmatte" / "assets"
EVERY = 100
LIMIT = 1.05


class Endless:
    """A source of ``count`` frames of changing content, as fast as they are taken; notes memory on the way."""

    paced = False
    rate = Fraction(30)
    media: str | None = None

    def __init__(self, count: int, size: Size) -> None:
        self.count, self.size = count, size
        self.notes: list[str] = []
        self.memory: list[float] = []
        picture = read_image(ASSETS / "astronaut.jpg").image
        wide = 1.3 * max(size.width / picture.shape[1], size.height / picture.shape[0])
        self._picture = cv2.resize(picture, None, fx=wide, fy=wide, interpolation=cv2.INTER_LINEAR)

    def __iter__(self) -> Iterator[Frame]:
        rng = np.random.default_rng(0)
        height, width = self.size
        for number in range(self.count):
            if number % EVERY == 0:
                self.memory.append(resident())
            y = int(rng.integers(self._picture.shape[0] - height))
            x = int(rng.integers(self._picture.shape[1] - width))
            light = float(rng.uniform(0.5, 1.2))
            image = cv2.convertScaleAbs(self._picture[y : y + height, x : x + width], alpha=light)
            yield Frame(np.asarray(image, np.uint8), Fraction(number, 30), number)

    def close(self) -> None:
        """Nothing to give back."""


def resident() -> float:
    """Resident memory of this process in MiB (Linux)."""
    line = next(li for li in Path("/proc/self/status").read_text().splitlines() if li.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def main() -> int:
    """Run, judge, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=5000)
    parser.add_argument("--mode", choices=MODES, default="exact")
    parser.add_argument("--model")
    parser.add_argument("--size", type=height_width, default="180x320", help="HEIGHTxWIDTH")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    source = Endless(options.frames, options.size)
    settings = Settings(parse_look(f"image:{ASSETS / 'background.jpg'}"), options.model, threads=1)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, open_pipeline(settings) as pipeline:
        wishes = Wishes("camera:0", (str(Path(folder) / "out.mp4"),), options.mode)
        show = Show(wishes, options.mode, source, [pipeline], Controls(settings))
        show.open_sinks()
        code = show.run()
        name = pipeline.spec.name
    tenth = max(1, len(source.memory) // 10)
    start = mean(source.memory[2 * tenth : 3 * tenth])
    end = mean(source.memory[-tenth:])
    flat = code == 0 and end <= LIMIT * start
    row = {"model": name, "mode": options.mode, "size": options.size, "frames": show.meter.frames}
    row |= {"start_mib": round(start, 1), "end_mib": round(end, 1), "growth": round(end / start - 1, 4), "flat": flat}
    row |= {"seconds": round(time.monotonic() - began), "date": date.today().isoformat()}
    print(json.dumps(row))
    if options.out:
        document = {"row": row, "every": EVERY, "resident_mib": [round(m, 1) for m in source.memory]}
        options.out.write_text(json.dumps(document, indent=1) + "\n")
    return 0 if flat else 1


if __name__ == "__main__":
    launch(main)
