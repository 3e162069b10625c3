"""Pixels -> a picture file: straight alpha, sRGB, upright, complete or absent."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np

from pocketmatte.core import PocketmatteError, UInt8Image
from pocketmatte.io.atomic import atomic_path, check_destination
from pocketmatte.io.video_formats import SEQUENCE_SUFFIX, VIDEO_SUFFIXES


@dataclass(frozen=True)
class _Format:
    """``name`` is Pillow's; ``side`` the longest side in pixels; ``options`` serve speed, as measured on 12 Mpx."""

    name: str
    alpha: bool
    side: int
    options: dict[str, Any] = field(default_factory=dict)


# Run-length matches (zlib's Z_RLE) after the row filters: on photos both smaller and faster than any search at level 1
# (RGBA of 12 Mpx: 1.07 s and 21.6 MB against 1.26 s and 25.8 MB; level 6: 7.7 s and 22.0 MB).
_PNG = _Format("PNG", True, 2**31 - 1, {"compress_level": 1, "compress_type": 3})
_JPEG = _Format("JPEG", False, 65535, {"quality": 95, "subsampling": 0})
_WEBP = _Format("WEBP", True, 16383, {"quality": 95, "method": 2})
# Lossless in the fastest method: 0.6 s, where the next one takes 1.4 s to save a fifth of the bytes.
_WEBP_LOSSLESS = {"lossless": True, "exact": True, "quality": 20, "method": 0}
# Differences between neighbours (tag 317) before LZW: a fourth of the size on smooth pictures, and faster.
_TIFF = _Format("TIFF", True, 2**31 - 1, {"compression": "tiff_lzw", "tiffinfo": {317: 2}})
_FORMATS = {".png": _PNG, ".webp": _WEBP, ".jpg": _JPEG, ".jpeg": _JPEG, ".tif": _TIFF, ".tiff": _TIFF}


def check_output(path: Path, force: bool, needs_alpha: bool) -> None:
    """Raise :class:`PocketmatteError` when ``path`` cannot be written, before any work is spent on it.

    That is: a type that cannot be written or cannot hold the alpha, and all of
    :func:`pocketmatte.io.atomic.check_destination`. Of videos only the latter; their writer knows its types.
    """
    if path.suffix.lower() == SEQUENCE_SUFFIX:  # a folder; its writer has rules of its own
        return
    if path.suffix.lower() not in VIDEO_SUFFIXES:
        _format(path, needs_alpha)
    check_destination(path, force)


def write_image(path: str | Path, pixels: UInt8Image, *, force: bool = False) -> None:
    """Write uint8 RGB ``[H,W,3]``, straight RGBA ``[H,W,4]`` or grey ``[H,W]`` as the suffix of ``path`` says.

    PNG, TIFF and, except for opaque RGB, WebP are lossless; colours under transparent pixels are stored as given.
    No metadata is written, so nothing turns or recolours the picture again. Missing folders are made. Raises
    :class:`PocketmatteError` for everything :func:`check_output` says, a size the format cannot hold, and when the
    disk refuses; whatever happens, ``path`` then is as it was.
    """
    path = Path(path)
    form, options = _plan(path, pixels)
    with atomic_path(path, force) as temporary:
        try:
            _save(temporary, pixels, form.name, options)
        except OSError as error:
            raise PocketmatteError(f"cannot write {path}: {error.strerror or error}") from error


def encode_image(pixels: UInt8Image, suffix: str) -> bytes:
    """The bytes that :func:`write_image` writes for a file ending in ``suffix`` (``.png``, ``.webp``...)."""
    form, options = _plan(Path(f"picture{suffix}"), pixels)
    file = BytesIO()
    _save(file, pixels, form.name, options)
    return file.getvalue()


def _plan(path: Path, pixels: UInt8Image) -> tuple[_Format, dict[str, Any]]:
    """The format and its options for these pixels, which are checked."""
    if (
        pixels.dtype != np.uint8
        or pixels.ndim not in (2, 3)
        or pixels.shape[2:] not in ((), (3,), (4,))
        or not pixels.size
    ):
        raise PocketmatteError(
            f"found pixels {pixels.dtype} {list(pixels.shape)}: expected uint8 [H,W], [H,W,3] or [H,W,4]"
        )
    has_alpha = pixels.shape[2:] == (4,)
    form = _format(path, has_alpha)
    height, width = pixels.shape[:2]
    if max(height, width) > form.side:
        raise PocketmatteError(
            f"{path}: {form.name} holds at most {form.side} pixels a side, not {width}x{height}; use .png"
        )
    options = dict(form.options)
    if form is _WEBP and (has_alpha or pixels.ndim == 2):  # a matte is data as well
        options = dict(_WEBP_LOSSLESS)
    return form, options


def _save(target: Path | IO[bytes], pixels: UInt8Image, name: str, options: dict[str, Any]) -> None:
    from PIL import Image, PngImagePlugin

    if name == "PNG":
        chunks = PngImagePlugin.PngInfo()
        chunks.add(b"sRGB", b"\0")  # rendering intent: perceptual
        options["pnginfo"] = chunks
    Image.fromarray(pixels).save(target, name, **options)


def _format(path: Path, needs_alpha: bool) -> _Format:
    form = _FORMATS.get(path.suffix.lower())
    if form is None:
        raise PocketmatteError(f"cannot write a picture named {path.name}: expected {', '.join(_FORMATS)}")
    if needs_alpha and not form.alpha:
        holding = ", ".join(suffix for suffix, known in _FORMATS.items() if known.alpha)
        raise PocketmatteError(f"{path}: {form.name} cannot hold transparency; use {holding}")
    return form
