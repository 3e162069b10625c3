"""The ``models`` verb."""

from __future__ import annotations

import json
from typing import Any

from pocketmatte.spec import ModelSpec
from pocketmatte.zoo.catalogue import list_all


def describe(spec: ModelSpec) -> dict[str, Any]:
    """One row of ``models --json``."""
    return {
        "name": spec.name,
        "version": spec.version,
        "summary": spec.summary,
        "params": spec.parameters,
        "macs": spec.macs,
        "input": [*spec.input.size, 3],
        "weights": [
            {"file": f.file, "format": f.format, "precision": f.precision, "sha256": f.sha256} for f in spec.files
        ],
        "bytes": sum(spec.path_of(f).stat().st_size for f in spec.files),
        "licence": {
            "code": spec.licences.code,
            "weights": spec.licences.weights,
            "permissive": spec.licences.permissive,
            "data": [
                {"name": d.name, "licence": d.licence, "link": d.link, "date": d.date} for d in spec.licences.data
            ],
        },
        "measured": list(spec.measured),
    }


def show_models(licence: str, as_json: bool) -> None:
    """Print the models, all of them or only those whose code, weights and data are all permissive."""
    rows = [describe(s) for s in list_all() if licence == "any" or s.licences.permissive]
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        height, width, _ = row["input"]
        cost = f"{row['params'] / 1e6:.2f} M parameters, {row['macs'] / 1e6:.0f} M MACs"
        size = f"{cost}, {height}x{width}, {row['bytes'] / 1e6:.1f} MB"
        print(f"{row['name']} {row['version']}  {size}\n  {row['summary']}")
        print(f"  code {row['licence']['code']}; weights: {row['licence']['weights']}")
        for source in row["licence"]["data"]:
            print(f"    trained on {source['name']}: {source['licence']} ({source['link']}, {source['date']})")
    if not rows:
        print("no model with permissive weights: every one so far was trained on research-only data too")
