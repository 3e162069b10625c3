"""The project's one way to resize, the geometry between a picture and a network's grid, and a slow judge for both.

A pixel is a cell: pixel (0, 0) covers [0, 1) x [0, 1), its centre lies at 0.5. Corners are never aligned.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from pocketmatte.core import Size
from pocketmatte.ops.shrink import rows_can_be_summed, sum_rows

Filter = Literal["area", "bilinear"]
Kind = Literal["squash", "letterbox"]
Array = npt.NDArray[Any]


def resize(image: Array, size: Size | tuple[int, int], filter: Filter = "area") -> Array:
    """Resize ``[H,W]`` or ``[H,W,C]`` (C <= 4; uint8, uint16, float32 or float64) to ``size`` = (height, width).

    ``area`` averages along each axis that shrinks and interpolates along each axis that grows; ``bilinear`` always
    interpolates between the two nearest centres. Keeps type and number of dimensions; returns the input itself when
    nothing changes. Raises :class:`ValueError` on an empty picture or size.
    """
    height, width = int(size[0]), int(size[1])
    if min(height, width) < 1 or min(image.shape[:2]) < 1:
        raise ValueError(f"cannot resize {image.shape[0]}x{image.shape[1]} to {height}x{width}: expected at least 1x1")
    if (height, width) == image.shape[:2]:
        return image
    if filter == "bilinear" or (height >= image.shape[0] and width >= image.shape[1]):
        result = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    elif width < image.shape[1] and rows_can_be_summed(image, height):
        sums, divisor = sum_rows(image, height)
        means = cv2.resize(sums.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
        result = cv2.convertScaleAbs(means, alpha=1 / divisor)
    else:
        # One axis at a time: OpenCV's area mode is an average only when both axes shrink. Going through the narrower
        # picture is also faster than one call, and differs from it by rounding alone.
        result = cv2.resize(image, (width, image.shape[0]), interpolation=_mode(width, image.shape[1]))
        result = cv2.resize(result, (width, height), interpolation=_mode(height, image.shape[0]))
    return result.reshape(height, width, *image.shape[2:])  # OpenCV drops a channel axis of length one


def _mode(new: int, old: int) -> int:
    return cv2.INTER_AREA if new < old else cv2.INTER_LINEAR


def halve(image: Array, times: int) -> Array:
    """Average 2x2 blocks ``times`` times: ``[ceil(H / 2**times), ceil(W / 2**times)]``, last row and column repeated.

    Much faster than :func:`resize`. Pixel (y, x) of the result is centred on ((y + 0.5) * 2**times) of the picture
    also when the size does not divide; :func:`unhalve` is the way back.
    """
    for _ in range(times):
        height, width = image.shape[:2]
        if height % 2 or width % 2:  # one step at a time: a 1 x 10000 picture must not be padded to 4096 rows
            image = cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        image = cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_AREA)
    return image


def unhalve(image: Array, times: int, size: Size | tuple[int, ...], out: Array | None = None) -> Array:
    """Bring what :func:`halve` made of a picture of ``size`` (height, width) back to that size, bilinearly."""
    if times > 1 and min(size[:2]) < 1 << times:  # thin: do not blow up the padding either
        image, times = unhalve(image, times - 1, (-(-size[0] // 2), -(-size[1] // 2))), 1
    height, width = image.shape[0] << times, image.shape[1] << times
    if (height, width) == tuple(size[:2]):
        return np.asarray(cv2.resize(image, (width, height), dst=out, interpolation=cv2.INTER_LINEAR))
    grown = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)[: size[0], : size[1]]
    if out is None:
        return np.ascontiguousarray(grown)
    out[...] = grown
    return out


@dataclass(frozen=True)
class Geometry:
    """Where a picture of size ``source`` lies on a network's grid ``net``: the cell ``content`` at ``top``, ``left``.

    The pipeline asks it for pixels and does no geometry of its own. Made by :func:`place`.
    """

    source: Size
    net: Size
    top: int
    left: int
    content: Size

    def forward(self, image: Array, filter: Filter = "area", pad: int = 128) -> Array:
        """Picture ``[H,W,...]`` of size ``source`` -> ``[h,w,...]`` of size ``net``, free cells filled with ``pad``."""
        if image.shape[:2] != self.source:
            raise ValueError(f"picture is {image.shape[0]}x{image.shape[1]}, this geometry is for {self.source}")
        scaled = resize(image, self.content, filter)
        if self.content == self.net:
            return scaled
        canvas = np.full((*self.net, *image.shape[2:]), pad, image.dtype)
        self.crop(canvas)[...] = scaled
        return canvas

    def crop(self, array: Array) -> Array:
        """The part of a net-sized array ``[h,w,...]`` that the picture covers exactly (a view)."""
        if array.shape[:2] != self.net:
            raise ValueError(f"array is {array.shape[0]}x{array.shape[1]}, this geometry's grid is {self.net}")
        return array[self.top : self.top + self.content.height, self.left : self.left + self.content.width]

    def enlarge(self, cropped: Array) -> Array:
        """What :meth:`crop` gave -> the picture's size, bilinearly (averaging where the picture is the smaller)."""
        return resize(np.ascontiguousarray(cropped), self.source, "area")

    def inverse(self, alpha: Array) -> Array:
        """Net-sized array -> the picture's size: :meth:`crop`, then :meth:`enlarge`."""
        return self.enlarge(self.crop(alpha))


def place(source: Size | tuple[int, int], net: Size | tuple[int, int], kind: Kind = "squash") -> Geometry:
    """Place a picture on a network's grid: ``squash`` fills it, ``letterbox`` keeps the aspect and centres.

    The letterboxed content is rounded to whole cells (at least one); an odd rest goes to the bottom or right.
    """
    source, net = Size(*source), Size(*net)
    if kind == "squash":
        return Geometry(source, net, 0, 0, net)
    if kind != "letterbox":
        raise ValueError(f"unknown resize kind {kind!r}: expected squash or letterbox")
    scale = min(net.height / source.height, net.width / source.width)
    content = Size(*(min(n, max(1, int(s * scale + 0.5))) for s, n in zip(source, net, strict=True)))
    return Geometry(source, net, (net.height - content.height) // 2, (net.width - content.width) // 2, content)


def fit(
    image: Array, size: Size | tuple[int, int], kind: Kind = "squash", filter: Filter = "area", pad: int = 128
) -> tuple[Array, Geometry]:
    """Picture ``[H,W,...]`` -> what the network of input ``size`` sees, and how to come back."""
    geometry = place(Size(*image.shape[:2]), size, kind)
    return geometry.forward(image, filter, pad), geometry


def _bilinear_weights(new: int, old: int) -> npt.NDArray[np.float64]:
    weights = np.zeros((new, old), np.float64)
    for i in range(new):
        position = min(max((i + 0.5) * old / new - 0.5, 0.0), old - 1.0)
        low = min(int(position), max(old - 2, 0))
        weights[i, low] += 1 - (position - low)
        weights[i, min(low + 1, old - 1)] += position - low
    return weights


def _area_weights(new: int, old: int) -> npt.NDArray[np.float64]:
    if new >= old:
        return _bilinear_weights(new, old)
    edges = np.arange(new + 1) * old / new
    cells = np.arange(old)
    overlap = np.minimum(edges[1:, None], cells + 1) - np.maximum(edges[:-1, None], cells)
    return np.asarray(np.maximum(overlap, 0) * new / old, np.float64)


def _separable(
    image: Array, size: Size | tuple[int, int], weights: Callable[[int, int], Array]
) -> npt.NDArray[np.float64]:
    rows, columns = weights(size[0], image.shape[0]), weights(size[1], image.shape[1])
    return np.asarray(np.einsum("yi,xj,ij...->yx...", rows, columns, image.astype(np.float64), optimize=True))


def reference_bilinear(image: Array, size: Size | tuple[int, int]) -> npt.NDArray[np.float64]:
    """The judge of every ``bilinear`` resizer: the definition written out with dense weights. Slow; float64 result."""
    return _separable(image, size, _bilinear_weights)


def reference_area(image: Array, size: Size | tuple[int, int]) -> npt.NDArray[np.float64]:
    """The judge of every ``area`` resizer: each new cell is the mean of what it covers. Slow; float64 result."""
    return _separable(image, size, _area_weights)
