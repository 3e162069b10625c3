"""Weights that do not ship in the package: fetched once from a folder or a server, checked, kept in a cache.

``fetchable.json`` names the files of every such model with size and sha256. Nothing is fetched unless asked for.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pocketmatte.core import PocketmatteError

CACHE_VARIABLE, MIRROR_VARIABLE = "POCKETMATTE_MODELS", "POCKETMATTE_MIRROR"
_HERE = Path(__file__).parent
_BLOCK = 1 << 18
Advance = Callable[[str, int, int], None]


class Item(NamedTuple):
    """One file of a fetchable model."""

    name: str
    sha256: str
    bytes: int


@cache
def fetchable() -> dict[str, tuple[Item, ...]]:
    """Model name -> its files."""
    entries = json.loads((_HERE / "fetchable.json").read_text())
    return {name: tuple(Item(**item) for item in items) for name, items in entries.items()}


def fetch_command(name: str) -> str:
    """What one types to fetch the weights of ``name``."""
    return f"pocketmatte models fetch {name} --from DIR|URL"


def cache_folder() -> Path:
    """Where fetched models are kept: ``$POCKETMATTE_MODELS``, else the user's cache folder."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pocketmatte" / "models"


def fetched_folder(name: str) -> Path | None:
    """The folder with the spec of a model that was fetched, or that lies in ``weights/`` of a source tree."""
    if name in fetchable():
        for folder in (cache_folder() / name, _HERE.parents[1] / "weights" / name):
            if (folder / "spec.json").is_file():
                return folder
    return None


def fetch(name: str, source: str | None = None, advance: Advance = lambda file, done, total: None) -> Path:
    """Bring the files of ``name`` into the cache and return their folder; files that are there already stay.

    ``source``: a folder or an http(s) address under which ``NAME/FILE`` (or ``FILE``) is found; default
    ``$POCKETMATTE_MIRROR``. Every file is checked against its sha256 before it takes its place; an interrupted download
    goes on where it stopped. Raises :class:`PocketmatteError` for an unknown name, a missing source or a wrong file.
    """
    if name not in fetchable():
        known = ", ".join(sorted(fetchable())) or "none yet"
        raise PocketmatteError(f"no weights to fetch for {name!r}; there are weights for: {known}")
    folder = cache_folder() / name
    source = source or os.environ.get(MIRROR_VARIABLE)
    missing = [item for item in fetchable()[name] if not _holds(folder / item.name, item)]
    if missing and not source:
        raise PocketmatteError(
            f"{name}: {len(missing)} files are not in {folder}; say where to fetch them: --from DIR or --from URL "
            f"(or set {MIRROR_VARIABLE})"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # the description last: a folder with a spec is complete
        for item in sorted(missing, key=lambda entry: entry.name == "spec.json"):
            _bring(item, str(source), name, folder, advance)
    except OSError as error:
        raise PocketmatteError(f"cannot write to {folder}: {error}; choose a folder with {CACHE_VARIABLE}") from error
    return folder


def _holds(path: Path, item: Item) -> bool:
    return path.is_file() and path.stat().st_size == item.bytes and _digest(path) == item.sha256


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _bring(item: Item, source: str, name: str, folder: Path, advance: Advance) -> None:
    part = folder / f"{item.name}.part"
    if source.startswith(("http://", "https://")):
        _download(f"{source.rstrip('/')}/{name}/{item.name}", part, item, advance)
    else:
        places = [Path(source) / name / item.name, Path(source) / item.name]
        found = next((place for place in places if place.is_file()), None)
        if found is None:
            raise PocketmatteError(f"{name}: no {item.name} in {source}; expected {places[0]} or {places[1]}")
        shutil.copyfile(found, part)
    if not _holds(part, item):
        size, digest = part.stat().st_size, _digest(part)
        part.unlink()
        raise PocketmatteError(
            f"{item.name} from {source} is not the registered file: found {size} bytes, sha256 {digest[:12]}..., "
            f"expected {item.bytes} bytes, {item.sha256[:12]}...; nothing was kept"
        )
    part.replace(folder / item.name)
    advance(item.name, item.bytes, item.bytes)


def _download(address: str, part: Path, item: Item, advance: Advance) -> None:
    """Append to ``part`` what it lacks; a server that ignores the range sends the whole file again."""
    have = part.stat().st_size if part.exists() else 0
    if have >= item.bytes:  # complete or wrong: the digest tells, and a wrong one is removed
        return
    headers = {"Range": f"bytes={have}-"} if have else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=30) as answer:
            goes_on = have > 0 and answer.status == 206
            with part.open("ab" if goes_on else "wb") as file:
                _pump(answer, file, have if goes_on else 0, item, advance)
    except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
        raise PocketmatteError(f"cannot fetch {address}: {error}; the same command goes on where it stopped") from error


def _pump(answer: BinaryIO, file: BinaryIO, done: int, item: Item, advance: Advance) -> None:
    while done <= item.bytes and (block := answer.read(_BLOCK)):  # a longer file is wrong: no need to see its end
        file.write(block)
        done += len(block)
        advance(item.name, done, item.bytes)
