"""``certificate.json``, and the same as a table for people."""

from __future__ import annotations

import importlib.metadata
import platform
from dataclasses import asdict
from datetime import date
from typing import Any

from pocketmatte.export.bounds import BOUNDS
from pocketmatte.export.certify import STEPS

SCHEMA = 1
COLUMNS = (
    *("file", "precision", "MB", "mIoU", "5 %", "worst", "bIoU", "MAD", "lost", "lost on one", "shift", "drift"),
    "verdict",
)
_TOOLS = (
    *("torch", "litert-torch", "ai-edge-litert", "ai-edge-quantizer", "onnx", "onnxruntime", "openvino"),
    "coremltools",
)


def head(name: str, version: str, size: tuple[int, int], pictures: dict[str, Any], calibration: Any) -> dict[str, Any]:
    """What a certificate says before its rows: the model, the pictures, the tools, the machine."""
    return {
        "schema": SCHEMA,
        "model": name,
        "version": version,
        "size": list(size),
        "date": date.today().isoformat(),
        "pictures": pictures,
        "calibration": calibration,
        "steps": STEPS,
        "machine": f"{platform.system()} {platform.machine()}",
        "tools": {tool: v for tool in _TOOLS if (v := _version(tool))},
        "bounds": {precision: asdict(bounds) for precision, bounds in BOUNDS.items()},
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def verdict(reasons: list[str], strict_reasons: list[str]) -> str:
    """``passed``, ``allowed`` (only thanks to --allow-drop) or ``refused``."""
    if reasons:
        return "refused"
    return "allowed" if strict_reasons else "passed"


def table(certificate: dict[str, Any]) -> str:
    """The certificate as text of fixed width."""
    source = certificate["source"]
    first = ["source (torch)", "fp32", "", *_accuracy(source), "", "", "", "", ""]
    body = [list(COLUMNS), first, *(_line(row) for row in certificate["files"])]
    widths = [max(len(line[i]) for line in body) for i in range(len(COLUMNS))]
    left = (0, 1, len(COLUMNS) - 1)
    lines = [
        "  ".join(c.ljust(w) if i in left else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True)))
        for line in body
    ]
    lines += [f"refused {row['file']}: {'; '.join(row['reasons'])}" for row in certificate["files"] if row["reasons"]]
    pictures = certificate["pictures"]
    lines.append(
        f"{pictures['n']} pictures ({pictures['set']}), at network size against the truth. lost: points of mIoU, on "
        f"average and on the worst picture; shift: pixels; drift: mean difference of alpha at the worst of "
        f"{certificate['steps']} steps"
    )
    return "\n".join(line.rstrip() for line in lines)


def _accuracy(found: dict[str, Any]) -> list[str]:
    return [*(f"{found[k]:.4f}" for k in ("miou", "miou_p5", "miou_worst", "biou")), f"{found['mad']:.4f}"]


def _line(row: dict[str, Any]) -> list[str]:
    lost, shift = row["lost"], max(abs(v) for v in row["shift"])
    drift = f"{row['drift']['largest']:.1e}" if "drift" in row else "-"
    losses = [f"{100 * lost['mean']:.2f}", f"{100 * lost['worst']:.2f}", f"{shift:.3f}", drift]
    size = f"{row['bytes'] / 1e6:.2f}"
    return [row["file"], row["precision"], size, *_accuracy(row["accuracy"]), *losses, row["verdict"]]
