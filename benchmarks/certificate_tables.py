"""Fill the tables of docs/export.md: what each file lost, from ``results/certificates/``, and the bounds themselves.

Run:  python -m benchmarks.certificate_tables [--check]     (--check writes nothing and fails when the page is stale)
"""

from __future__ import annotations

import json
import sys
from typing import Any

from benchmarks.pages import RESULTS, ROOT, Tables, filled, grid, write_or_check
from pocketmatte.export.bounds import BOUNDS

FOLDER = RESULTS / "certificates"
PAGE = ROOT / "docs" / "export.md"


def bounds() -> str:
    """What a file of each precision may lose."""
    body = [
        [
            name,
            *(f"{100 * value:g}" for value in (b.mean, b.worst, b.boundary)),
            *(f"{value:g}" for value in (b.mad, b.empty, b.drift, b.shift)),
        ]
        for name, b in BOUNDS.items()
        if name != "mixed"
    ]
    head = ["may lose", "mean, points", "one picture, points", "boundary IoU, points", "mean difference of alpha"]
    return grid([*head, "alpha where nobody is", "drift", "shift, pixels"], body, 1)


def certificates() -> str:
    """One block of rows per model: its network, then every file."""
    body = []
    for path in sorted(FOLDER.glob("*.json")):
        certificate = json.loads(path.read_text())
        found = certificate["source"]
        pictures = certificate["pictures"]
        scores = [f"{found['miou']:.4f}", f"{found['miou_p5']:.4f}", f"{found['biou']:.4f}", "", "", "", ""]
        label = f"**{certificate['model']}**, {certificate['size'][1]}x{certificate['size'][0]}"
        body.append([label, "", "", *scores, f"{pictures['n']} pictures, {pictures['set']}"])
        body += [_row(row) for row in certificate["files"]]
    head = ["file", "precision", "MB", "mIoU", "worst 5 %", "boundary IoU", "lost, points", "lost on one picture"]
    return grid([*head, "shift, pixels", "drift", "verdict"], body, 2)


def _row(row: dict[str, Any]) -> list[str]:
    found, lost = row["accuracy"], row["lost"]
    kept = row.get("kept_in_float")
    words = row["verdict"] + (f": {'; '.join(row['reasons'])}" if row["reasons"] else "")
    return [
        f"`{row['file']}`",
        "mixed" if kept else row["precision"],
        f"{row['bytes'] / 1e6:.2f}",
        *(f"{found[key]:.4f}" for key in ("miou", "miou_p5", "biou")),
        f"{100 * lost['mean']:.2f}",
        f"{100 * lost['worst']:.2f}",
        f"{max(abs(v) for v in row['shift']):.3f}",
        f"{row['drift']['largest']:.1e}" if "drift" in row else "",
        words,
    ]


TABLES: Tables = {"bounds": bounds, "certificates": certificates}


if __name__ == "__main__":
    sys.exit(write_or_check(filled([PAGE], TABLES), "benchmarks.certificate_tables", __doc__))
