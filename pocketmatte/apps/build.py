"""The ``train`` and ``export`` verbs and ``data``: the only ones that need the build side's packages."""

from __future__ import annotations

import contextlib
import math
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pocketmatte.core import PocketmatteError

if TYPE_CHECKING:
    from pocketmatte.train.loop import Progress

_LINE_EVERY = 10.0  # seconds between progress lines when stderr is no terminal


def need(extra: str, *packages: str) -> None:
    """Raise :class:`PocketmatteError` saying what to install when one of ``packages`` is missing."""
    from importlib.util import find_spec

    missing = [p for p in packages if find_spec(p) is None]
    if missing:
        raise PocketmatteError(f"this verb needs {', '.join(missing)}: pip install 'pocketmatte[{extra}]'")


def train_model(
    config: Path,
    out: Path,
    data: Path | None,
    budget: float | None,
    resume: bool,
    init: Path | None = None,
    settings: Sequence[str] = (),
) -> bool:
    """Start or take up a training run; ``False`` when the budget or a signal ended it before its time."""
    began = time.monotonic()
    need("train", "torch", "lightning", "yaml")
    import yaml

    from pocketmatte.train.config import read_config
    from pocketmatte.train.loop import Trainer

    if (out / "checkpoint").exists() and not resume:
        raise PocketmatteError(f"{out} holds a run already: go on with --resume, or choose another --out")
    chosen = read_config(config, [*settings, *([f"init={init}"] if init else [])])
    print(yaml.safe_dump(chosen.to_dict(), sort_keys=False, default_flow_style=None), file=sys.stderr, flush=True)
    with _Screen(chosen.samples) as screen:
        trainer = Trainer(chosen, out, data, screen)
        numbers = (signal.SIGTERM, signal.SIGINT)
        before = [signal.signal(number, lambda *_: trainer.stop()) for number in numbers]
        try:
            if resume:
                trainer.resume()
            finished = trainer.run(began + budget if budget else math.inf)
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)
    if not finished:
        print(f"stopped at {trainer.state.seen} of {chosen.samples} samples: go on with --resume", file=sys.stderr)
    return finished


class _Screen:
    """Progress on stderr: a bar with the time left on a terminal, else a line now and then."""

    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bar

        console = Console(stderr=True)
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
        self.bar = Bar(*columns, console=console) if console.is_terminal else None
        self.task = self.bar.add_task("starting", total=total) if self.bar else None
        self.spoke = 0.0

    def __call__(self, event: str | Progress) -> None:
        if isinstance(event, str):
            print(event, file=sys.stderr, flush=True) if self.bar is None else self.bar.console.print(event)
            return
        left = time.strftime("%H:%M:%S", time.gmtime(event.remaining))
        text = f"{event.size} px, loss {event.loss:.4f}, {event.rate:.0f}/s, {left} left"
        if self.bar is not None and self.task is not None:
            self.bar.update(self.task, completed=event.seen, total=event.total, description=text)
        elif time.monotonic() - self.spoke > _LINE_EVERY:
            self.spoke = time.monotonic()
            print(f"{event.seen}/{event.total} {text}", file=sys.stderr, flush=True)

    def __enter__(self) -> _Screen:
        if self.bar is not None:
            self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()


def export_model(
    model: str, out: Path | None, to: str, precision: str, size: str | None, *, as_json: bool, **more: Any
) -> int:
    """Write the files of a trained model with their certificate; 4 when one missed a bound and was not kept.

    ``more`` goes to :class:`pocketmatte.export.request.Request`.
    """
    need("export", "torch", "litert_torch", "onnx", "onnxscript", "onnxruntime", "openvino", "coremltools")
    import json

    # converters speak on stdout, which belongs to the result; a line per step on stderr is all that is wanted
    with contextlib.redirect_stdout(sys.stderr):
        from pocketmatte.export.bundle import write_bundle
        from pocketmatte.export.certificate import table
        from pocketmatte.export.convert import resolve
        from pocketmatte.export.request import Request, parse_size

        weights = resolve(model)
        folder = out if out is not None else Path("exported") / (weights.stem if model == str(weights) else model)
        wanted = Request(_words(to), _words(precision), None if size is None else parse_size(size), **more)
        report = write_bundle(weights, folder, wanted, lambda step: print(step, file=sys.stderr, flush=True))
    for note in report.notes:
        print(f"note: {note}", file=sys.stderr)
    if as_json:
        print(json.dumps({"folder": str(folder), "refused": list(report.refused), "certificate": report.certificate}))
    else:
        print(table(report.certificate))
    for line in report.refused:
        print(f"pocketmatte: refused: {line}", file=sys.stderr)
    return 4 if report.refused else 0


def _words(listed: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in listed.split(",") if word.strip())
