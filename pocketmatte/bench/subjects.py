"""What is measured: one model file in one runtime, opened as a pipeline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pocketmatte.core import PocketmatteError
from pocketmatte.pipeline.pipeline import Foreground, Pipeline, Refine
from pocketmatte.pipeline.temporal import make_temporal
from pocketmatte.runtime.base import RUNTIMES, Session, Tensor, formats_of, installed, open_session, runtime_for
from pocketmatte.spec import ModelSpec, WeightFile, parts_of
from pocketmatte.zoo.find import find_model


@dataclass(frozen=True)
class Choice:
    """A weight file of ``spec`` and the runtime to open it with."""

    spec: ModelSpec
    entry: WeightFile
    runtime: str

    @property
    def path(self) -> Path:
        """Where the weight file lies."""
        return self.spec.path_of(self.entry)

    @property
    def size_mb(self) -> float:
        """Megabytes (10^6 bytes) of the weight file with all its parts."""
        return sum(part.stat().st_size for part in parts_of(self.path)) / 1e6


@dataclass(frozen=True)
class Subject:
    """An open pipeline and how it came about; ``foreground`` colours of the ``fast`` kind are found while drawing."""

    choice: Choice
    pipeline: Pipeline
    threads: int
    foreground: Foreground = "none"


def choose(models: Sequence[str], runtimes: Sequence[str]) -> list[Choice]:
    """Files and runtimes for ``models`` (zoo names, specs, files), in the order given; none twice.

    ``runtimes`` holds names, ``auto`` (the one that ``run`` would take) or ``all`` (every installed one that has a
    file of the model). Raises :class:`PocketmatteError` when a model has no file for a runtime named.
    """
    found: list[Choice] = []
    for model in models:
        spec, format_named = find_model(model)
        named = _entry_of_file(spec, Path(model)) if format_named else None
        for runtime in runtimes:
            found += _choices(spec, named, runtime)
    return list({(c.path, c.runtime): c for c in found}.values())


def _entry_of_file(spec: ModelSpec, path: Path) -> WeightFile:
    return next(entry for entry in spec.files if entry.file == path.name)


def _choices(spec: ModelSpec, named: WeightFile | None, runtime: str) -> list[Choice]:
    if named and runtime == "auto":
        return [Choice(spec, named, runtime_for(spec.path_of(named)).name)]
    fitting = [c for name in RUNTIMES if installed(RUNTIMES[name]) for c in _in_runtime(spec, named, name)]
    if runtime in ("auto", "all"):
        if not fitting:
            have = ", ".join(sorted({e.format for e in spec.files})) or "no file at all"
            raise PocketmatteError(
                f"no runtime installed here opens {spec.name}, it has: {have}; see pocketmatte doctor"
            )
        return fitting[:1] if runtime == "auto" else fitting
    if runtime not in RUNTIMES:
        raise PocketmatteError(f"unknown runtime {runtime!r}; known: auto, all, {', '.join(RUNTIMES)}")
    choices = _in_runtime(spec, named, runtime)
    if not choices:
        formats = " or ".join(f"{name} files" for name in formats_of(runtime))
        what = f"{named.file} is not for {runtime}, which" if named else f"{spec.name} has no file for {runtime}, which"
        raise PocketmatteError(f"{what} takes {formats}")
    return choices


def _in_runtime(spec: ModelSpec, named: WeightFile | None, runtime: str) -> list[Choice]:
    """The file that ``runtime`` would open: the one named, or the first of the format it likes best."""
    entries = [named] if named else [e for f in formats_of(runtime) for e in spec.files if e.format == f]
    there = [e for e in entries if e.format in formats_of(runtime) and spec.path_of(e).exists()]
    return [Choice(spec, there[0], runtime)] if there else []


@contextmanager
def opened(
    choices: Sequence[Choice],
    device: str,
    threads: int,
    refine: Refine,
    foreground: Foreground,
    temporal: str = "off",
) -> Iterator[list[Subject]]:
    """All of them open at once, so that they can be run in turn; closed in the end."""
    with ExitStack() as stack:
        subjects = []
        for choice in choices:
            session = open_session(choice.path, choice.runtime, device, threads)
            stack.callback(session.close)
            steadier = make_temporal(temporal)
            own: Foreground = "none" if foreground == "fast" else foreground
            pipeline = Pipeline(session, choice.spec, refine=refine, foreground=own, temporal=steadier)
            subjects.append(Subject(choice, pipeline, threads, foreground))
        yield subjects


def random_inputs(session: Session, seed: int = 0) -> dict[str, Tensor]:
    """Values for every input: uniform in 0..1 for floats, over the whole range for integers."""
    rng = np.random.default_rng(seed)
    values: dict[str, Tensor] = {}
    for info in session.inputs:
        if np.issubdtype(info.dtype, np.integer):
            limits = np.iinfo(info.dtype.char)
            values[info.name] = rng.integers(limits.min, limits.max, info.shape, info.dtype, endpoint=True)
        else:
            values[info.name] = rng.random(info.shape, np.float32).astype(info.dtype)
    return values
