"""Small files of every format the server reads, and of some it does not, that claim or cause more than they hold."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable
from io import BytesIO

import pillow_heif
from PIL import Image

SIDE = 60_000  # of a picture that a header claims: 3.6 billion pixels
BODY = 3 * 2**20  # bytes of a file that repeats something small, below the limit of the test server
_TILE = 26_000  # two gigabytes


def _stored(form: str, side: int = 64) -> bytes:
    file = BytesIO()
    Image.new("RGB", (side, side), (90, 120, 30)).save(file, form)
    return file.getvalue()


def _patched(data: bytes, at: int, form: str, *values: int) -> bytes:
    packed = struct.pack(form, *values)
    return data[:at] + packed + data[at + len(packed) :]


def _gif() -> bytes:
    return _patched(_stored("GIF"), 6, "<HH", SIDE, SIDE)


def _gif_frame() -> bytes:
    """A small screen and a large picture on it."""
    data = _stored("GIF")
    return _patched(data, data.index(b"\x2c\0\0\0\0") + 5, "<HH", SIDE, SIDE)


def _gif_frames() -> bytes:
    """Some 200,000 frames of one pixel."""
    head = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6)
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
    return head + frame * (BODY // len(frame)) + b"\x3b"


def _webp_canvas() -> bytes:
    """The extended form: a canvas of any size before a picture of its own size."""
    picture = _stored("WEBP")[12:]
    canvas = b"VP8X" + struct.pack("<I", 10) + bytes(4) + 2 * (SIDE - 1).to_bytes(3, "little")
    return b"RIFF" + struct.pack("<I", 4 + len(canvas) + len(picture)) + b"WEBP" + canvas + picture


def _webp() -> bytes:
    data = _stored("WEBP")
    return _patched(data, data.index(b"\x9d\x01\x2a") + 3, "<HH", 16_383, 16_383)


def _tiff(width: int, height: int, *more: tuple[int, int, int]) -> bytes:
    """One deflated strip, or what ``more`` (tag, type, value) says instead."""
    strip = zlib.compress(bytes(3 * 64 * 64))
    tags = {256: (4, width), 257: (4, height), 258: (3, 8), 259: (3, 8), 262: (3, 2), 277: (3, 3)}
    tags |= {273: (4, 8), 278: (4, height), 279: (4, len(strip))}
    if more:
        tags = {tag: value for tag, value in tags.items() if tag not in (273, 278, 279)}
        tags |= {324: (4, 8), 325: (4, len(strip))} | {tag: (kind, value) for tag, kind, value in more}
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, (kind, value) in sorted(tags.items()))
    first = 8 + len(strip) + len(strip) % 2
    body = strip + bytes(len(strip) % 2) + struct.pack("<H", len(tags)) + entries + bytes(4)
    return b"II*\0" + struct.pack("<I", first) + body


def _tiff_pages() -> bytes:
    """One picture, and 25,000 page headers that all name it, each leading to the next."""
    data = _stored("TIFF")
    at = struct.unpack_from("<I", data, 4)[0]
    header = data[at : at + 2 + 12 * struct.unpack_from("<H", data, at)[0]]
    page, first = len(header) + 4, len(data)
    chain = b"".join(header + struct.pack("<I", first + page * (n + 1)) for n in range(BODY // page))
    return _patched(data, at + len(header), "<I", first) + chain + header + bytes(4)


def _jpeg_scans() -> bytes:
    """A quarter of a million scans that each say nothing new of every block of the picture."""
    file = BytesIO()
    Image.new("L", (1000, 1000)).save(file, "JPEG", progressive=True)
    data = file.getvalue()
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * (BODY // len(last)) + data[-2:]


def _jpeg2000() -> bytes:
    """Picture and tile of that size, in the code stream and in the header of the file around it."""
    data = _stored("JPEG2000")
    data = _patched(data, data.index(b"ihdr") + 4, ">II", SIDE, SIDE)
    stream = data.index(b"\xff\x4f\xff\x51") + 8
    return _patched(_patched(data, stream, ">II", SIDE, SIDE), stream + 16, ">II", SIDE, SIDE)


def _jpeg2000_stream() -> bytes:
    """Only the code stream is large; the header around it says 64x64."""
    data = _stored("JPEG2000")
    stream = data.index(b"\xff\x4f\xff\x51") + 8
    return _patched(_patched(data, stream, ">II", SIDE, SIDE), stream + 16, ">II", SIDE, SIDE)


def _claimed(data: bytes, width: int, height: int) -> bytes:
    """AVIF and HEIC say their size in a box of its own, beside the coded picture."""
    return _patched(data, data.index(b"ispe") + 8, ">II", width, height)


def _heic(side: int = 64) -> bytes:
    file = BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (side, side))).save(file)
    return file.getvalue()


def _bmp() -> bytes:
    return _patched(_stored("BMP"), 18, "<ii", SIDE, SIDE)


def _jpeg() -> bytes:
    data = _stored("JPEG")
    return _patched(data, data.index(b"\xff\xc0") + 5, ">HH", SIDE, SIDE)


def _svg() -> bytes:
    """Entities that unfold a thousand million times."""
    names = [f'<!ENTITY a{n} "{10 * f"&a{n - 1};"}">' for n in range(1, 10)]
    return f'<!DOCTYPE svg [<!ENTITY a0 "lol">{"".join(names)}]><svg width="{SIDE}">&a9;</svg>'.encode()


def _zip() -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("photo.jpg", bytes(2**28))
    return file.getvalue()


# What the file is, and the status it deserves: 413 where it says a size that is refused, 400 for all else. One with
# many pages is a picture: the first is taken.
CLAIMS: dict[str, tuple[Callable[[], bytes], int]] = {
    "gif": (_gif, 413),
    "gif frame": (_gif_frame, 413),
    "gif frames": (_gif_frames, 400),
    "webp": (_webp, 413),
    "webp canvas": (_webp_canvas, 413),
    "tiff": (lambda: _tiff(SIDE, SIDE), 413),
    "tiff tile": (lambda: _tiff(64, 64, (322, 4, _TILE), (323, 4, _TILE)), 400),
    "tiff pages": (_tiff_pages, 200),
    "jpeg 2000": (_jpeg2000, 413),
    "jpeg 2000 stream": (_jpeg2000_stream, 400),
    "avif": (lambda: _claimed(_stored("AVIF"), SIDE, SIDE), 400),  # beyond what its decoder opens at all
    "avif smaller": (lambda: _claimed(_stored("AVIF"), 8_000, 8_000), 413),
    "avif larger inside": (lambda: _claimed(_stored("AVIF", 6000), 64, 64), 413),
    "heic": (lambda: _claimed(_heic(), SIDE, SIDE), 413),
    "heic larger inside": (lambda: _claimed(_heic(3000), 64, 64), 400),
    "bmp": (_bmp, 413),
    "jpeg": (_jpeg, 413),
    "jpeg scans": (_jpeg_scans, 400),
    "ppm": (lambda: b"P6 %d %d 255\n" % (SIDE, SIDE) + bytes(1000), 413),
    "qoi": (lambda: b"qoif" + struct.pack(">IIBB", SIDE, SIDE, 3, 0) + bytes(1000), 413),
    "svg": (_svg, 400),
    "zip": (_zip, 400),
}
