"""What the benchmarks share as commands: how they end, and options of several numbers."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar

from pocketmatte.core import PocketmatteError, Size

Number = TypeVar("Number", int, float)


def launch(main: Callable[[], int | None]) -> NoReturn:
    """Ends the process with what ``main`` returns; a :class:`PocketmatteError`, or a file that cannot be read or
    written, becomes one line on stderr and exit code 1."""
    name = Path(sys.argv[0]).stem
    try:
        sys.exit(main())
    except PocketmatteError as error:
        sys.exit(f"{name}: {error}")
    except OSError as error:
        if error.filename is None:  # not about a file: a bug, or a machine that gives out
            raise
        sys.exit(f"{name}: {error.filename}: {error.strerror}")


def repeats(text: str) -> int:
    """How often to measure, for argparse: a spread needs two values."""
    try:
        count = int(text)
    except ValueError:
        count = 0
    if count < 2:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number of at least 2")
    return count


def integers(text: str) -> tuple[int, ...]:
    """``1,2`` as numbers, for argparse."""
    return tuple(_each(text, int, "whole numbers separated by commas, as in 1,2"))


def shares(text: str) -> tuple[float, ...]:
    """``0,0.5,1`` as numbers, for argparse."""
    return tuple(_each(text, float, "numbers separated by commas, as in 0,0.5,1"))


def height_width(text: str) -> Size:
    """``720x1280`` as the size of a picture, for argparse."""
    sides = _each(text, int, expected := "HEIGHTxWIDTH, as in 720x1280", "x")
    if len(sides) != 2 or min(sides) < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected {expected}")
    return Size(*sides)


def _each(text: str, kind: Callable[[str], Number], expected: str, between: str = ",") -> list[Number]:
    try:
        return [kind(part) for part in text.split(between)]
    except ValueError:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected {expected}") from None
