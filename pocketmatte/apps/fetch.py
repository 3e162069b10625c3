"""The ``models fetch`` verb."""

from __future__ import annotations

import sys

from pocketmatte.zoo.fetch import fetch, fetchable


def fetch_models(names: list[str], source: str | None) -> None:
    """Fetch each model and print where it lies; progress on stderr when that is a terminal."""
    terminal = sys.stderr.isatty()

    def advance(file: str, done: int, total: int) -> None:
        if terminal:
            end = "\n" if done >= total else ""
            print(f"\r{file} {done / 1e6:.1f} of {total / 1e6:.1f} MB", end=end, file=sys.stderr, flush=True)

    wanted = sorted(fetchable()) if names == ["all"] else names
    if not wanted:
        print("no weights are published yet beside those that ship", file=sys.stderr)
    for name in wanted:
        print(f"{name}: {fetch(name, source, advance)}")
