"""Fill the tables of docs/quantization.md from ``results/quantization.csv`` and ``results/sensitivity-*.csv``, and the
one of docs/residency.md from the lists in the code.

Run:  python -m benchmarks.quantization_tables [--check]     (--check writes nothing and fails when a page is stale)
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from pathlib import Path

from pocketmatte.export.residency_targets import TARGETS

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results"
PAGES = (ROOT / "docs" / "quantization.md", ROOT / "docs" / "residency.md")
SHOWN = 10  # most sensitive parts listed


def _grid(head: list[str], body: list[list[str]], left: int = 1) -> str:
    rule = ["---" if i < left else "---:" for i in range(len(head))]
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, rule, *body])


def _rows(file: str) -> list[dict[str, str]]:
    path = RESULTS / file
    return list(csv.DictReader(path.open(newline=""))) if path.is_file() else []


def precisions() -> str:
    """Size, accuracy and speed of every precision."""
    body = []
    for row in _rows("quantization.csv"):
        name = f"`{row['model']}`" + ("" if row["trained"] else " (untrained)")
        accuracy = [row[k] or "-" for k in ("miou", "loss_points", "worst_points")]
        time = f"{float(row['min_ms']):.2f}"
        void = "yes" if row["void"] else ""
        body.append(
            [name, row["precision"], f"{int(row['bytes']) / 1e6:.3f}", *accuracy, time, f"{row['speedup']}x", void]
        )
    head = ["network", "precision", "MB", "mIoU", "loss, points", "worst picture", "ms", "speed", "void"]
    return _grid(head, body, left=2)


def conditions() -> str:
    """When the figures were taken, and how busy the machine was."""
    rows = _rows("quantization.csv")
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
    return _grid(["network", "kept in float", "operators", "difference of the alphas", "gain"], body, left=2)


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
    return _grid(["`--target`", "accelerator", "computes in", "operators", "sources", "note"], body, left=6)


TABLES: dict[str, Callable[[], str]] = {
    "precisions": precisions,
    "conditions": conditions,
    "sensitivity": sensitivity,
    "targets": targets,
}


def fill(text: str) -> str:
    """A page with every table it marks."""
    for name, table in TABLES.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        if begin in text:
            before, rest = text.split(begin, 1)
            text = f"{before}{begin}{table()}\n{end}{rest.split(end, 1)[1]}"
    return text


def main() -> int:
    """Write or check the pages; 1 when a check fails."""
    stale = [page for page in PAGES if fill(page.read_text()) != page.read_text()]
    if "--check" in sys.argv[1:]:
        for page in stale:
            print(f"{page.relative_to(ROOT)} is not what results/ says: python -m benchmarks.quantization_tables")
        return 1 if stale else 0
    for page in stale:
        page.write_text(fill(page.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
