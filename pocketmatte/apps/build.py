"""The ``train`` and ``export`` verbs: the only ones that need torch."""

from __future__ import annotations

from pathlib import Path

from pocketmatte.core import PocketmatteError


def _need(extra: str, *packages: str) -> None:
    from importlib.util import find_spec

    missing = [p for p in packages if find_spec(p) is None]
    if missing:
        raise PocketmatteError(f"this verb needs {', '.join(missing)}: pip install 'pocketmatte[{extra}]'")


def train_model(config: Path, out: Path, data: Path | None, budget: float | None, resume: bool) -> None:
    """Start or take up a training run."""
    _need("train", "torch", "lightning", "yaml")
    from pocketmatte.train.config import read_config
    from pocketmatte.train.loop import Trainer

    if (out / "last.ckpt").exists() and not resume:
        raise PocketmatteError(f"{out} holds a run already: go on with --resume, or choose another --out")
    try:
        trainer = Trainer(read_config(config), out, data)
    except (FileNotFoundError, ValueError, KeyError, ImportError) as error:
        raise PocketmatteError(str(error.args[0]) if error.args else str(error)) from error
    if resume:
        trainer.resume()
    trainer.run(budget)


def export_model(weights: Path, out: Path, to: str, precision: str, force: bool) -> None:
    """Write and check the weight files of a trained model."""
    _need("export", "torch", "litert_torch", "onnx", "onnxscript")
    from pocketmatte.export.bundle import write_bundle

    for row in write_bundle(weights, out, to.split(","), precision, force):
        print(row)
