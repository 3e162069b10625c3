"""Several pictures in one, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np

from pocketmatte.core import Size, UInt8Image
from pocketmatte.ops.resize import fit

LIMIT = Size(1080, 1920)


@dataclass(frozen=True)
class Grid:
    """``rows`` x ``columns`` cells of one size, filled row by row."""

    rows: int
    columns: int
    cell: Size

    @property
    def size(self) -> Size:
        """Size of the whole picture."""
        return Size(self.rows * self.cell.height, self.columns * self.cell.width)


def make_grid(count: int, picture: Size, limit: Size = LIMIT) -> Grid:
    """The squarest grid for ``count`` pictures of about the size ``picture``, shrunk to fit ``limit``; even sides."""
    columns = ceil(sqrt(count))
    rows = ceil(count / columns)
    scale = min(1.0, limit.height / (rows * picture.height), limit.width / (columns * picture.width))
    height, width = (max(2, 2 * int(side * scale / 2)) for side in picture)
    return Grid(rows, columns, Size(height, width))


def tile(pictures: Sequence[UInt8Image | None], grid: Grid) -> UInt8Image:
    """Pictures uint8 RGB ``[H,W,3]`` -> one of ``grid.size``. Each is fitted into its cell, the rest is black, as
    is the cell of ``None``."""
    whole = np.zeros((*grid.size, 3), np.uint8)
    for number, picture in enumerate(pictures):
        if picture is None:
            continue
        row, column = divmod(number, grid.columns)
        top, left = row * grid.cell.height, column * grid.cell.width
        fitted = fit(picture, grid.cell, "letterbox", "area", 0)[0] if picture.shape[:2] != grid.cell else picture
        whole[top : top + grid.cell.height, left : left + grid.cell.width] = fitted
    return whole
