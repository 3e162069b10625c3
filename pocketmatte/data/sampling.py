"""Reading views out of the bank: any number of pictures of any size, each through its own homography, at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pocketmatte.data.bank import LEVELS, Bank

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Views:
    """What to read: ``picture`` int ``[n]``; ``matrix`` ``[n,3,3]`` maps picture pixels to output pixels (continuous
    coordinates, pixel centres at halves); ``bottom`` ``[n]``: below this row of the picture alpha is cut off.

    ``cut``: outside the picture alpha is zero (else it continues mirrored, as the colours always do).
    """

    picture: Array
    matrix: Array
    bottom: Array
    cut: bool = False

    def take(self, index: Array) -> Views:
        """The views at ``index``."""
        return Views(self.picture[index], self.matrix[index], self.bottom[index], self.cut)


COLOUR, SCENE, PERSON = slice(0, 3), slice(0, 5), slice(3, 8)  # bytes of a word
_ALPHA = 3
_CENTRE = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])  # from pixel numbers to continuous coordinates


def read_views(bank: Bank, views: Views, size: int, part: slice = SCENE) -> Tensor:
    """float32 ``[n,c,size,size]`` in 0..255, the ``part`` asked for.

    ``COLOUR``: 3 channels; ``SCENE``: colour (3), alpha, trust; ``PERSON``: alpha, trust, foreground colour (3).
    On a CPU OpenCV reads, several times as fast as tensors; it rounds to whole values and softens where alpha is cut.
    """
    inverse = np.linalg.inv(views.matrix)
    middle = np.array([size / 2, size / 2, 1.0])
    depth = inverse[:, 2] @ middle
    # source pixels per output pixel, in the middle of the view
    shrink = np.sqrt(np.abs(np.linalg.det(inverse[:, :2, :2]))) / np.maximum(np.abs(depth), 1e-6)
    level = np.clip(np.floor(np.log2(np.maximum(shrink, 1e-6)) + 0.25), 0, LEVELS - 1).astype(int)
    width, height = bank.width[views.picture, level], bank.height[views.picture, level]
    scale = np.stack([width / bank.width[views.picture, 0], height / bank.height[views.picture, 0]], 1)
    inverse[:, :2] *= scale[:, :, None]
    sources = Sources(bank.start[views.picture, level], width, height, views.bottom * scale[:, 1], inverse, views.cut)
    read = read_with_opencv if bank.pixels.device.type == "cpu" else read_with_tensors
    return read(bank.pixels, sources, size, part)


@dataclass(frozen=True)
class Sources:
    """Where views lie in the bank: ``start`` of each picture at its level, ``width`` and ``height`` there, ``bottom``
    in its rows, ``inverse`` ``[n,3,3]`` from output to source coordinates."""

    start: Array
    width: Array
    height: Array
    bottom: Array
    inverse: Array
    cut: bool


def read_with_tensors(pixels: Tensor, sources: Sources, size: int, part: slice) -> Tensor:
    """:func:`read_views` on any device, all views at once."""
    device = pixels.device
    numbers = np.column_stack([sources.inverse.reshape(-1, 9), sources.width, sources.height, sources.bottom])
    table = torch.from_numpy(numbers.astype(np.float32)).to(device)
    start = torch.from_numpy(sources.start).to(device)[:, None, None]
    h = table[:, :9, None, None].unbind(1)
    w, hgt, bottom = table[:, 9:, None, None].unbind(1)
    axis = torch.arange(size, device=device, dtype=torch.float32) + 0.5
    ox, oy = axis[None, None, :], axis[None, :, None]
    z = h[6] * ox + h[7] * oy + h[8]
    x, y = (h[0] * ox + h[1] * oy + h[2]) / z, (h[3] * ox + h[4] * oy + h[5]) / z
    out = _bilinear(pixels, start, _mirror(x, w), _mirror(y, hgt), w, hgt, part)
    if part == COLOUR:
        return out
    keep = y < bottom
    if sources.cut:
        keep = keep & (x > 0) & (x < w) & (y > 0) & (y < hgt)
    out[:, _ALPHA - part.start] *= keep
    return out


def read_with_opencv(pixels: Tensor, sources: Sources, size: int, part: slice) -> Tensor:
    """:func:`read_views` on a CPU, view by view."""
    matrix = np.linalg.inv(_CENTRE) @ sources.inverse @ _CENTRE
    words = pixels.numpy()
    out = np.empty((len(matrix), part.stop - part.start, size, size), np.float32)
    ends = cv2.BORDER_CONSTANT if sources.cut else cv2.BORDER_REFLECT
    planes = [
        (begin, end, border)
        for begin, end, border in (
            (part.start, _ALPHA, cv2.BORDER_REFLECT),
            (_ALPHA, _ALPHA + 1, ends),
            (_ALPHA + 1, part.stop, cv2.BORDER_REFLECT),
        )
        if part.start <= begin < end <= part.stop
    ]
    for k, (first, w, h) in enumerate(zip(sources.start, sources.width, sources.height, strict=True)):
        source = words[first : first + w * h].view(np.uint8).reshape(h, w, 8)
        for begin, end, border in planes:
            plane = np.ascontiguousarray(source[..., begin:end])
            if begin == _ALPHA and sources.bottom[k] < h:
                plane[max(0, int(np.ceil(sources.bottom[k] - 0.5))) :] = 0
            seen = cv2.warpPerspective(
                plane, matrix[k], (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=border
            )
            target = out[k, begin - part.start : end - part.start]
            target[...] = seen if seen.ndim == 2 else seen.transpose(2, 0, 1)
    return torch.from_numpy(out)


def _mirror(x: Tensor, length: Tensor) -> Tensor:
    """Fold coordinates back into 0..``length`` by reflection at the edges."""
    return length - (torch.remainder(x, 2 * length) - length).abs()


def _bilinear(pixels: Tensor, start: Tensor, x: Tensor, y: Tensor, w: Tensor, h: Tensor, part: slice) -> Tensor:
    """Four words round each point (x, y), unpacked to bytes and blended: float32 ``[n,c,S,S]``."""
    zero = torch.zeros_like(w)
    fx, fy = x - 0.5, y - 0.5
    x0, y0 = fx.floor(), fy.floor()
    fx, fy = (fx - x0)[..., None], (fy - y0)[..., None]
    left, right = torch.clamp(x0, zero, w - 1).long(), torch.clamp(x0 + 1, zero, w - 1).long()
    top = start + torch.clamp(y0, zero, h - 1).long() * w.long()
    low = start + torch.clamp(y0 + 1, zero, h - 1).long() * w.long()

    def words(index: Tensor) -> Tensor:
        taken = pixels.index_select(0, index.reshape(-1))
        return taken.view(torch.uint8).view(*index.shape, 8)[..., part].float()

    upper = torch.lerp(words(top + left), words(top + right), fx)
    lower = torch.lerp(words(low + left), words(low + right), fx)
    return torch.lerp(upper, lower, fy).permute(0, 3, 1, 2)
