"""Opening the shipped harmoniser for :class:`pocketmatte.effects.harmonize.Harmonizer`, and checking its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import pocketmatte.zoo
from pocketmatte.core import PocketmatteError
from pocketmatte.effects.harmonize import Harmonizer
from pocketmatte.runtime.base import FORMATS, open_session
from pocketmatte.spec import ModelSpec, read_spec

SHIPPED = Path(pocketmatte.zoo.__file__).parent / "weights" / "harmonizer" / "spec.json"


def load_harmonizer(
    spec: Path | None = None,
    *,
    runtime: str = "litert",
    threads: int = 1,
    strength: float = 1.0,
    smooth: float = 0.0,
) -> Harmonizer:
    """A harmoniser ready to run: the shipped one, or that of another ``spec.json``.

    ``smooth`` 0 is right for photos, 0.9 for video; see :class:`Harmonizer`. Not for several threads at once: load
    one per worker. Raises :class:`PocketmatteError` when the file is no harmoniser or cannot be opened.
    """
    described = read_harmonizer_spec(spec or SHIPPED)
    session = open_session(described.path_of(described.file_for(FORMATS[runtime])), runtime, threads=threads)
    return Harmonizer(session.run, described.input.size, strength=strength, smooth=smooth)


def read_harmonizer_spec(path: Path = SHIPPED) -> ModelSpec:
    """The description of a harmoniser. Raises :class:`PocketmatteError` when it describes something else."""
    spec = read_spec(path)
    if spec.task != "harmonize":
        raise PocketmatteError(f"{path} describes a model for {spec.task}; expected one for harmonize")
    return spec


def check_harmonizer(spec: ModelSpec, runtime: str = "litert") -> tuple[float, float]:
    """Largest difference of a number of the transform from the golden vectors, and the bound it must keep."""
    path = (spec.folder or Path()) / (spec.golden or "")
    if not spec.golden or not path.is_file():
        raise PocketmatteError(f"model {spec.name} has no golden vectors beside its spec.json")
    with np.load(path) as vectors:
        inputs, truth, bound = vectors["composite"], vectors["transform"], float(vectors["bound"])
    session = open_session(spec.path_of(spec.file_for(FORMATS[runtime])), runtime, threads=1)
    answers = [session.run({"composite": x[None].astype(np.float32)})["transform"] for x in inputs]
    session.close()
    return float(np.abs(np.concatenate(answers).astype(np.float32) - truth).max()), bound
