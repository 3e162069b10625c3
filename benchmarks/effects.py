"""Cost of every blend filter, look and preset at 720p and 1080p, and what foreground estimation gains.

Run:  python -m benchmarks.effects [--rounds 20] [--json results/effects.json]
One thread; processor time of this process, which another job on the machine disturbs less than the clock; the calls
take turns, so a disturbance hits all of them. The quartiles show the spread. A filter's time includes compositing; a
look's includes making its background. ``green to red``: somebody known, cut out before green and put before red; the
error is that of the colours where the true alpha is 0.05..0.95, against the true composite.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.accuracy import commit
from benchmarks.command import launch, repeats
from benchmarks.ops import draw
from pocketmatte.core import Matte, PocketmatteError, Size, UInt8Image
from pocketmatte.effects.blend import FILTERS, Blend, Recolour
from pocketmatte.effects.looks import parse_look
from pocketmatte.effects.presets import PRESETS, Preset
from pocketmatte.effects.render import Renderer
from pocketmatte.ops.clean import clean_matte
from pocketmatte.ops.composite import composite
from pocketmatte.ops.foreground import estimate_foreground_fast
from pocketmatte.ops.resize import resize

SIZES = {"720p": Size(720, 1280), "1080p": Size(1080, 1920)}
LOOKS = ("blur", "bokeh", "depth", "pixelate")


def harmonizer() -> Recolour | None:
    """The shipped one, if there is one."""
    from pocketmatte.pipeline.harmonizer import load_harmonizer

    try:
        return load_harmonizer(threads=1)
    except PocketmatteError:
        return None


def calls(size: Size, recolour: Recolour | None) -> dict[str, Callable[[], object]]:
    """Name -> call, on one portrait of that size."""
    image, alpha = draw(*size)
    matte = Matte(alpha, estimate_foreground_fast(image, alpha))
    backdrop = np.ascontiguousarray(image[::-1, ::-1])
    small = resize(alpha, Size(256, 256))
    found: dict[str, Callable[[], object]] = {}
    for name in FILTERS:
        blend = Blend(name)
        if blend.needs_harmonizer and recolour is None:
            continue
        renderer = Renderer(parse_look("image:x"), backdrop, blend=blend, harmonizer=recolour)
        found[f"blend {name}"] = partial(renderer.draw, image, matte)
    linear = Renderer(parse_look("image:x"), backdrop, blend=Blend("alpha", (("linear", True),)))
    found["blend alpha:linear"] = partial(linear.draw, image, matte)
    for name in LOOKS:
        found[f"look {name}"] = partial(Renderer(parse_look(name)).draw, image, matte)
    for name in PRESETS:
        found[f"preset {name}"] = partial(Preset(name), image)
    found["clean both"] = partial(clean_matte, small, "both")
    found["foreground fast"] = partial(estimate_foreground_fast, image, alpha)
    return found


def measure(found: dict[str, Callable[[], object]], rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds: smallest, median and quartiles of each call over interleaved rounds."""
    times: dict[str, list[float]] = {name: [] for name in found}
    for turn in range(rounds + 2):
        for name, call in found.items():
            started = time.process_time()
            call()
            if turn >= 2:
                times[name].append((time.process_time() - started) * 1e3)
    keys = ("min", "median", "q25", "q75")
    return {
        n: dict(zip(keys, (round(float(v), 2) for v in np.percentile(t, [0, 50, 25, 75])), strict=True))
        for n, t in times.items()
    }


def green_to_red(size: Size) -> dict[str, float]:
    """Mean colour error in the band, in levels, without and with foreground estimation, and what that takes in ms.

    The time is the median of runs one after the other, as in a pipeline that does nothing else with memory between.
    """
    _, alpha = draw(*size)
    coarse = np.random.default_rng(1).integers(0, 180, (24, 40, 3), dtype=np.uint8)
    person: UInt8Image = np.asarray(cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC), np.uint8)
    green, red = np.empty_like(person), np.empty_like(person)
    green[:], red[:] = (0, 200, 40), (210, 30, 30)
    a = alpha[..., None]
    image = (person * a + green * (1 - a) + 0.5).astype(np.uint8)
    truth = person * a + red * (1 - a)
    band = (alpha > 0.05) & (alpha < 0.95)

    def error(colours: UInt8Image) -> float:
        return round(float(np.abs(composite(colours, alpha, red) - truth)[band].mean()), 2)

    times = []
    for _ in range(40):
        started = time.process_time()
        estimate_foreground_fast(image, alpha)
        times.append((time.process_time() - started) * 1e3)
    fast = error(estimate_foreground_fast(image, alpha))
    return {"none": error(image), "fast": fast, "ms": round(float(np.median(times)), 2)}


def main() -> None:
    """Print the tables; optionally write them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=repeats, default=20)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    recolour = harmonizer()
    document: dict[str, Any] = {
        "setting": {
            "threads": 1,
            "rounds": options.rounds,
            "time": "process",
            "machine": platform.machine(),
            "opencv": cv2.__version__,
            "date": date.today().isoformat(),
            "commit": commit(),
        },
        "milliseconds": {name: measure(calls(size, recolour), options.rounds) for name, size in SIZES.items()},
        "green_to_red": {name: green_to_red(size) for name, size in SIZES.items()},
    }
    rows = document["milliseconds"]
    print(f"{'milliseconds, one thread':28s}" + "".join(f"{name:>8s}   quartiles     " for name in SIZES))
    for call in rows["720p"]:
        cells = (
            f"{row['median']:8.2f}   {row['q25']:5.1f} - {row['q75']:5.1f}" for row in (rows[n][call] for n in SIZES)
        )
        print(f"{call:28s}" + "".join(cells))
    print("green to red, colour error in the soft band:", document["green_to_red"])
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    launch(main)
