"""Rows of results: what was measured, where, when, with which code and how."""

from __future__ import annotations

import csv
import os
import platform
import subprocess
from dataclasses import asdict, dataclass, fields
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pocketmatte.core import PocketmatteError
from pocketmatte.io.atomic import atomic_path, check_destination


@dataclass(frozen=True)
class Row:
    """One line of ``results/bench.csv``. Empty where a figure does not apply or was not taken.

    ``part``: ``network``, a stage, or ``chain`` for the whole frame of size ``frame`` (HEIGHTxWIDTH). ``ratio``: median
    over that of the first model in the same run. ``rss_mb``: peak resident memory of a process that runs this model
    alone, Python included; ``rss_model_mb``: what it grew by when the model was opened and run. ``attempts``: how often
    the run was made before this one was kept. ``void``: ``yes`` when the spread or the load is too large for the
    figures to mean anything. ``load``: the system's load average when the run began, which is what other programs did
    meanwhile. ``minute``: for sustained runs, counted from 1.
    """

    date: str
    commit: str
    version: str
    device: str
    load: float | None
    model: str
    file: str
    precision: str
    runtime: str
    runtime_version: str
    threads: int
    part: str
    frame: str
    min_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    spread: float | None
    void: str
    ratio: float | None
    first_ms: float | None
    rss_mb: float | None
    rss_model_mb: float | None
    size_mb: float
    runs: int
    attempts: int
    minute: int | None
    method: str

    def cells(self) -> dict[str, str]:
        """Text per column; numbers to three decimals."""
        return {k: _text(v) for k, v in asdict(self).items()}


OVERLOAD = 1.5  # load average per core beyond which every row is void
COLUMNS = tuple(f.name for f in fields(Row))


def _text(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Provenance:
    """What all rows of one run share."""

    date: str
    commit: str
    version: str
    device: str
    load: float | None = None

    @property
    def overloaded(self) -> bool:
        """Whether other programs kept the processor busier than it can be: then even calm figures are too large."""
        return self.load is not None and self.load > OVERLOAD * (os.cpu_count() or 1)


def provenance(device: str | None = None) -> Provenance:
    """Today, this code, this machine (or the ``device`` named)."""
    load = os.getloadavg()[0] if device is None and hasattr(os, "getloadavg") else None
    try:
        release = version("pocketmatte")
    except PackageNotFoundError:  # run from a folder, without installing
        release = ""
    return Provenance(date.today().isoformat(), commit_of_code(), release, device or this_machine(), load)


def commit_of_code() -> str:
    """Short commit of the checkout this package runs from, with ``-dirty`` when it was changed since; else empty."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return ""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def this_machine() -> str:
    """Processor, number of cores and operating system."""
    name = platform.processor() or platform.machine()
    facts = Path("/proc/cpuinfo")
    if facts.is_file():
        lines = (
            line.split(":", 1)[1].strip() for line in facts.read_text().splitlines() if line.startswith("model name")
        )
        name = next(lines, name)
    return f"{name}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"


def append_csv(path: Path, rows: list[Row]) -> None:
    """Add rows to a CSV file, which is made when it is not there; the file changes all at once.

    Raises :class:`PocketmatteError` when it cannot be written, or the file there has other columns.
    """
    text = check_csv(path)
    try:
        with atomic_path(path, force=True) as temporary, temporary.open("w", newline="") as file:
            file.write(text)
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            if not text:
                writer.writeheader()
            writer.writerows(row.cells() for row in rows)
    except OSError as error:
        raise PocketmatteError(f"cannot write {path}: {error.strerror or error}") from error


def check_csv(path: Path) -> str:
    """What a file of benchmark rows holds so far, empty when it is not there: looked at before anything is measured.

    Raises :class:`PocketmatteError` when rows cannot be added to it.
    """
    check_destination(path, force=True)
    if not path.exists():
        return ""
    try:
        with path.open(newline="") as file:
            text = file.read()
    except UnicodeDecodeError as error:
        raise PocketmatteError(f"{path} holds no text, expected benchmark rows: name another with --out") from error
    except OSError as error:
        raise PocketmatteError(f"cannot read {path}: {error.strerror or error}") from error
    head = next(csv.reader(text.splitlines()), [])
    if text and head != list(COLUMNS):
        raise PocketmatteError(
            f"{path} is no file of benchmark rows: its columns are {', '.join(head)[:80]}; name another with --out"
        )
    return text
