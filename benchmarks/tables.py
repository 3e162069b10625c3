"""Fill the tables of the documentation from the files in ``results/``: no figure is typed by hand.

Run:  python -m benchmarks.tables [--check]       (the model cards are written by ``benchmarks.cards``)
Each table stands between ``<!-- NAME -->`` and ``<!-- /NAME -->``. ``--check`` writes nothing and fails when a page is
not what the results say.
"""

from __future__ import annotations

import sys

from benchmarks import tables_scores as scores
from benchmarks import tables_speed as speed
from benchmarks import tables_training as training
from benchmarks.pages import ROOT, Tables, filled, write_or_check

TABLES: Tables = {
    "web": speed.web,
    "web-card": speed.web_card,
    "subtract": scores.subtract,
    "serve": speed.serve,
    "accuracy": scores.accuracy,
    "video": scores.video,
    "slices": scores.slices,
    "tiers": scores.tiers,
    "refine": scores.refine,
    "latency": speed.latency,
    "stages": speed.stages,
    "clean": scores.clean,
    "clean-nobody": scores.clean_nobody,
    "temporal": scores.temporal,
    "prior": scores.prior,
    "live": speed.live,
    "throughput": speed.throughput,
    "openvino-async": speed.openvino_async,
    "streaming": speed.streaming,
    "cost": speed.cost,
    "harmonize": scores.harmonize,
    "green": scores.green,
    "ablation": training.ablation,
    "pruning": training.pruning,
    "qat": training.qat,
    "train-step": training.train_step,
    "search": training.search,
    "bench": speed.bench,
    "sustained": speed.sustained,
    "transfer": speed.transfer,
    "transfer-method": speed.transfer_method,
    "sweep": speed.sweep,
    "exponents": speed.exponents,
}
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))


if __name__ == "__main__":
    sys.exit(write_or_check(filled(PAGES, TABLES), "benchmarks.tables", __doc__))
