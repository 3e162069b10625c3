"""The ``residency`` verb."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from pocketmatte.export.residency import residency, residency_json, residency_table
from pocketmatte.zoo.find import find_model


def show_residency(model: str, targets: Sequence[str], everything: bool, as_json: bool) -> bool:
    """Print which operators the targets take; true when the whole graph may run on every one of them."""
    spec, _ = find_model(model) if not model.endswith(".tflite") else (None, None)
    file = Path(model) if spec is None else spec.path_of(spec.file_for("litert"))
    reports = residency(file, targets)
    if as_json:
        print(json.dumps({"file": str(file), "targets": residency_json(reports)}, indent=1))
    else:
        print(residency_table(reports, everything))
    return all(report.resident for report in reports)
