"""Tables of the documentation about training; see ``tables.py``."""

from __future__ import annotations

from benchmarks.pages import Row, grid, rows
from benchmarks.tables_scores import NAMES


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


def train_step() -> str:
    """What a training step costs on one core, by way of working."""
    body = []
    for row in rows("train_step.csv"):
        name = f"`{row['network']}`, {row['size']} px, {row['batch']} pictures"
        void = " (void)" if row["void"] else ""
        body.append([name, row["way"], f"{float(row['median_ms']):.0f}{void}", row["spread"], row["times_as_fast"]])
    return grid(["step of", "precision", "median ms", "spread", "times as fast as plain torch"], body)


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
