"""Work only on the pixels whose alpha is neither 0 nor 1: found, packed and written back, so many at a time.

Few pixels of a portrait are unsure, so this is several times faster than whole-picture arithmetic; the limits keep the
work in the cache and the memory bounded for pictures of any size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pocketmatte.core import Alpha, UInt8Image

Array = npt.NDArray[Any]

_STRIP = 1 << 21  # pixels looked at together
_MOST = 1 << 17  # unsure pixels worked on together
_LINE = 1024  # OpenCV's remap wants short lines: packed pixels stand in rows of this length
_ZERO = np.zeros(4)
_PIXEL = np.dtype((np.void, 3))  # moving whole pixels is faster than moving three bytes
_EIGHT = np.arange(8, dtype=np.int32)


@dataclass(frozen=True)
class Band:
    """Unsure pixels in ``rows`` of a picture, in reading order; ``index`` int32 ``[n]`` counts from the first row.

    ``grid`` int32 ``[k,1024]`` is the same, the last line filled up by repetition. Packed values have its shape.
    """

    rows: slice
    width: int
    index: npt.NDArray[np.int32]
    grid: npt.NDArray[np.int32]

    def take(self, picture: Array) -> Array:
        """The pixels of a contiguous ``[H,W]`` or uint8 ``[H,W,3]`` picture: packed ``[k,1024]`` or ``[k,1024,3]``."""
        part = picture[self.rows]
        if part.ndim == 2:
            return np.asarray(np.take(part.reshape(-1), self.grid))
        pixels = np.take(np.ascontiguousarray(part).reshape(-1).view(_PIXEL), self.grid)
        return pixels.view(np.uint8).reshape(*self.grid.shape, 3)

    def put_alpha(self, alpha: Alpha, values: Array) -> None:
        """Write packed values into a contiguous float32 ``[H,W]``."""
        alpha[self.rows].reshape(-1)[self._places()] = values.reshape(-1)[: self.index.size]

    def put_colours(self, picture: UInt8Image, planes: Sequence[Array]) -> None:
        """Write three packed float planes, rounded and limited to 0..255, into a contiguous uint8 ``[H,W,3]``."""
        colours = np.asarray(cv2.add(cv2.merge(planes), _ZERO, dtype=cv2.CV_8U)).reshape(-1).view(_PIXEL)
        picture[self.rows].reshape(-1).view(_PIXEL)[self._places()] = colours[: self.index.size]

    def _places(self) -> npt.NDArray[np.intp]:
        return self.index.astype(np.intp)  # NumPy's own cast costs three times as much as writing there

    def sample(self, pictures: Sequence[Array], scale: tuple[float, float]) -> list[Sequence[Array]]:
        """Bilinear samples of reduced float32 ``[h,w,4]`` pictures at the band's pixels, four packed planes each.

        ``scale`` is the size of a full pixel in pixels of the reduced pictures, down and across.
        """
        y = self.grid // np.int32(self.width)
        x = self.grid - y * np.int32(self.width)
        y_map = y.astype(np.float32) * np.float32(scale[0]) + np.float32((self.rows.start + 0.5) * scale[0] - 0.5)
        x_map = x.astype(np.float32) * np.float32(scale[1]) + np.float32(0.5 * scale[1] - 0.5)
        border = cv2.BORDER_REPLICATE
        return [cv2.split(cv2.remap(p, x_map, y_map, cv2.INTER_LINEAR, borderMode=border)) for p in pictures]


def output(out: Array | None, shape: tuple[int, ...], dtype: type[np.generic]) -> Array:
    """``out`` if it can hold the result, a new array if it is ``None``; raises :class:`ValueError` otherwise.

    OpenCV would quietly write elsewhere.
    """
    if out is None:
        return np.empty(shape, dtype)
    if out.shape != shape or out.dtype != dtype or not out.flags.c_contiguous:
        raise ValueError(f"out is {out.dtype} {out.shape}: expected contiguous {np.dtype(dtype)} {shape}")
    return out


def to_levels(alpha: Alpha) -> npt.NDArray[np.uint8]:
    """Alpha float32 0..1, any shape of two dimensions -> uint8 0..255, rounded."""
    return np.asarray(cv2.convertScaleAbs(alpha, alpha=255.0), np.uint8)


def unsure(levels: npt.NDArray[np.uint8]) -> Iterator[Band]:
    """Bands of all pixels of an alpha uint8 ``[H,W]`` that are neither 0 nor 255, top to bottom."""
    height, width = levels.shape
    step = max(1, _STRIP // width)
    for top in range(0, height, step):
        rows = slice(top, min(top + step, height))
        index = _between(np.ascontiguousarray(levels[rows]).reshape(-1))
        for begin in range(0, index.size, _MOST):
            part = index[begin : begin + _MOST]
            grid = np.empty((-(-part.size // _LINE), _LINE), np.int32)
            grid.reshape(-1)[: part.size] = part
            grid.reshape(-1)[part.size :] = part[-1]
            yield Band(rows, width, part, grid)


def _between(levels: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
    """Where levels ``[n]`` are neither 0 nor 255. Eight of them are looked at as one word first: most agree."""
    whole = levels.size // 8 * 8
    words = levels[:whole].view(np.uint64)
    mixed = np.flatnonzero(words + np.uint64(1) > 1).astype(np.int32)  # all ones wrap round to 0
    near = np.concatenate(
        [(mixed[:, None] * np.int32(8) + _EIGHT).reshape(-1), np.arange(whole, levels.size, dtype=np.int32)]
    )
    values = np.concatenate([words[mixed].view(np.uint8), levels[whole:]])
    return np.asarray(near[values - np.uint8(1) < 254], np.int32)  # 0 wraps round to 255
