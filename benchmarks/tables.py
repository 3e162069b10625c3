"""Fill the tables of the documentation from the files in ``results/``: no figure is typed by hand.

Run:  python benchmarks/tables.py [--check]       (the model cards are written by benchmarks/cards.py)
Each table stands between ``<!-- NAME -->`` and ``<!-- /NAME -->``. ``--check`` writes nothing and fails when a page is
not what the results say.
"""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results"
NAMES = {
    "mediapipe-selfie-general": "MediaPipe selfie, general 256x256",
    "mediapipe-selfie-landscape": "MediaPipe selfie, landscape 144x256",
}
SETS = ("real", "street", "closeup")
NOBODY = ("empty", "place", "animal", "thing")
PRIORS = {"on": "seen", "off": "forgotten", "frozen": "held for ever"}
FIRST = "first-truth"  # a control of video.csv
Row = dict[str, str]


def rows(file: str) -> list[Row]:
    """The rows of a CSV file in ``results/``."""
    with (RESULTS / file).open(newline="") as opened:
        return list(csv.DictReader(opened))


def grid(head: list[str], body: list[list[str]]) -> str:
    """A Markdown table, first column to the left."""
    rule = ["---", *("---:" for _ in head[1:])]
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, rule, *body])


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


def latency() -> str:
    """Network alone, and its ratio to the first row of the same run."""
    body = []
    for row in rows("latency.csv"):
        void = " (void: spread over 15 %)" if row["void"] else ""
        body.append(
            [
                NAMES.get(row["model"], f"`{row['model']}`") + f", {row['runtime']}",
                row["threads"],
                row["min_ms"],
                row["median_ms"] + void,
                row["ratio"],
            ]
        )
    return grid(["network alone", "threads", "min ms", "median ms", "ratio of minima"], body)


def stages() -> str:
    """Stages of one 1280x720 frame on one thread."""
    document = json.loads((RESULTS / "stages.json").read_text())
    body = [[name, str(v["min_ms"]), str(v["median_ms"]), str(v["iqr_ms"])] for name, v in document["stages"].items()]
    return grid(["stage of a 1280x720 frame, 1 thread", "min ms", "median ms", "spread ms"], body)


def clean() -> str:
    """What matte clean-up gains on the test sets."""
    body = []
    for row in rows("clean.csv"):
        if row["clean"] != "off":
            gains = [f"{100 * float(row[f'{key}_gain']):+.3f}" for key in ("miou", "biou", "mad")]
            body.append([f"`{row['clean']}`", row["set"], *gains, f"{float(row['conn_gain']):+.3f}"])
    return grid(["clean-up", "set", "mIoU, points", "boundary IoU, points", "MAD x 100", "connectivity"], body)


def cost() -> str:
    """Filters, looks and presets at two sizes."""
    sizes = json.loads((RESULTS / "effects.json").read_text())["milliseconds"]
    body = []
    for name in next(iter(sizes.values())):
        found = [size[name] for size in sizes.values()]
        body.append([name, *(f"{row['median']:.1f} ({row['q25']:.1f} - {row['q75']:.1f})" for row in found)])
    return grid(["", *sizes], body)


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


def ablation() -> str:
    """What each loss brought: mean over seeds and half their range; one block per proxy."""
    proxies: dict[tuple[str, ...], dict[str, list[Row]]] = {}
    for row in rows("ablation.csv"):
        proxy = tuple(row[key] for key in ("net", "size", "samples", "people"))
        proxies.setdefault(proxy, {}).setdefault(row["row"], []).append(row)
    body = []
    for (net, size, samples, _), found in proxies.items():
        for name, seeds in found.items():
            cells = []
            for key, digits in (("score", 4), ("miou", 4), ("biou", 4), ("empty", 4), ("flicker", 2)):
                values = [float(seed[key]) for seed in seeds]
                spread = f" ± {(max(values) - min(values)) / 2:.{digits}f}" if len(values) > 1 else ""
                cells.append(f"{sum(values) / len(values):.{digits}f}{spread}")
            body.append([name, f"{net}, {size} px, {int(samples):,}", str(len(seeds)), *cells])
    head = ["losses", "network, size, samples", "seeds", "score", "mIoU", "boundary IoU", "alpha on empty", "flicker"]
    return grid(head, body)


def pruning() -> str:
    """Accuracy and cost as channels go."""
    body = []
    for row in rows("prune.csv"):
        name = f"`{row['model']}`" + (f", {row['importance']} {float(row['share']):.0%}" if row["importance"] else "")
        cost = [f"{int(row['macs']) / 1e6:.0f} M", f"{int(row['parameters']) / 1e3:.0f} k"]
        scores = [f"{float(row[key]):.4f}" for key in ("score_pruned", "score", "miou", "biou")]
        body.append([name, *cost, _milliseconds(row), *scores])
    head = ["network, removed", "multiply-adds", "parameters", "ms, 1 thread"]
    return grid([*head, "score as cut", "score fine-tuned", "mIoU", "boundary IoU"], body)


def qat() -> str:
    """Float and int8 files after the same fine-tuning, with and without rounding."""
    body = []
    for row in rows("qat.csv"):
        name = f"`{row['model']}`, {'with' if row['qat'] == 'yes' else 'without'}, {row['precision']}"
        cells = [f"{float(row[key]):.4f}" for key in ("score", "miou", "biou", "from_float", "worst")]
        body.append([name, row["size"], row["samples"], *cells])
    head = ["fine-tuned with or without, file", "size", "samples", "score", "mIoU", "boundary IoU"]
    return grid([*head, "mean distance from float", "worst picture"], body)


def search() -> str:
    """The candidates of the architecture search."""
    body = []
    for row in rows("search.csv"):
        spread = f" ± {float(row['half_range']):.4f}" if row.get("seeds", "") not in ("", "1") else ""
        score = [f"{float(row[key]):.4f}" if row.get(key) else "-" for key in ("score", "miou", "biou")]
        cost = [f"{int(row['macs']) / 1e6:.0f} M", f"{int(row['parameters']) / 1e3:.0f} k"]
        body.append([row["question"], NAMES.get(row["name"], row["name"]), row["note"], *cost, _milliseconds(row)])
        body[-1] += [score[0] + spread, *score[1:]]
    head = ["question", "candidate", "", "multiply-adds", "parameters", "ms, 1 thread"]
    return grid([*head, "score", "mIoU", "boundary IoU"], body)


def _milliseconds(row: Row) -> str:
    """Fastest and median run, and whether the row is void."""
    if not row.get("min_ms"):
        return "-"
    return f"{row['min_ms']} (median {row['median_ms']}" + (", void)" if row["void"] else ")")


def bench() -> str:
    """Network and whole frame of the newest run of each model, with the load it met."""
    newest: dict[tuple[str, ...], Row] = {}
    for row in rows("bench.csv"):
        if row["part"] in ("network", "chain") and not row["minute"]:
            newest[tuple(row[k] for k in ("device", "file", "runtime", "threads", "part", "frame"))] = row
    body = []
    for row in newest.values():
        void = " (void)" if row["void"] else ""
        cells = [row["runtime"], row["threads"], f"{row['part']} {row['frame']}".strip()]
        times = [f"{float(row[k]):.1f}" for k in ("min_ms", "p50_ms", "p95_ms") if row[k]]
        cells += [*times[:1], times[1] + void, *times[2:], f"{float(row['spread']):.0%}", row["ratio"]]
        memory = f"{float(row['rss_mb']):.0f}" if row["rss_mb"] else "-"
        body.append([f"`{row['file']}`", *cells, memory, f"{float(row['size_mb']):.2f}", row["load"], row["date"]])
    head = ["file", "runtime", "threads", "part", "min ms", "median ms", "p95 ms", "spread", "ratio"]
    return grid([*head, "RSS MB", "file MB", "load", "date"], body)


def transfer() -> str:
    """The micro-models of the GPU-transfer study."""
    body = []
    for row in json.loads((RESULTS / "gpu_transfer.json").read_text())["models"]:
        shapes = ["x".join(map(str, row[k])) for k in ("input", "output")]
        cells = [f"{row[k]:,}" for k in ("parameters", "file_bytes", "output_bytes")]
        times = [_processor_time(row[k]) for k in ("run", "decode")]
        body.append([f"`{row['name']}`", *shapes, *cells, *times, "yes" if row["exact"] else "NO"])
    head = ["micro-model", "input", "output", "parameters", "file, bytes", "output, bytes"]
    return grid([*head, "run, ms", "decode, ms", "exact"], body)


def transfer_method() -> str:
    """How, where and when the study was measured."""
    found = json.loads((RESULTS / "gpu_transfer.json").read_text())
    load = f", load average {found['load']:.1f}" if found["load"] is not None else ""
    return f"Smallest value; {found['method']}. {found['device']}{load}, {found['date']}, commit {found['commit']}."


def sweep() -> str:
    """Time of a lone convolution, one property changed at a time."""
    found = json.loads((RESULTS / "gpu_transfer.json").read_text())["sweep"]
    body = [
        [
            f"{r['side']}x{r['side']}",
            f"{r['kernel']}x{r['kernel']}",
            str(r["stride"]),
            str(r["channels"]),
            f"{r['macs'] / 1e6:.1f}",
            _processor_time(r),
            f"{r['macs'] / 1e6 / r['min_ms']:.1f}",
        ]
        for r in found
    ]
    return grid(["picture", "kernel", "stride", "channels", "M multiplications", "ms", "M per ms"], body)


def exponents() -> str:
    """Measured growth of time beside the rule of thumb: over all cases, and between the two with the most work."""
    document = json.loads((RESULTS / "gpu_transfer.json").read_text())
    rule = {"side": "2", "kernel": "2", "stride": "-2", "channels": "2"}
    base = document["sweep"][0]
    body = []
    for key, slope in document["exponents"].items():
        mine = [r for r in document["sweep"] if all(r[k] == base[k] for k in rule if k != key)]
        less, most = sorted(mine, key=lambda r: float(r["macs"]))[-2:]
        steep = math.log(most["min_ms"] / less["min_ms"]) / math.log(most[key] / less[key])
        body.append([key, rule[key], f"{slope:.2f}", f"{steep:.2f} ({key} {less[key]} to {most[key]})"])
    return grid(["property", "rule", "all cases", "the two with the most work"], body)


def _processor_time(row: dict[str, Any]) -> str:
    return f"{row['min_ms']:.3f}" + (" (void)" if row["void"] else "")


def temporal() -> str:
    """Flicker, error and lag with and without smoothing in time."""
    off = {(r["model"], r["clip"]): r for r in rows("temporal.csv") if r["temporal"] == "off"}
    body = []
    for row in rows("temporal.csv"):
        if row["temporal"] == "off":
            continue
        before = off[row["model"], row["clip"]]
        pairs = [f"{100 * float(before[k]):.2f} -> {100 * float(row[k]):.2f}" for k in ("dtssd", "mad")]
        tail = [f"{float(row['lag']):.2f}", f"{100 * float(row['control_mad']):.2f}"]
        accepted = "yes" if row["accepted"] == "True" else "no"
        body.append([f"`{row['model']}`, {row['clip']}", *pairs, *tail, accepted])
    return grid(["model, clip", "dtSSD x 100", "MAD x 100", "lag, frames", "frozen: MAD x 100", "accepted"], body)


def live() -> str:
    """Stages of one live frame on one core."""
    body = []
    for found in json.loads((RESULTS / "live.json").read_text())["models"]:
        for name, row in found["stages"].items():
            cells = [str(row[key]) for key in ("min_ms", "median_ms", "iqr_ms")]
            body.append([f"`{found['model']}`: {name}", *cells])
    return grid(["model: stage", "min ms", "median ms", "spread ms"], body)


def openvino_async() -> str:
    """Ways to keep OpenVINO busy, against LiteRT."""
    found = json.loads((RESULTS / "openvino_async.json").read_text())
    keys = ("min_ms", "median_ms", "iqr_ms", "cpu_ms")
    body = [[row["way"], *(str(row[key]) for key in keys)] for row in found["rows"]]
    return grid([f"`{found['model']}`", "min ms", "median ms", "spread ms", "processor ms"], body)


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


def serve() -> str:
    """The server under load."""
    found = json.loads((RESULTS / "serve.json").read_text())
    load, memory = found["load"], found["rss_mib"]
    told = {code: count for code, count in load["statuses"].items() if code != "200"}
    return grid(
        ["figure", "measured"],
        [
            ["answered / told to come back", f"{load['statuses']['200']} / {sum(told.values())}"],
            ["other errors", str(sum(n for code, n in told.items() if code not in ("429", "503")))],
            ["pictures per second", f"{load['per_second']:.1f}"],
            ["p50 / p95, waiting included", f"{load['p50_ms']} / {load['p95_ms']} ms"],
            ["resident memory, warm / at the end", f"{memory[0]:.0f} / {memory[-1]:.0f} MiB"],
            [
                "malformed requests refused (4xx)",
                f"{sum(n for c, n in found['malformed'].items() if c[0] == '4')} of 100",
            ],
        ],
    )


def web() -> str:
    """Engines in the browser."""
    body = [
        [row["engine"], f"{row['fps']:.1f}", f"{row['network_ms']:.1f}", f"{row['network_ms_min']:.1f}"]
        + [f"{row['iou'][clip]:.3f}" for clip in ("webcam_a_room", "webcam_a_object")]
        for row in json.loads((RESULTS / "web.json").read_text())["rows"]
    ]
    return grid(["engine", "frames per second", "network, median ms", "min ms", "IoU room", "IoU object"], body)


TABLES: dict[str, Callable[[], str]] = {
    "web": web,
    "subtract": subtract,
    "serve": serve,
    "accuracy": accuracy,
    "video": video,
    "slices": slices,
    "tiers": tiers,
    "refine": refine,
    "latency": latency,
    "stages": stages,
    "clean": clean,
    "temporal": temporal,
    "live": live,
    "openvino-async": openvino_async,
    "cost": cost,
    "harmonize": harmonize,
    "green": green,
    "ablation": ablation,
    "pruning": pruning,
    "qat": qat,
    "search": search,
    "bench": bench,
    "transfer": transfer,
    "transfer-method": transfer_method,
    "sweep": sweep,
    "exponents": exponents,
}
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))


def fill(text: str) -> str:
    """The page with every table it marks."""
    for name, table in TABLES.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        if begin in text:
            before, rest = text.split(begin, 1)
            after = rest.split(end, 1)[1]
            text = f"{before}{begin}{table()}\n{end}{after}"
    return text


def main() -> int:
    """Write or check all pages; 1 when a check fails."""
    stale = [page for page in PAGES if fill(page.read_text()) != page.read_text()]
    if "--check" in sys.argv[1:]:
        for page in stale:
            print(f"{page.relative_to(ROOT)} is not what results/ says: python benchmarks/tables.py")
        return 1 if stale else 0
    for page in stale:
        page.write_text(fill(page.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
