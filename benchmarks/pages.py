"""Files that are written from ``results/``: what the scripts share that fill the tables of the documentation.

Each table stands between ``<!-- NAME -->`` and ``<!-- /NAME -->``; everything else on a page is left alone.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results"
Row = dict[str, str]
Tables = Mapping[str, Callable[[], str]]


def rows(file: str) -> list[Row]:
    """The rows of a CSV file in ``results/``."""
    with (RESULTS / file).open(newline="") as opened:
        return list(csv.DictReader(opened))


def rows_if_any(file: str) -> list[Row]:
    """The rows of a CSV file in ``results/`` that may not be there yet."""
    return rows(file) if (RESULTS / file).is_file() else []


def grid(head: list[str], body: list[list[str]], words: int = 1) -> str:
    """A Markdown table, its first ``words`` columns to the left."""
    rule = ["---" if n < words else "---:" for n in range(len(head))]
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, rule, *body])


def fill(text: str, tables: Tables) -> str:
    """A page with every table it marks."""
    for name, table in tables.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        if begin in text:
            before, rest = text.split(begin, 1)
            text = f"{before}{begin}{table()}\n{end}{rest.split(end, 1)[1]}"
    return text


def filled(pages: Iterable[Path], tables: Tables) -> dict[Path, str]:
    """What each page should say."""
    return {page: fill(page.read_text(), tables) for page in pages}


def write_or_check(files: Mapping[Path, str], module: str, doc: str | None) -> int:
    """What a script ``module`` does that writes ``files`` from the results, with ``doc`` as its help.

    With ``--check`` nothing is written: 1 when a file says something else, and the command that mends it is printed.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, fail when something is stale")
    check = parser.parse_args().check
    stale = {path: text for path, text in files.items() if not path.is_file() or path.read_text() != text}
    for path, text in stale.items():
        if check:
            print(f"{path.relative_to(ROOT)} is not what results/ says: python -m {module}")
        else:
            path.write_text(text)
    return 1 if check and stale else 0
