"""Scores of one kind of picture at a time: which pictures show hats, loose hair, darkness is said by a CSV file.

The file has the columns ``set``, ``stem`` and ``tags`` (separated by spaces). A picture may have any number of tags.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pocketmatte.core import PocketmatteError
from pocketmatte.evaluate.report import EmptyReport, ImageScore, Report, mean, plain

COLUMNS = ("set", "stem", "tags")
Tags = Mapping[str, frozenset[str]]
"""Stem -> tags of that picture."""


def read_slices(path: str | Path, data_set: str) -> Tags:
    """The tags of every picture of ``data_set`` (the name of the data folder).

    Raises :class:`PocketmatteError` when the file cannot be read, has other columns, names a picture twice or does
    not know the set.
    """
    path = Path(path)
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            names, rows = tuple(reader.fieldnames or ()), list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PocketmatteError(f"cannot read the slices {path}: {error}") from error
    if names != COLUMNS:
        raise PocketmatteError(
            f"{path} has the columns {','.join(names) or 'of an empty file'}: expected {','.join(COLUMNS)}"
        )
    found: dict[str, frozenset[str]] = {}
    for row in rows:
        if row["set"] == data_set:
            if row["stem"] in found:
                raise PocketmatteError(f"{path} names {row['stem']} of {data_set} twice: expected one row a picture")
            found[row["stem"]] = frozenset((row["tags"] or "").split())
    if not found:
        sets = ", ".join(sorted({row["set"] for row in rows})) or "nothing"
        raise PocketmatteError(f"{path} does not know the set {data_set}, the folder's name; it has {sets}")
    return found


def missing(stems: Iterable[str], tags: Tags) -> tuple[str, ...]:
    """The stems that the file does not know: they are in no slice."""
    return tuple(stem for stem in stems if stem not in tags)


def slice_scores(report: Report | EmptyReport, tags: Tags) -> dict[str, dict[str, Any]]:
    """Tag -> ``{n, miou, biou, mad}`` of a report with truth, ``{n, alpha, over}`` of one of empty pictures.

    Means over the pictures that have the tag, in order of the tags' names; a tag without pictures is left out.
    """
    found: dict[str, dict[str, Any]] = {}
    for tag in sorted(frozenset().union(*tags.values())):
        if isinstance(report, Report):
            rows = [row for row in report.images if tag in tags.get(row.stem, ())]
            values = means(rows)
        else:
            alphas = [row.alpha for row in report.images if tag in tags.get(row.stem, ())]
            over = mean(float(alpha > report.limit) for alpha in alphas)
            values = {"n": len(alphas), "alpha": plain(mean(alphas)), "over": plain(over)}
        if values["n"]:
            found[tag] = values
    return found


def means(rows: list[ImageScore]) -> dict[str, Any]:
    """``{n, miou, biou, mad}`` of some pictures."""
    return {"n": len(rows), **{key: plain(mean(getattr(row, key) for row in rows)) for key in ("miou", "biou", "mad")}}


def slice_table(slices: Mapping[str, Mapping[str, Any]]) -> str:
    """Plain text, no line break at the end: one line a slice."""
    if not slices:
        return "no picture has a tag"
    names = list(next(iter(slices.values())))
    wide = max(map(len, slices))
    lines = [" " * wide + "".join(f"{name:>9}" for name in names)]
    for tag, values in slices.items():
        cells = (str(v) if isinstance(v, int) else "-" if v is None else f"{v:.4f}" for v in values.values())
        lines.append(f"{tag:<{wide}}" + "".join(f"{cell:>9}" for cell in cells))
    return "\n".join(lines)
