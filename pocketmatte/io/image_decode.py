"""Opening a picture file, with one clear line for everything that cannot be opened."""

from __future__ import annotations

import importlib
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from PIL import Image, ImageFile, features

from pocketmatte.core import PocketmatteError
from pocketmatte.io.image_bombs import check_scans, check_tiles, coded_size, tiff_pages
from pocketmatte.io.image_formats import HEAD, RAW_SUFFIXES, coded_bits, describe, sniff

MAX_PIXELS = 200_000_000
"""Larger pictures are refused before their pixels are decoded: a file of a few kB can claim to be any size."""

_PLUGINS = {
    "AVIF": "AvifImagePlugin",
    "BMP": "BmpImagePlugin",
    "GIF": "GifImagePlugin",
    "JPEG": "JpegImagePlugin",
    "JPEG2000": "Jpeg2KImagePlugin",
    "PNG": "PngImagePlugin",
    "PPM": "PpmImagePlugin",
    "QOI": "QoiImagePlugin",
    "TIFF": "TiffImagePlugin",
    "WEBP": "WebPImagePlugin",
}
_ANIMATED = {"AVIF": "animated AVIF", "GIF": "animated GIF", "PNG": "animated PNG", "WEBP": "animated WebP"}
_DNG_VERSION = 50706


@contextmanager
def open_file(path: Path) -> Iterator[IO[bytes]]:
    """The file opened for reading. Raises :class:`PocketmatteError` when it is missing, no file or not ours to read."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise PocketmatteError(f"{path} is a folder: expected a picture file")
        if not stat.S_ISREG(mode):  # a pipe or device would be waited for
            raise PocketmatteError(f"{path} is a pipe or device: expected a picture file")
        file = path.open("rb")
    except FileNotFoundError as error:
        raise PocketmatteError(f"{path} does not exist: expected a picture file") from error
    except PermissionError as error:
        raise PocketmatteError(f"no permission to read {path}: change its access rights or copy it") from error
    except (OSError, ValueError) as error:
        raise PocketmatteError(f"cannot open {path}: {getattr(error, 'strerror', None) or error}") from error
    with file:
        yield file


def decode(path: Path, file: IO[bytes], max_pixels: int = MAX_PIXELS) -> tuple[ImageFile.ImageFile, tuple[str, ...]]:
    """The picture in ``file``, its pixels loaded, with notes for the user; ``path`` is for the messages.

    Several pages or main pictures: the first, with a note. Raises :class:`PocketmatteError` for what is no picture,
    damaged, animated, larger than ``max_pixels``, or needs a package that is not installed.
    """
    head = file.read(HEAD)
    name = sniff(head)
    if name is None:
        raise PocketmatteError(
            f"{path} holds {describe(head)}: expected a picture such as JPEG, PNG, WebP, TIFF, HEIC or AVIF"
        )
    file.seek(0)
    with _damage(path, name):
        image = _open(path, file, name)
        _check_size(path, image.size, max_pixels)
        _check_inside(path, file, image, name, max_pixels)
        pages = tiff_pages(file) if name == "TIFF" else int(getattr(image, "n_frames", 1))
    if pages > 1 and name in _ANIMATED:
        raise PocketmatteError(
            f"{path} is an {_ANIMATED[name]} ({pages} frames): expected a still picture; save one frame of it as PNG, "
            "or convert it to a video such as MP4 and pass that"
        )
    with _damage(path, name):
        image.load()
    notes = []
    if pages > 1 and name in ("TIFF", "HEIF"):
        notes.append(f"{pages} pictures in one file, took the {'first' if name == 'TIFF' else 'main'} one")
    if (bits := coded_bits(head, name)) > 8 and not image.mode.startswith("I"):
        notes.append(f"{bits} bits per colour reduced to 8")
    return image, tuple(notes)


def _open(path: Path, file: IO[bytes], name: str) -> ImageFile.ImageFile:
    """Read the header with the one reader of that format: no guessing by others, and the size limit is ours."""
    if name == "HEIF":
        return _open_heif(path, file)
    if name == "AVIF" and not features.check("avif"):
        raise PocketmatteError(f"{path} is AVIF, which the installed Pillow cannot read: pip install -U pillow")
    importlib.import_module(f"PIL.{_PLUGINS[name]}")
    image = Image.OPEN[name][0](file, "")
    if name == "TIFF" and (path.suffix.lower() in RAW_SUFFIXES or _DNG_VERSION in getattr(image, "tag_v2", {})):
        raise PocketmatteError(f"{path} is a camera raw file: develop it to JPEG, PNG or TIFF first")
    return image


def _open_heif(path: Path, file: IO[bytes]) -> ImageFile.ImageFile:
    try:
        from pillow_heif.as_plugin import HeifImageFile  # not its opener: that would register with Pillow for all
    except ImportError as error:
        raise PocketmatteError(
            f"{path} is HEIC, which needs one more package: pip install pocketmatte[heic]"
        ) from error
    reader: Callable[[IO[bytes], str], ImageFile.ImageFile] = HeifImageFile
    return reader(file, "")


def _check_size(path: Path, size: tuple[int, int], most: int) -> None:
    width, height = size
    if width * height > most:
        raise PocketmatteError(
            f"{path} has {width}x{height} pixels: expected at most {most / 1e6:.3g} million; scale it down"
        )


def _check_inside(path: Path, file: IO[bytes], image: ImageFile.ImageFile, name: str, most: int) -> None:
    """Refuse what the size in the header does not tell; keeps the place in the file, where the reader goes on."""
    place = file.tell()
    if name == "JPEG":
        check_scans(file)
    elif name == "TIFF":
        check_tiles(getattr(image, "tag_v2", {}), image.size)
    elif name == "AVIF":
        _check_size(path, coded_size(file), most)
    file.seek(place)


@contextmanager
def _damage(path: Path, name: str) -> Iterator[None]:
    """Whatever a reader throws at bytes that are not what they claim becomes one line naming the file."""
    try:
        yield
    except (PocketmatteError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise PocketmatteError(f"{path} is too large: {str(error).split(',')[0]}; scale it down first") from error
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PocketmatteError(
            f"{path} is a damaged or unsupported {name} file ({reason}): copy it again or save it anew"
        ) from error
