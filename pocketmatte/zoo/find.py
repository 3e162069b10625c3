"""Finding a model by zoo name, spec.json or exported file."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

from pocketmatte.core import PocketmatteError
from pocketmatte.spec import ModelSpec, read_spec
from pocketmatte.zoo.cards import find_card
from pocketmatte.zoo.fetch import fetch_command, fetchable, fetched_folder

_HERE = Path(__file__).parent
MODEL_SUFFIXES = (".tflite", ".onnx", ".xml", ".engine", ".plan")


@cache
def _registry() -> dict[str, str]:
    """Name -> folder of the spec, relative to this package; the first name is the default model."""
    entries: dict[str, str] = json.loads((_HERE / "registry.json").read_text())
    return entries


def default_model() -> str:
    """Name of the model used when none is asked for. Changing it is a major version."""
    return next(iter(_registry()))


def list_models() -> list[ModelSpec]:
    """Specs of all models that are ready to run, default first. Needs neither torch nor a runtime."""
    return [read_spec(_HERE / folder / "spec.json") for folder in _registry().values()]


def find_model(model: str | Path) -> tuple[ModelSpec, str | None]:
    """The spec of a zoo name, of a ``spec.json`` or of an exported file that lies beside its spec.

    Returns the spec and, when a file was named, that file's format (else ``None``: any will do).
    Raises :class:`PocketmatteError` naming the known models.
    """
    registry = _registry()
    if str(model) in registry:
        return read_spec(_HERE / registry[str(model)] / "spec.json"), None
    if folder := fetched_folder(str(model)):
        return read_spec(folder / "spec.json"), None
    path = Path(model)
    if path.is_dir() and (path / "spec.json").is_file():
        path = path / "spec.json"
    if path.suffix == ".json" and path.is_file():
        return _for_matting(read_spec(path)), None
    if path.suffix.lower() in MODEL_SUFFIXES:
        return _spec_beside(path)
    if get := _how_to_get(str(model)):
        raise PocketmatteError(f"there are no weights for {model} on this computer: {get}")
    raise PocketmatteError(
        f"unknown model {str(model)!r}: expected one of {', '.join(registry)}, "
        f"another that `pocketmatte models` lists, or a {', '.join(MODEL_SUFFIXES)} file"
    )


def _how_to_get(name: str) -> str | None:
    """The commands that bring the weights of a known model, ``None`` for an unknown one."""
    if name in fetchable():
        return f"`{fetch_command(name)}` brings them"
    if card := find_card(name):
        runs = f"runs/{name}"
        return (
            f"`pocketmatte train {card.config} --out {runs}` makes some, "
            f"`pocketmatte export {runs}/best.pt -o {name}/` a file to run"
        )
    return None


def _for_matting(spec: ModelSpec) -> ModelSpec:
    if spec.task != "matting":
        raise PocketmatteError(
            f"{spec.name} is a model for {spec.task}, it makes no mattes; `pocketmatte models` lists those"
        )
    return spec


def _spec_beside(path: Path) -> tuple[ModelSpec, str]:
    if not path.is_file():
        raise PocketmatteError(f"no model file at {path}; `pocketmatte models` lists the models there are")
    for candidate in (path.with_suffix(".spec.json"), path.parent / "spec.json"):
        if candidate.is_file():
            spec = read_spec(candidate)
            for entry in spec.files:
                if entry.file == path.name:  # alone in the spec: there may be others of its format
                    return _for_matting(replace(spec, files=(entry,))), entry.format
    raise PocketmatteError(
        f"{path} has no description: expected {path.with_suffix('.spec.json').name} or a spec.json beside it "
        "that lists this file"
    )
