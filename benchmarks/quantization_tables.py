"""Fill the tables of docs/quantization.md from ``results/quantization.csv`` and ``results/sensitivity-*.csv``, the
one of docs/residency.md from the lists in the code, and the one of docs/mobile.md from the shipped files.

Run:  python -m benchmarks.quantization_tables [--check]     (--check writes nothing and fails when a page is stale)
"""

from __future__ import annotations

import csv
import sys

from benchmarks.pages import RESULTS, ROOT, Tables, filled, grid, rows_if_any, write_or_check
from pocketmatte.export.residency import TargetReport, residency
from pocketmatte.export.residency_targets import TARGETS
from pocketmatte.zoo.find import list_models

PAGES = tuple(ROOT / "docs" / f"{name}.md" for name in ("quantization", "residency", "mobile"))
SHOWN = 10  # most sensitive parts listed


def precisions() -> str:
    """Size, accuracy and speed of every precision."""
    body = []
    for row in rows_if_any("quantization.csv"):
        name = f"`{row['model']}`" + ("" if row["trained"] else " (untrained)")
        accuracy = [row[k] or "-" for k in ("miou", "loss_points", "worst_points")]
        time = f"{float(row['min_ms']):.2f}"
        void = "yes" if row["void"] else ""
        body.append(
            [name, row["precision"], f"{int(row['bytes']) / 1e6:.3f}", *accuracy, time, f"{row['speedup']}x", void]
        )
    head = ["network", "precision", "MB", "mIoU", "loss, points", "worst picture", "ms", "speed", "void"]
    return grid(head, body, words=2)


def conditions() -> str:
    """When the figures were taken, and how busy the machine was."""
    rows = rows_if_any("quantization.csv")
    dates, loads = sorted({r["date"] for r in rows}), [float(r["load"]) for r in rows]
    commits = ", ".join(sorted({r["commit"] for r in rows}))
    return (
        f"Measured {' to '.join(dict.fromkeys((dates[0], dates[-1])))} (commit {commits}) on {rows[0]['machine']}, one "
        f"thread, with a load average of {min(loads):.0f} to {max(loads):.0f}."
    )


def sensitivity() -> str:
    """What keeping one part in float gains, the most sensitive parts first."""
    body = []
    for path in sorted(RESULTS.glob("sensitivity-*.csv")):
        rows = list(csv.DictReader(path.open(newline="")))[: SHOWN + 1]
        name = path.stem.removeprefix("sensitivity-")
        whole = float(rows[0]["mad"])
        for r in rows:
            share = f"{float(r['gain']) / whole:.0%}" if whole else "-"
            body.append([f"`{name}`", r["kept_in_float"], r["operators"], f"{float(r['mad']):.5f}", share])
    return grid(["network", "kept in float", "operators", "difference of the alphas", "gain"], body, words=2)


def targets() -> str:
    """The accelerators that are known, and where their lists come from."""
    body = [
        [
            f"`{t.name}`",
            t.title,
            t.precision,
            str(len(t.operators)),
            "<br>".join(f"<{link}>" for link in t.sources),
            t.note,
        ]
        for t in TARGETS.values()
    ]
    return grid(["`--target`", "accelerator", "computes in", "operators", "sources", "note"], body, words=6)


def mobile() -> str:
    """What each accelerator takes of each model in the package."""
    models = list_models()
    reports = [{r.target: r for r in residency(spec.path_of(spec.file_for("litert")))} for spec in models]
    body = [
        [
            t.title + ("" if t.precision == "float" else ", once quantised"),
            *(_taken(found[t.name]) for found in reports),
        ]
        for t in TARGETS.values()
    ]
    return grid(["accelerator", *(f"`{spec.name}`" for spec in models)], body, words=1 + len(models))


def _taken(report: TargetReport) -> str:
    count = len(report.operators)
    yes = sum(o.status == "yes" for o in report.operators)
    parts = [f"all {count}" if yes == count else f"{yes} of {count}"]
    for word, found in (("not", report.offenders), ("open", report.doubtful)):
        if found:
            parts.append(f"{word}: {', '.join(sorted({o.operator for o in found}))}")
    return "; ".join(parts)


TABLES: Tables = {
    "precisions": precisions,
    "conditions": conditions,
    "sensitivity": sensitivity,
    "targets": targets,
    "mobile-residency": mobile,
}


if __name__ == "__main__":
    sys.exit(write_or_check(filled(PAGES, TABLES), "benchmarks.quantization_tables", __doc__))
