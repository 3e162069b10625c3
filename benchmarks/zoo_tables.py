"""Fill the tables of docs/zoo.md from the cards and the files ``zoo*.csv`` of ``results/``.

Run:  python -m benchmarks.zoo_tables [--check]      (--check writes nothing and fails when the page is stale)
"""

from __future__ import annotations

import sys

from benchmarks.pages import ROOT, Row, Tables, filled, grid, rows_if_any, write_or_check
from pocketmatte.zoo.cards import list_cards

PAGE = ROOT / "docs" / "zoo.md"
SETS = ("real", "street", "closeup")
ORIGINAL = {"portrait-net": "portrait-net-video"}  # the one released PortraitNet is the video network


def _scores(row: Row) -> list[str]:
    return [f"{float(row[f'{s}_miou']):.4f} / {float(row[f'{s}_biou']):.3f}" if row[f"{s}_miou"] else "-" for s in SETS]


def _number(text: str, form: str = "{:.2f}", scale: float = 1.0) -> str:
    return form.format(float(text) * scale) if text else "-"


def architectures() -> str:
    """What every architecture costs."""
    body = []
    for card in list_cards():
        size = "x".join(map(str, card.input))
        body.append([f"`{card.name}`", size, f"{card.parameters:,}", f"{card.macs / 1e6:,.0f} M", card.summary])
    return grid(["name", "input", "parameters, folded", "multiply-adds", ""], body)


def trained() -> str:
    """What was measured of the trained ones."""
    body = []
    int8 = {row["model"]: row for row in rows_if_any("zoo_quantization.csv") if row["precision"] == "int8"}
    for row in rows_if_any("zoo.csv"):
        void = " (void)" if row["void"] else ""
        whole = int8.get(row["model"])
        body.append(
            [
                f"`{row['model']}`",
                f"{int(row['samples'] or 0):,}",
                f"{int(row['bytes']) / 1e6:.2f} MB",
                *_scores(row),
                _number(row["empty_alpha"], "{:.4f}"),
                _number(row["jitter_mad"], "{:.1f}", 1e3),
                f"{_number(row['ms_1'])} / {_number(row['ms_2'])}{void}",
                _number(row["ratio_1"]),
                _int8(whole) if whole else "-",
            ]
        )
    if not body:
        return "No network of the zoo has been trained long enough to be measured yet."
    head = ["ours", "samples seen", "fp16 file", *(f"{s}: mIoU / boundary" for s in SETS)]
    head += ["nobody there: mean alpha", "jitter x 1000", "ms, 1 / 2 threads", "ratio to the peer"]
    return grid([*head, "int8: times as fast, points lost"], body)


def _int8(row: Row) -> str:
    """Against fp32 in the same run, on one thread; points of mIoU."""
    void = " (void)" if row["void"] else ""
    return f"{float(row['speedup']):.2f}{void}, {float(row['loss_points']):.2f}"


def originals() -> str:
    """The released files of the originals on the same pictures, and what was claimed."""
    body = []
    for row in rows_if_any("zoo_originals.csv"):
        cost = f"{int(row['params']):,} / {int(row['macs']):,} M"
        speed = f"{_number(row['ms_1'], '{:.1f}')} / {_number(row['ms_2'], '{:.1f}')}"
        cells = [row["released"], cost, *_scores(row), _number(row["jitter_mad"], "{:.1f}"), speed]
        body.append([f"`{row['model']}`", *cells, _number(row["ratio_1"], "{:.1f}"), row["claimed"] or "-"])
    head = ["original", "released file", "parameters / multiply-adds", *(f"{s}: mIoU / boundary" for s in SETS)]
    return grid([*head, "jitter x 1000", "ms, 1 / 2 threads", "ratio to the peer", "*claimed*"], body)


def against() -> str:
    """Each trained network beside the best released file of its original: mIoU, and time as a ratio to the peer."""
    released: dict[str, list[Row]] = {}
    for row in rows_if_any("zoo_originals.csv"):
        released.setdefault(row["model"], []).append(row)
    body = []
    for row in rows_if_any("zoo.csv"):
        if not (theirs := released.get(ORIGINAL.get(row["model"], row["model"]))):
            continue
        cells, ahead = [], []
        for name in ("real", "street"):
            key = f"{name}_miou"
            best = max((float(r[key]) for r in theirs if r[key]), default=0.0)
            cells.append(f"{float(row[key]):.3f} / {best:.3f}" if row[key] else "-")
            ahead.append(bool(row[key]) and float(row[key]) > best)
        quickest = min((float(r["ratio_1"]) for r in theirs if r["ratio_1"]), default=0.0)
        timed = bool(row["ratio_1"]) and quickest > 0
        cells.append(f"{float(row['ratio_1']):.1f} / {quickest:.1f}" if timed else "-")
        ahead.append(timed and float(row["ratio_1"]) < quickest)
        words = [w for w, yes in zip(("real", "street", "time"), ahead, strict=False) if yes]
        body.append([f"`{row['model']}`", *cells, "everywhere" if all(ahead) else ", ".join(words) or "nowhere"])
    if not body:
        return "Nothing to compare yet."
    return grid(["ours / original", "real", "street", "time, ratio to the peer", "ours is better"], body)


TABLES: Tables = {
    "zoo-architectures": architectures,
    "zoo-trained": trained,
    "zoo-against": against,
    "zoo-originals": originals,
}


if __name__ == "__main__":
    sys.exit(write_or_check(filled([PAGE], TABLES), "benchmarks.zoo_tables", __doc__))
