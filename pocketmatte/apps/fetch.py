"""The ``models fetch`` verb."""

from __future__ import annotations

import sys

from pocketmatte.zoo.fetch import fetch, fetchable


def fetch_models(names: list[str], source: str | None) -> None:
    """Fetch each model and print where it lies; on stderr progress (on a terminal) and what was here already."""
    terminal = sys.stderr.isatty()
    fetched: set[str] = set()

    def advance(file: str, done: int, total: int) -> None:
        fetched.add(file)
        if terminal:
            end = "\n" if done >= total else ""
            print(f"\r{file} {done / 1e6:.1f} of {total / 1e6:.1f} MB", end=end, file=sys.stderr, flush=True)

    wanted = sorted(fetchable()) if names == ["all"] else names
    if not wanted:
        print("no weights are published yet beside those that ship", file=sys.stderr)
    for name in wanted:
        fetched.clear()
        folder = fetch(name, source, advance)
        if not fetched:
            unused = f" from {source}" if source else ""
            print(f"{name}: already here, every file as registered; nothing was fetched{unused}", file=sys.stderr)
        print(f"{name}: {folder}")
