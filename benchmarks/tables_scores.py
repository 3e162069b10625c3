"""Tables of the documentation that say how good something is; see ``tables.py``."""

from __future__ import annotations

import json

from benchmarks.pages import RESULTS, ROOT, Row, grid, rows
from benchmarks.verdict import judge_prior

NAMES = {
    "mediapipe-selfie-general": "MediaPipe selfie, general 256x256",
    "mediapipe-selfie-landscape": "MediaPipe selfie, landscape 144x256",
}
SETS = ("real", "street", "closeup")
NOBODY = ("empty", "place", "animal", "thing")
PRIORS = {"on": "seen", "off": "forgotten", "frozen": "held for ever"}
FIRST = "first-truth"  # a control of video.csv


def label(row: Row) -> str:
    """How a row is called in a table."""
    if row["model"] == FIRST:
        return "the truth of the first frame"
    name = NAMES.get(row["model"], f"`{row['model']}`")
    runtime = {"litert": ".tflite", "onnxruntime": ".onnx"}[row["runtime"]]
    return (
        name
        if row["model"] in NAMES
        else f"{name} {runtime}" + ("" if row["refine"] == "guided" else f", {row['refine']}")
    )


def accuracy(only: str | None = None) -> str:
    """mIoU / boundary IoU per test set, and what is found where nobody is; ``only`` one model and the peers."""
    found: dict[str, dict[str, Row]] = {}
    for row in rows("accuracy.csv"):
        if only is None or row["model"] == only or row["model"] in NAMES:
            found.setdefault(label(row), {})[row["set"]] = row
    body = []
    for name, sets in found.items():
        cells = [f"{float(sets[s]['miou']):.4f} / {float(sets[s]['biou']):.3f}" for s in SETS]
        empty = sets["empty"]
        cells.append(f"{float(empty['empty_alpha']):.4f}, {float(empty['empty_over']):.0%}")
        body.append([name, *cells])
    head = ["mIoU / boundary IoU", "real (64)", "street (121)", "close-up (50)", "empty (63): mean alpha, over 0.01"]
    return grid(head, body)


def video(only: str | None = None) -> str:
    """Error, flicker and lag on the clips with exact truth; ``only`` one model and the peers."""
    body = []
    for row in rows("video.csv"):
        control = row["prior"] == "frozen"
        if (only in (None, row["model"]) or row["model"] in (*NAMES, FIRST)) and not (
            control and row["model"] in NAMES
        ):
            lag = f"{float(row['lag']):.2f}" if row["lag"] else "-"
            figures = [f"{float(row['mad']):.4f}", f"{100 * float(row['dtssd']):.2f}", lag]
            body.append([label(row), row["clip"], PRIORS[row["prior"]], *figures])
    return grid(["model", "clip", "frame before", "MAD", "dtSSD x 100", "lag, frames"], body)


def slices(only: str | None = None) -> str:
    """Scores by kind of picture over all test sets: the ``.tflite`` models with guided refinement, and the peers."""
    found: dict[str, dict[str, Row]] = {}
    for row in rows("slice_scores.csv"):
        mine = row["runtime"] == "litert" and row["refine"] == "guided" and only in (None, row["model"])
        if mine or row["model"] in NAMES:
            found.setdefault(row["slice"], {})[row["model"]] = row
    models = list(dict.fromkeys(model for values in found.values() for model in values))
    body = []
    for name in sorted(found, key=lambda name: (name in NOBODY, name)):
        cells = []
        for model in models:
            row = found[name][model]
            hit = [f"{float(row['empty_alpha']):.4f}"] if name in NOBODY else [f"{float(row['miou']):.3f}"]
            cells.append(" / ".join(hit if name in NOBODY else [*hit, f"{float(row['biou']):.3f}"]))
        body.append([f"`{name}`", found[name][models[0]]["n"], *cells])
    return grid(["slice", "n", *(NAMES.get(model, f"`{model}`") for model in models)], body)


def cost_of(model: str) -> tuple[str, str, str]:
    """Parameters, multiply-adds and size of the ``.tflite`` file of a model, from its description."""
    places = [
        *(ROOT / "pocketmatte" / "zoo" / "weights").glob("*/spec.json"),
        *(RESULTS / "peers").glob("*.spec.json"),
        *(ROOT / "weights").glob("*/spec.json"),
    ]
    for path in places:
        spec = json.loads(path.read_text())
        if spec["name"] == model:
            files = [path.parent / f["file"] for f in spec["files"] if f["format"] == "litert"]
            size = f"{files[0].stat().st_size / 1e6:.2f}" if files and files[0].is_file() else "-"
            return f"{spec['parameters'] / 1e6:.2f}", f"{spec['macs'] / 1e6:.0f}", size
    return "-", "-", "-"


def tiers() -> str:
    """Every ``.tflite`` model in one row: cost, accuracy and time beside the peers."""
    found: dict[str, dict[str, Row]] = {}
    for row in rows("accuracy.csv"):
        if row["runtime"] == "litert" and (row["refine"] == "guided" or row["model"] in NAMES):
            found.setdefault(row["model"], {})[row["set"]] = row
    times: dict[tuple[str, str], str] = {}
    for row in rows("latency.csv"):
        if row["runtime"] == "litert":
            times[row["model"], row["threads"]] = row["min_ms"] + ("*" if row["void"] else "")
    body = []
    for model, sets in found.items():
        cells = [f"{float(sets[s]['miou']):.4f} / {float(sets[s]['biou']):.3f}" for s in SETS]
        empty = f"{float(sets['empty']['empty_alpha']):.4f} / {float(sets['empty']['empty_worst']):.3f}"
        both = " / ".join(times.get((model, threads), "-") for threads in ("1", "2"))
        body.append([NAMES.get(model, f"`{model}`"), *cost_of(model), *cells, empty, both])
    head = [
        "",
        "M parameters",
        "M MACs",
        "MB",
        "real",
        "street",
        "close-up",
        "empty: mean / worst",
        "ms, 1 / 2 threads",
    ]
    return grid(head, body)


def refine() -> str:
    """Ways to bring a matte to full size: error on soft truth, and time."""
    body = []
    for row in rows("refine.csv"):
        cells = [f"{float(row['biou']):.4f}", f"{1000 * float(row['mad']):.2f}", f"{float(row['grad']):.3f}"]
        body.append([row["truth"], row["small"], row["method"], row["n"], *cells, row["ms_per_mp"]])
    head = ["truth", "small matte", "method", "n", "boundary IoU", "MAD x 1000", "gradient, x 1000", "ms per megapixel"]
    return grid(head, body)


def clean() -> str:
    """What matte clean-up gains on the test sets."""
    body = []
    for row in rows("clean.csv"):
        if row["clean"] != "off" and row["set"] != "empty":
            gains = [f"{100 * float(row[f'{key}_gain']):+.3f}" for key in ("miou", "biou", "mad")]
            cells = [f"`{row['model']}`", f"`{row['clean']}`", row["set"]]
            body.append([*cells, *gains, f"{float(row['conn_gain']):+.3f}"])
    head = ["model", "clean-up", "set", "mIoU, points", "boundary IoU, points", "MAD x 100", "connectivity"]
    return grid(head, body)


def clean_nobody() -> str:
    """What clean-up leaves where nobody is."""
    body = [
        [
            f"`{row['model']}`",
            f"`{row['clean']}`",
            f"{float(row['empty_alpha']):.4f}",
            f"{float(row['empty_over']):.0%}",
        ]
        for row in rows("clean.csv")
        if row["set"] == "empty" and row["clean"] in ("off", "unsure")
    ]
    return grid(["model", "clean-up", "mean alpha where nobody is", "pictures over 0.01"], body)


def temporal() -> str:
    """Flicker, error and lag with and without smoothing in time; the synthetic clips as their mean."""
    groups: dict[tuple[str, str], list[tuple[Row, Row]]] = {}
    off = {(r["model"], r["clip"]): r for r in rows("temporal.csv") if r["temporal"] == "off"}
    for row in rows("temporal.csv"):
        if row["temporal"] == "auto":
            name = "synthetic" if row["clip"].startswith("synthetic") else row["clip"]
            groups.setdefault((row["model"], name), []).append((off[row["model"], row["clip"]], row))

    def mean(some: list[Row], key: str) -> float:
        return sum(float(row[key]) for row in some) / len(some)

    body = []
    for (model, clip), pairs in groups.items():
        before, after = [b for b, _ in pairs], [a for _, a in pairs]
        moved = [f"{100 * mean(before, k):.2f} -> {100 * mean(after, k):.2f}" for k in ("dtssd", "mad")]
        lag = max((float(row["lag"]) for row in after), key=abs)
        tail = [f"{lag:.2f}", f"{100 * mean(after, 'control_mad'):.2f}"]
        accepted = sum(row["accepted"] == "True" for row in after)
        body.append([f"`{model}`, {clip}", *moved, *tail, f"{accepted} of {len(after)}"])
    head = ["model, clips", "dtSSD x 100", "MAD x 100", "largest lag, frames", "frozen: MAD x 100", "accepted"]
    return grid(head, body)


def prior() -> str:
    """What video networks gain from the matte of the frame before, with a verdict by the rule of the smoothing."""
    body = []
    for found in judge_prior(rows("video.csv")):
        before, after = found.before, found.after
        moved = [f"{100 * a:.2f} -> {100 * b:.2f}" for a, b in ((before.dtssd, after.dtssd), (before.mad, after.mad))]
        lag = "-" if after.lag is None else f"{after.lag:.2f}"
        tail = [lag, f"{100 * found.frozen.mad:.2f}", ", ".join(found.fails) or "accepted"]
        body.append([f"{label(found.head)}, {found.head['clip']}", *moved, *tail])
    return grid(["model, clip", "dtSSD x 100", "MAD x 100", "lag, frames", "frozen: MAD x 100", "verdict"], body)


def subtract() -> str:
    """Methods of background subtraction, means over the clips."""
    found: dict[str, list[Row]] = {}
    for row in rows("subtract.csv"):
        found.setdefault(row["method"], []).append(row)

    def mean(some: list[Row], key: str) -> float:
        return sum(float(row[key]) for row in some) / len(some)

    head = ["method", "mIoU", "boundary IoU", "MAD", "dtSSD x100", "ms"]
    body = []
    for name, some in found.items():
        figures = [f"{mean(some, key):.{digits}f}" for key, digits in (("miou", 4), ("biou", 3), ("mad", 4))]
        body.append([name, *figures, f"{100 * mean(some, 'dtssd'):.2f}", f"{mean(some, 'ms'):.0f}"])
    return grid(head, body)


def harmonize() -> str:
    """Foreground PSNR on held-out recoloured composites."""
    document = json.loads((RESULTS / "harmonize.json").read_text())
    ways = {
        "nothing": "nothing",
        "color-transfer": "colour transfer",
        "color-transfer half": "colour transfer, strength 0.5",
        "harmonize": "`harmonize`",
    }
    body = []
    for strength in document["strengths"]:
        found = document["person"][strength]
        cells = [f"{found[way]['psnr']:.2f}" for way in ways]
        body.append([f"{strength} ({document['strengths'][strength]:g})", *cells])
    return grid(["foreground PSNR, dB", *ways.values()], body)


def green() -> str:
    """Colour error of a recomposition with and without foreground estimation."""
    errors = json.loads((RESULTS / "effects.json").read_text())["green_to_red"]
    body = [
        [
            size,
            *(f"{found[key]:.1f}" for key in ("none", "fast")),
            f"{1 - found['fast'] / found['none']:.0%}",
            f"{found['ms']:.1f}",
        ]
        for size, found in errors.items()
    ]
    return grid(["", "`none`", "`fast`", "less by", "ms"], body)
