"""Pictures with more than 8 bits per value, reduced by rounding instead of cutting off."""

from __future__ import annotations

import struct
import zlib
from typing import IO

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from pocketmatte.core import UInt8Image

_BITS_PER_SAMPLE, _PHOTOMETRIC, _PLANAR, _EXTRA_SAMPLES = 258, 262, 284, 338
_PIECE = 2**13  # bytes inflated at once, to 8 MiB at most
_WHITE_IS_ZERO, _PLANES_APART, _PREMULTIPLIED = 0, 2, 1


def to_eight_bits(values: npt.NDArray[np.uint16]) -> UInt8Image:
    """0..65535 -> 0..255, rounded to nearest."""
    return np.asarray(cv2.convertScaleAbs(np.ascontiguousarray(values), alpha=1 / 257), np.uint8).reshape(values.shape)


def deep_pixels(image: Image.Image, file: IO[bytes]) -> tuple[Image.Image, UInt8Image | None] | None:
    """Colour (mode RGB or L) and alpha of a 16-bit colour PNG or TIFF, ``None`` for any other picture.

    Pillow only gives the upper 8 bits of these, so they are decoded once more, from ``file``. PNG comes as stored,
    TIFF upright, just as Pillow delivers them. Raises ``ValueError`` when they cannot be decoded.
    """
    if image.mode not in ("RGB", "RGBA") or not _is_deep(image, file):
        return None
    tags = getattr(image, "tag_v2", {})
    if tags.get(_PLANAR) == _PLANES_APART:
        raise ValueError("16-bit TIFF with separate colour planes; save it with interleaved pixels")
    file.seek(0)
    data = file.read()
    if image.format == "PNG":
        _check_inflated(data, image.size)
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.dtype != np.uint16 or decoded.ndim != 3 or decoded.shape[1::-1] != image.size:
        raise ValueError("16-bit pixels could not be decoded; save it with 8 bits")
    values: npt.NDArray[np.uint16] = decoded.astype(np.uint16, copy=False)
    colour = values[..., 2::-1]
    if values.shape[2] == 3 or not image.has_transparency_data:
        return Image.fromarray(to_eight_bits(colour)), None
    alpha = values[..., 3]
    if tags.get(_EXTRA_SAMPLES, (0,))[0] == _PREMULTIPLIED:
        share = np.maximum(alpha, 1)[..., None] / np.float32(65535)
        colour = np.minimum(colour / share + 0.5, 65535).astype(np.uint16)
    return Image.fromarray(to_eight_bits(colour)), to_eight_bits(alpha)


def one_plane(image: Image.Image) -> tuple[UInt8Image, str]:
    """A one-channel picture in Pillow's modes ``I;16``, ``I`` or ``F`` -> ``uint8 [H,W]`` and a note.

    Floats must lie in 0..1, integers in 0..65535; raises ``ValueError`` otherwise.
    """
    values = np.asarray(image)
    if image.mode == "F":
        return unit_range(values), "floats in 0..1 reduced to 8 bits"
    tags = getattr(image, "tag_v2", {})
    bits = min(int(tags.get(_BITS_PER_SAMPLE, (16,))[0]), 16)
    if values.min() < 0 or values.max() >= 1 << bits:
        raise ValueError("32-bit integers without a known range; save it with 8 or 16 bits")
    scaled = to_eight_bits((values.astype(np.uint32) * 65535 // ((1 << bits) - 1)).astype(np.uint16))
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        np.bitwise_not(scaled, out=scaled)
    return scaled, f"{bits} bits per value reduced to 8"


def unit_range(values: npt.NDArray[np.floating]) -> UInt8Image:
    """Floats 0..1 -> 0..255, rounded. Raises ``ValueError`` for values outside, NaN included: nothing is stretched."""
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 1):
        raise ValueError(f"float values span {low:g}..{high:g}, expected 0..1")
    rounded: UInt8Image = np.rint(values * 255).astype(np.uint8)
    return rounded


def _check_inflated(png: bytes, size: tuple[int, int]) -> None:
    """Raise ``ValueError`` when the pixel data of a PNG inflate to far more than its header says.

    Pillow stops at the last row. OpenCV's reader inflates the rest as well, in tiny steps: 25 s for a file of 1 MB.
    """
    most = 2 * size[1] * (1 + 8 * size[0]) + 2**16  # RGBA of 16 bits, twice: the passes of interlacing add rows
    stream, found, place = zlib.decompressobj(), 0, 8
    while place + 8 <= len(png):
        length, kind = struct.unpack_from(">I4s", png, place)
        for start in range(place + 8, place + 8 + length, _PIECE) if kind == b"IDAT" else ():
            try:
                found += len(stream.decompress(png[start : min(start + _PIECE, place + 8 + length)]))
            except zlib.error:  # damaged: for the decoder to say
                return
            if found > most:
                raise ValueError("it inflates to more pixels than its header says; save it anew")
            if stream.eof:
                return
        place += 12 + length


def _is_deep(image: Image.Image, file: IO[bytes]) -> bool:
    if image.format == "PNG":
        file.seek(24)  # bit depth in the IHDR chunk, which is always the first
        return file.read(1) == b"\x10"
    bits = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, ())
    return image.format == "TIFF" and 16 in bits
