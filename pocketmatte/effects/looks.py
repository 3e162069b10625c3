"""Looks: what the output shows. ``rgba``, ``alpha``, ``blur``, ``color:#RRGGBB``, ``image:PATH``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from pocketmatte.core import Matte, PocketmatteError, Size, UInt8Image
from pocketmatte.ops.composite import composite, to_rgba
from pocketmatte.ops.filters import blur_background
from pocketmatte.ops.resize import resize

Kind = Literal["rgba", "alpha", "blur", "color", "image"]
_HELP = "expected rgba, alpha, blur, color:#RRGGBB or image:PATH"


@dataclass(frozen=True)
class Look:
    """A parsed ``--look``. ``color`` is RGB for ``color``; ``path`` the backdrop file for ``image``."""

    kind: Kind
    color: tuple[int, int, int] = (0, 0, 0)
    path: Path | None = None

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


def parse_look(text: str) -> Look:
    """Read a ``--look`` value. Raises :class:`PocketmatteError` saying what was expected."""
    kind, _, value = text.partition(":")
    if kind in ("rgba", "alpha", "blur") and not value:
        return Look(kind)  # type: ignore[arg-type]
    if kind == "color":
        found = re.fullmatch(r"#?([0-9a-fA-F]{6})", value)
        if not found:
            raise PocketmatteError(f"look {text!r}: expected color:#RRGGBB, for example color:#00FF00")
        digits = found[1]
        return Look("color", (int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)))
    if kind == "image" and value:
        return Look("image", path=Path(value))
    raise PocketmatteError(f"unknown look {text!r}: {_HELP}")


class Renderer:
    """Draws one look. ``backdrop`` is the uint8 RGB picture of an ``image`` look."""

    def __init__(self, look: Look, backdrop: UInt8Image | None = None) -> None:
        if (look.kind == "image") != (backdrop is not None):
            raise ValueError("a backdrop picture belongs to image looks and to them alone")
        self.look, self._backdrop = look, backdrop
        self._fitted: UInt8Image | None = None

    def _background(self, size: Size) -> UInt8Image:
        if self._fitted is None or self._fitted.shape[:2] != size:
            if self._backdrop is not None:
                self._fitted = cover(self._backdrop, size)
            else:
                self._fitted = np.empty((*size, 3), np.uint8)
                self._fitted[:] = self.look.color
        return self._fitted

    def draw(self, image: UInt8Image, matte: Matte) -> UInt8Image:
        """``image`` uint8 RGB ``[H,W,3]`` and its matte of the same size -> uint8 ``[H,W,4]`` straight RGBA for
        ``rgba``, ``[H,W]`` for ``alpha``, else RGB ``[H,W,3]``."""
        colours = image if matte.foreground is None else matte.foreground
        if self.look.kind == "rgba":
            return to_rgba(colours, matte.alpha)
        if self.look.kind == "alpha":
            return (matte.alpha * 255 + 0.5).astype(np.uint8)
        if self.look.kind == "blur":
            return composite(colours, matte.alpha, blur_background(image, matte.alpha))
        return composite(colours, matte.alpha, self._background(Size(*image.shape[:2])))


def cover(picture: UInt8Image, size: Size) -> UInt8Image:
    """Scale a picture to fill ``size`` without distortion; what sticks out is cut off evenly."""
    scale = max(size.height / picture.shape[0], size.width / picture.shape[1])
    height, width = (max(target, round(side * scale)) for target, side in zip(size, picture.shape[:2], strict=True))
    grown = resize(picture, Size(height, width))
    top, left = (height - size.height) // 2, (width - size.width) // 2
    return np.ascontiguousarray(grown[top : top + size.height, left : left + size.width])
