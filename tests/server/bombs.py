"""PNG files that are small and would be large, and every way in which a picture reaches the server."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Callable
from typing import Any

import httpx

from tests.server.conftest import PORTRAIT

GIGABYTE = 2**30
_MEGABYTE = 2**20


def zeros(size: int) -> bytes:
    """A zlib stream of ``size`` zeros, whole MiB, at a thousandth of the size: made of one part, repeated."""
    squeeze = zlib.compressobj(9)
    head = squeeze.compress(b"")
    part = squeeze.compress(bytes(_MEGABYTE)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    end = b"\x03\x00" + struct.pack(">I", size % 65521 << 16 | 1)  # an empty last block, Adler-32
    return head + part * (size // _MEGABYTE) + end


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int, height: int, rows: bytes | None = None, bits: int = 8, before: bytes = b"", after: bytes = b""
) -> bytes:
    """An RGB file: ``rows`` is the zlib stream of its pixels (black by default), the others are whole chunks."""
    header = struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0)
    if rows is None:
        rows = zlib.compress(bytes((1 + 3 * bits // 8 * width) * height))
    chunks = (_chunk(b"IHDR", header), before, _chunk(b"IDAT", rows), after, _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _profile() -> bytes:
    return _chunk(b"iCCP", b"icc\0\0" + zeros(GIGABYTE))


def _text() -> bytes:
    return _chunk(b"zTXt", b"Comment\0\0" + zeros(GIGABYTE))


def _long_text() -> bytes:
    return _chunk(b"iTXt", b"Comment\0\1\0\0\0" + zeros(GIGABYTE))


def _texts() -> bytes:
    """Each within what a reader allows one text, 90 MB together."""
    text = zlib.compress(bytes(_MEGABYTE - 1))
    return b"".join(_chunk(b"zTXt", b"C%d\0\0" % k + text) for k in range(90))


# What the file is, and the status it deserves. Pixels beyond the last row are never looked at: that picture is fine.
BOMBS: dict[str, tuple[Callable[[], bytes], int]] = {
    "header": (lambda: png(60_000, 60_000, zlib.compress(bytes(1000))), 413),
    "huge": (lambda: png(18_000, 19_883, zeros(GIGABYTE)), 413),  # as many pixels as the header says
    "pixels": (lambda: png(64, 64, zeros(GIGABYTE)), 200),
    "deep pixels": (lambda: png(64, 64, zeros(GIGABYTE), 16), 400),
    "profile": (lambda: png(64, 64, before=_profile()), 413),
    "deep profile": (lambda: png(64, 64, bits=16, before=_profile()), 413),
    "text": (lambda: png(64, 64, before=_text()), 413),
    "long text": (lambda: png(64, 64, before=_long_text()), 413),
    "text behind": (lambda: png(64, 64, after=_text()), 413),
    "many texts": (lambda: png(64, 64, before=_texts()), 400),
}

Send = Callable[[httpx.Client, bytes], httpx.Response]
_REMOVEBG = "/v1.0/removebg"


def _form(route: str, name: str, **others: bytes) -> Send:
    return lambda client, data: client.post(route, files={name: data, **others})


def _raw(route: str) -> Send:
    return lambda client, data: client.post(route, content=data, headers={"content-type": "image/png"})


def _base64(client: httpx.Client, data: bytes) -> httpx.Response:
    return client.post(_REMOVEBG, data={"image_file_b64": base64.b64encode(data).decode()})


def ways() -> dict[str, Send]:
    """By name: how a client hands in the file, as the picture or as the background of a good one."""
    good = PORTRAIT.read_bytes()
    return {
        "cutout": _form("/v1/cutout", "image"),
        "cutout raw": _raw("/v1/cutout"),
        "cutout background": _form("/v1/cutout", "background", image=good),
        "matte": _form("/v1/matte", "image"),
        "matte raw": _raw("/v1/matte"),
        "batch": _form("/v1/batch", "images"),
        "batch background": _form("/v1/batch", "background", images=good),
        "removebg": _form(_REMOVEBG, "image_file"),
        "removebg base64": _base64,
        "removebg background": _form(_REMOVEBG, "bg_image_file", image_file=good),
    }


def message(answer: httpx.Response) -> Any:
    """What a refusal says, in either of the two forms."""
    body = answer.json()
    return body["errors"][0]["title"] if "errors" in body else body["error"]["message"]
