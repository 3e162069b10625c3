"""Looks: what the output shows. ``rgba``, ``alpha``, ``blur``, ``color:#RRGGBB``, ``image:PATH``..."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from pocketmatte.core import PocketmatteError

Kind = Literal["rgba", "alpha", "blur", "bokeh", "depth", "pixelate", "color", "image", "video"]
LOOKS: dict[Kind, str] = {
    "rgba": "rgba",
    "alpha": "alpha",
    "blur": "blur[:STRENGTH]",
    "bokeh": "bokeh[:STRENGTH]",
    "depth": "depth[:STRENGTH]",
    "pixelate": "pixelate[:CELLS]",
    "color": "color:#RRGGBB",
    "image": "image:PATH",
    "video": "video:PATH",
}
# Default and limits. Strengths are radii as shares of the longer side; cells are counted along it.
_AMOUNTS: dict[str, tuple[float, float, float]] = {
    "blur": (0.02, 0.0, 0.25),
    "bokeh": (0.025, 0.0, 0.25),
    "depth": (0.025, 0.0, 0.25),
    "pixelate": (48, 1, 4096),
}


@dataclass(frozen=True)
class Look:
    """A parsed ``--look``. ``color`` is RGB for ``color``; ``path`` the backdrop file for ``image`` and ``video``;
    ``amount`` the strength or number of cells of the looks that have one."""

    kind: Kind
    color: tuple[int, int, int] = (0, 0, 0)
    path: Path | None = None
    amount: float = 0.0

    @property
    def transparent(self) -> bool:
        """Whether the output has an alpha channel."""
        return self.kind == "rgba"

    @property
    def word(self) -> str:
        """The word that output names carry: ``photo-cutout.png``, ``photo-blur.png``..."""
        return "cutout" if self.kind == "rgba" else self.kind

    @property
    def needs_foreground(self) -> bool:
        """Whether the person's own colours matter: everywhere but in a bare matte."""
        return self.kind != "alpha"

    @property
    def has_background(self) -> bool:
        """Whether something stands behind the person in the output."""
        return self.kind not in ("rgba", "alpha")


def parse_look(text: str) -> Look:
    """Read a ``--look`` value. Raises :class:`PocketmatteError` saying what was expected."""
    kind, _, value = text.partition(":")
    if kind in ("rgba", "alpha") and not value:
        return Look(_kind(kind))
    if kind in _AMOUNTS:
        return Look(_kind(kind), amount=_amount(text, kind, value))
    if kind == "color":
        found = re.fullmatch(r"#?([0-9a-fA-F]{6})", value)
        if not found:
            raise PocketmatteError(f"look {text!r}: expected color:#RRGGBB, for example color:#00FF00")
        digits = found[1]
        return Look("color", (int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)))
    if kind in ("image", "video") and value:
        return Look(_kind(kind), path=Path(value))
    *most, last = LOOKS.values()
    raise PocketmatteError(f"unknown look {text!r}: expected {', '.join(most)} or {last}")


def _kind(text: str) -> Kind:
    return next(k for k in get_args(Kind) if k == text)


def _amount(text: str, kind: str, value: str) -> float:
    default, low, high = _AMOUNTS[kind]
    try:
        amount = float(value) if value else default
    except ValueError:
        amount = float("nan")
    if not low <= amount <= high:
        raise PocketmatteError(f"look {text!r}: expected a number from {low:g} to {high:g} after {kind}:")
    return amount
