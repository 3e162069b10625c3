"""Photos in and out: any still picture -> 8-bit sRGB pixels, upright; pixels -> a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pocketmatte.core import PocketmatteError, UInt8Image
from pocketmatte.io.image_encode import check_output, encode_image, write_image

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "LoadedImage",
    "check_output",
    "decode_image",
    "encode_image",
    "from_array",
    "from_pil",
    "read_image",
    "to_rgb",
    "write_image",
]


@dataclass(frozen=True)
class LoadedImage:
    """A picture as the pipeline wants it.

    ``image`` is uint8 RGB ``[H,W,3]`` in sRGB, upright. ``alpha`` is the transparency it came with, uint8 ``[H,W]``,
    straight, 255 = opaque; ``None`` when all of it is opaque. ``notes`` tell the user what was lost or guessed.
    ``mode`` and ``format`` are Pillow's names for what it was (``array`` for an array).
    """

    image: UInt8Image
    alpha: UInt8Image | None = None
    notes: tuple[str, ...] = ()
    mode: str = "RGB"
    format: str = "array"


def read_image(path: str | Path) -> LoadedImage:
    """Read a still picture; its content counts, not its name. The table of what becomes of what: ``docs/inputs.md``.

    Raises :class:`PocketmatteError` with one line that names the file, what was found and what to do.
    """
    from pocketmatte.io.image_decode import MAX_PIXELS, open_file

    path = Path(path)
    with open_file(path) as file:
        return _load(path, file, MAX_PIXELS)


def decode_image(data: bytes, name: str = "the picture", max_pixels: int | None = None) -> LoadedImage:
    """:func:`read_image` of a picture file held in memory; ``name`` is what messages call it.

    ``max_pixels`` lowers the limit on width x height, which is checked before any pixel is decoded.
    """
    from io import BytesIO

    from pocketmatte.io.image_decode import MAX_PIXELS

    return _load(Path(name), BytesIO(data), min(max_pixels or MAX_PIXELS, MAX_PIXELS))


def _load(path: Path, file: IO[bytes], max_pixels: int) -> LoadedImage:
    from pocketmatte.io.image_decode import decode
    from pocketmatte.io.image_pixels import to_pixels

    picture, notes = decode(path, file, max_pixels)
    try:
        rgb, alpha, more = to_pixels(picture, file)
    except ValueError as error:
        raise PocketmatteError(f"{path} cannot be used: {error}") from error
    return LoadedImage(rgb, alpha, (*notes, *more), picture.mode, picture.format or "")


def to_rgb(image: npt.NDArray[np.generic] | Image) -> LoadedImage:
    """:func:`from_array` or :func:`from_pil`. Raises ``TypeError`` for anything else."""
    if isinstance(image, np.ndarray):
        return from_array(image)
    import PIL.Image

    if isinstance(image, PIL.Image.Image):
        return from_pil(image)
    raise TypeError(f"expected a NumPy array or a PIL picture, found {type(image).__name__}")


def from_pil(image: Image) -> LoadedImage:
    """A PIL picture of any mode, the current frame of an animation. Profile and EXIF orientation are applied.

    Raises :class:`PocketmatteError` for empty or damaged pictures and values without a known range.
    """
    from pocketmatte.io.image_pixels import to_pixels

    if 0 in image.size:
        raise PocketmatteError(f"the picture is {image.width}x{image.height}: expected at least one pixel")
    try:
        image.load()
        rgb, alpha, notes = to_pixels(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise PocketmatteError(f"the PIL picture cannot be used: {error}") from error
    return LoadedImage(rgb, alpha, notes, image.mode, image.format or "PIL")


def from_array(array: npt.NDArray[np.generic]) -> LoadedImage:
    """Grey ``[H,W]`` or ``[H,W,1]``, RGB ``[H,W,3]`` or straight RGBA ``[H,W,4]``; RGB order, not OpenCV's BGR.

    uint8 as it is (the result may share its memory), uint16 as 0..65535, floats as 0..1. Raises
    :class:`PocketmatteError` for other shapes, types or ranges.
    """
    shape = array.shape
    if array.ndim not in (2, 3) or (array.ndim == 3 and shape[2] not in (1, 3, 4)) or not array.size:
        hint = "; move the channels to the end" if array.ndim == 3 and shape[0] in (1, 3, 4) else ""
        raise PocketmatteError(f"found an array {list(shape)}: expected [H,W], [H,W,3] or [H,W,4]{hint}")
    pixels, notes = _eight_bits(array)
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        grey = pixels.reshape(*shape[:2], 1)
        return LoadedImage(np.ascontiguousarray(np.broadcast_to(grey, (*shape[:2], 3))), None, notes, "L")
    alpha = np.ascontiguousarray(pixels[..., 3]) if shape[2] == 4 else None
    if alpha is not None and alpha.min() == 255:
        alpha = None
    return LoadedImage(np.ascontiguousarray(pixels[..., :3]), alpha, notes, "RGBA" if shape[2] == 4 else "RGB")


def _eight_bits(array: npt.NDArray[np.generic]) -> tuple[UInt8Image, tuple[str, ...]]:
    if array.dtype == np.uint8:
        return array.astype(np.uint8, copy=False), ()
    from pocketmatte.io.image_deep import to_eight_bits, unit_range

    if array.dtype == np.uint16:
        return to_eight_bits(array.astype(np.uint16, copy=False)), ("16 bits per value reduced to 8",)
    if array.dtype.kind == "f":
        try:
            return unit_range(array.astype(np.float32, copy=False)), ()
        except ValueError as error:
            raise PocketmatteError(f"{error}: divide by 255, or pass uint8") from error
    raise PocketmatteError(f"found an array of {array.dtype}: expected uint8, uint16 or floats in 0..1")
