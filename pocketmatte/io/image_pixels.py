"""Pillow's many pixel forms -> 8-bit RGB in sRGB, upright, with the alpha apart."""

from __future__ import annotations

from typing import IO

import numpy as np
from PIL import Image, ImageChops

from pocketmatte.core import UInt8Image
from pocketmatte.io.image_color import to_srgb
from pocketmatte.io.image_deep import deep_pixels, one_plane

_ORIENTATION = 0x0112
Pixels = tuple[UInt8Image, UInt8Image | None, tuple[str, ...]]


def to_pixels(image: Image.Image, file: IO[bytes] | None = None) -> Pixels:
    """RGB ``uint8 [H,W,3]``, straight alpha ``uint8 [H,W]`` or ``None`` when nothing is transparent, and notes.

    ``image`` is loaded; ``file`` is what it was read from, for the bits below the eighth, which Pillow drops from
    colour pictures. EXIF orientation is applied; colours under transparent pixels are kept. Raises ``ValueError``
    when the values have no known range.
    """
    deep = deep_pixels(image, file) if file else None
    if deep is not None:
        colour, alpha = deep
        notes: tuple[str, ...] = ("16 bits per colour reduced to 8",)
    else:
        colour, alpha, notes = _split(image)
    rgb, colour_notes = to_srgb(colour, image.info.get("icc_profile"))
    orientation, orientation_notes = _orientation(image)
    if alpha is not None and alpha.min() == 255:
        alpha = None
    return (
        upright(np.array(rgb), orientation),
        None if alpha is None else upright(alpha, orientation),
        (*notes, *colour_notes, *orientation_notes),
    )


def upright(pixels: UInt8Image, orientation: int) -> UInt8Image:
    """``[H,W]`` or ``[H,W,C]`` as stored -> as it is to be seen, by the EXIF orientation 1..8 (CIPA DC-008, 4.6.4)."""
    if orientation >= 5:  # rows and columns swapped
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _split(image: Image.Image) -> tuple[Image.Image, UInt8Image | None, tuple[str, ...]]:
    """Colour in mode L, RGB, CMYK or LAB, and alpha."""
    mode = image.mode
    if mode.startswith("I") or mode == "F":
        plane, note = one_plane(image)
        clear = image.info.get("transparency")  # PNG: the one value that is transparent
        alpha = None if clear is None else np.where(np.asarray(image) == clear, 0, 255).astype(np.uint8)
        return Image.fromarray(plane), alpha, (note,)
    notes: tuple[str, ...] = ()
    if (bits := _stored_bits(image)) > 8:
        notes = (f"{bits} bits per colour reduced to 8",)
    grey = mode in ("1", "L", "LA", "La")
    if image.has_transparency_data:
        both = image.convert("LA" if grey else "RGBA")
        return both.convert("L" if grey else "RGB"), np.array(both.getchannel("A")), notes
    if mode == "CMYK" and image.format == "JPEG" and "adobe" not in image.info:
        # Pillow takes every CMYK JPEG for Adobe's, which stores it inverted; one without Adobe's mark is not.
        return ImageChops.invert(image), None, notes
    if mode in ("CMYK", "LAB"):
        return image, None, notes
    return image.convert("L" if grey else "RGB"), None, notes


def _stored_bits(image: Image.Image) -> int:
    """Bits per colour in the file, where the reader tells."""
    if image.format == "HEIF":
        return int(image.info.get("bit_depth", 8))
    bits = getattr(image, "tag_v2", {}).get(258, (8,))
    return int(max(bits)) if isinstance(bits, tuple) else int(bits)


def _orientation(image: Image.Image) -> tuple[int, tuple[str, ...]]:
    """EXIF orientation still to be applied (TIFF and HEIF readers have done it), 1 where there is none."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception as error:  # the block is foreign bytes; the pixels are fine without it
        return 1, (f"EXIF left out, it is damaged ({type(error).__name__})",)
    return (value, ()) if value in range(1, 9) else (1, ())
