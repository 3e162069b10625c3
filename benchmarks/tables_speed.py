"""Tables of the documentation that say how long something takes; see ``tables.py``."""

from __future__ import annotations

import json
import math
from typing import Any

from benchmarks.pages import RESULTS, Row, grid, rows
from benchmarks.tables_scores import NAMES


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


def cost() -> str:
    """Filters, looks and presets at two sizes."""
    sizes = json.loads((RESULTS / "effects.json").read_text())["milliseconds"]
    body = []
    for name in next(iter(sizes.values())):
        found = [size[name] for size in sizes.values()]
        body.append([name, *(f"{row['median']:.1f} ({row['q25']:.1f} - {row['q75']:.1f})" for row in found)])
    return grid(["", *sizes], body)


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


def sustained() -> str:
    """Every fifth minute of runs without a pause, and the slowest minute."""
    runs: dict[tuple[str, ...], list[Row]] = {}
    for row in rows("bench.csv"):
        if row["minute"]:
            runs.setdefault((row["file"], row["commit"], row["part"], row["frame"], row["threads"]), []).append(row)
    body = []
    for (file, _, part, frame, threads), found in runs.items():
        slowest = max(found, key=lambda row: float(row["p50_ms"]))
        shown = [row for row in found if int(row["minute"]) == 1 or int(row["minute"]) % 5 == 0]
        for row in [*shown, slowest]:
            which = row["minute"] + (" (slowest)" if row is slowest else "")
            times = [f"{float(row['p50_ms']):.1f}" + (" (void)" if row["void"] else ""), f"{float(row['p95_ms']):.1f}"]
            cells = [f"`{file}`, {part} {frame}, {threads} thread", which, *times, f"{float(row['spread']):.0%}"]
            body.append([*cells, row["ratio"], f"{float(row['rss_mb']):.0f}" if row["rss_mb"] else "-", row["load"]])
    head = ["file", "minute", "median ms", "p95 ms", "spread", "ratio to minute 1", "RSS MB", "load"]
    return grid(head, body) if body else "Not measured yet."


def live() -> str:
    """Stages of one live frame on one core."""
    body = []
    for found in json.loads((RESULTS / "live.json").read_text())["models"]:
        for name, row in found["stages"].items():
            cells = [str(row[key]) for key in ("min_ms", "median_ms", "iqr_ms")]
            body.append([f"`{found['model']}`: {name}", *cells])
    return grid(["model: stage", "min ms", "median ms", "spread ms"], body)


def throughput() -> str:
    """A 1080p file cut out, against the same file decoded and encoded and nothing else."""
    body = []
    for row in json.loads((RESULTS / "throughput.json").read_text()):
        shares = [f"{row[k]:.2f} ({row[f'{k}_spread'][0]:.2f} - {row[f'{k}_spread'][1]:.2f})" for k in ("wall", "cpu")]
        body.append([f"`{row['model']}`", f"{row['plain_fps']:.1f}", f"{row['full_fps']:.1f}", *shares])
    head = ["model", "decode and encode, frames/s", "with cut-out, frames/s", "ratio", "ratio of processor time"]
    return grid(head, body)


def streaming() -> str:
    """Camera to viewer through an RTMP server."""
    keys = ("p5_ms", "median_ms", "p95_ms")
    body = []
    for row in json.loads((RESULTS / "streaming.json").read_text())["rows"]:
        name = f"`{row['model']}`, {row['mode']}" if row["mode"] else row["model"]
        lost = row["camera"] - row["finished"]
        cells = [str(row[key]) for key in keys] + [f"{row['viewed_share']:.1%}", str(lost), str(row["dropped"])]
        body.append([row["size"], name, *cells])
    head = ["frame", "what", "p5 ms", "median ms", "p95 ms", "of the frames reach the viewer"]
    return grid([*head, "skipped by the network", "dropped by the stream"], body)


def openvino_async() -> str:
    """Ways to keep OpenVINO busy, against LiteRT."""
    found = json.loads((RESULTS / "openvino_async.json").read_text())
    keys = ("min_ms", "median_ms", "iqr_ms", "cpu_ms")
    body = [[row["way"], *(str(row[key]) for key in keys)] for row in found["rows"]]
    return grid([f"`{found['model']}`", "min ms", "median ms", "spread ms", "processor ms"], body)


def serve() -> str:
    """The server under load."""
    found = json.loads((RESULTS / "serve.json").read_text())
    load, memory = found["load"], found["rss"]
    loaded = [row for row in memory if row["after"] in ("load", "soak")]
    behind = [row for row in memory[1:] if row not in loaded]
    told = {code: count for code, count in load["statuses"].items() if code != "200"}
    return grid(
        ["figure", "measured"],
        [
            ["answered / told to come back", f"{load['statuses']['200']} / {sum(told.values())}"],
            ["other errors", str(sum(n for code, n in told.items() if code not in ("429", "503")))],
            ["pictures per second", f"{load['per_second']:.1f}"],
            ["p50 / p95, waiting included", f"{load['p50_ms']} / {load['p95_ms']} ms"],
            ["load average of the machine before", f"{found['load_average']:.1f}"],
            ["resident memory, warm", f"{memory[0]['mib']:.1f} MiB"],
            *([["requests of the warm-up", str(found["warm_up"])]] if "warm_up" in found else []),
            *([["model, commit", f"`{found['model']}`, {found['commit']}"]] if "commit" in found else []),
            [
                f"after {loaded[0]['requests']} to {loaded[-1]['requests']} requests, seen every 100",
                f"{min(row['mib'] for row in loaded):.1f} to {max(row['mib'] for row in loaded):.1f} MiB",
            ],
            *([f"after the {row['after']} ones", f"{row['mib']:.1f} MiB"] for row in behind),
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


def web_card() -> str:
    """The mask on the graphics card and read back, on an emulated adapter."""
    card = json.loads((RESULTS / "web.json").read_text())["webgpu"]
    differ = card["differ"]
    ways = (
        ("webgpu-read-back", "read back, composed by WebGL2"),
        ("webgpu-stays", "stays on the card, composed by WebGPU"),
    )
    body = [[words, f"{card[name]['fps']:.2f} frames per second"] for name, words in ways]
    body += [
        ["masks differ, at most", f"{differ['alpha'] * 255:.1g} of 255"],
        ["pictures differ, at most / mean", f"{differ['picture']:.0f} / {differ['pictureMean']:.3f} of 255"],
    ]
    return grid(["the mask", "found"], body)


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
