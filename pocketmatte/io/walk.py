"""Files below a folder, in a fixed order, once each."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from pocketmatte.core import PocketmatteError


def walk(root: Path, avoid: Collection[Path], suffixes: frozenset[str]) -> tuple[list[Path], int]:
    """Files below ``root`` whose lower-case suffix is one of ``suffixes``, sorted, and how many others were skipped.

    Hidden entries (a leading dot) are skipped, hidden files counted. Folders in ``avoid`` are not entered, linked ones
    entered unless their real place was already. Raises :class:`PocketmatteError` for a folder that cannot be listed.
    """
    barred = {os.path.realpath(path) for path in avoid}
    seen: set[str] = set()
    found: list[Path] = []
    skipped = 0
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        place = os.path.realpath(folder)
        if place in seen or (place in barred and folder != root):
            continue
        seen.add(place)
        try:
            entries = sorted(folder.iterdir())
            folders = {entry for entry in entries if entry.is_dir()}
        except OSError as error:
            raise PocketmatteError(f"cannot list the folder {folder}: {error.strerror or error}") from error
        for entry in entries:
            if entry in folders:
                continue
            if entry.name.startswith(".") or entry.suffix.lower() not in suffixes:
                skipped += 1
            else:
                found.append(entry)
        waiting += sorted((entry for entry in folders if not entry.name.startswith(".")), reverse=True)
    return sorted(found), skipped
