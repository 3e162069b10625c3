"""Hand-made picture files and colour profiles, for what no encoder at hand writes."""

from __future__ import annotations

import os
import struct
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from pocketmatte.core import UInt8Image

NOBODY = 65534
BLOCK = 16  # pixels a side; JPEG and chroma subsampling keep flat blocks of this size apart

# What an encoder has to do to an upright picture so that each EXIF orientation sets it upright again.
STORE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def asymmetric() -> UInt8Image:
    """``[32,48,3]``: six blocks of different colours; no turn or mirror image of it looks the same."""
    colours = [[(220, 30, 30), (30, 200, 40), (40, 40, 210)], [(235, 225, 50), (20, 20, 20), (240, 240, 240)]]
    return np.array(colours, np.uint8).repeat(BLOCK, 0).repeat(BLOCK, 1)


def noise(*shape: int, seed: int = 7) -> npt.NDArray[np.uint16]:
    return np.random.default_rng(seed).integers(0, 65536, shape, dtype=np.uint16)


def stored(picture: UInt8Image, orientation: int) -> Image.Image:
    image = Image.fromarray(picture)
    return image.transpose(STORE[orientation]) if orientation in STORE else image


def exif(orientation: int) -> Image.Exif:
    block = Image.Exif()
    block[0x0112] = orientation
    return block


def png(pixels: npt.NDArray[np.generic], color_type: int, extra: bytes = b"") -> bytes:
    """A PNG of ``[H,W,C]`` with 8 or 16 bits, and ``extra`` chunks before the pixels."""
    height, width = pixels.shape[:2]
    rows = pixels.astype(">u2" if pixels.dtype == np.uint16 else np.uint8)
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, 8 * pixels.dtype.itemsize, color_type, 0, 0, 0)
    parts = chunk(b"IHDR", header), extra, chunk(b"IDAT", zlib.compress(data)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def tiff(
    pixels: npt.NDArray[np.generic],
    *,
    photometric: int = 2,
    orientation: int = 1,
    extra_samples: int | None = None,
    planar: int = 1,
    more: tuple[tuple[int, int, list[int]], ...] = (),
) -> bytes:
    """An uncompressed little-endian TIFF of ``[H,W,C]``; ``more`` are further (tag, type, values)."""
    height, width, channels = pixels.shape
    planes = pixels if planar == 1 else pixels.transpose(2, 0, 1)
    data = planes.astype(pixels.dtype.newbyteorder("<")).tobytes()
    strips = 1 if planar == 1 else channels
    size = len(data) // strips
    tags = [
        *((256, 4, [width]), (257, 4, [height]), (258, 3, [8 * pixels.dtype.itemsize] * channels), (259, 3, [1])),
        *((262, 3, [photometric]), (273, 4, [8 + size * i for i in range(strips)]), (274, 3, [orientation])),
        *((277, 3, [channels]), (278, 4, [height]), (279, 4, [size] * strips), (284, 3, [planar])),
        *([(338, 3, [extra_samples])] if extra_samples is not None else []),
        *more,
    ]
    tags.sort(key=lambda tag: tag[0])
    at = 8 + len(data)
    beyond = at + 2 + 12 * len(tags) + 4
    directory, values = struct.pack("<H", len(tags)), b""
    for tag, kind, numbers in tags:
        raw = struct.pack(f"<{len(numbers)}{ {1: 'B', 3: 'H', 4: 'I'}[kind] }", *numbers)
        if len(raw) > 4:
            raw, values = struct.pack("<I", beyond + len(values)), values + raw
        directory += struct.pack("<HHI", tag, kind, len(numbers)) + raw.ljust(4, b"\0")
    return b"II*\0" + struct.pack("<I", at) + data + directory + struct.pack("<I", 0) + values


# Colour profiles (ICC.1:2010). Columns: XYZ of red, green and blue, adapted to D50.
SRGB_COLUMNS = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
P3_COLUMNS = np.array([[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]])
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def rgb_profile(columns: npt.NDArray[np.float64]) -> bytes:
    """A display profile with the sRGB curve."""
    curve = b"para\0\0\0\0\0\3\0\0" + b"".join(_fixed(v) for v in _SRGB_CURVE)
    xyz = [b"XYZ \0\0\0\0" + b"".join(_fixed(v) for v in column) for column in columns.T]
    tags = {b"rXYZ": xyz[0], b"gXYZ": xyz[1], b"bXYZ": xyz[2], b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    return _profile(b"RGB ", b"mntr", b"XYZ ", tags)


def grey_profile(gamma: float) -> bytes:
    """A grey profile with a power curve."""
    return _profile(
        b"GRAY", b"mntr", b"XYZ ", {b"kTRC": b"curv\0\0\0\0\0\0\0\1" + struct.pack(">H", round(gamma * 256)) + b"\0\0"}
    )


def cmyk_profile(inks: dict[tuple[int, int, int, int], tuple[int, int, int]]) -> bytes:
    """A printer profile that gives the Lab colour of the 16 full-ink combinations, (0, 0, 0) where not told."""
    nodes = [(c, m, y, k) for c in (0, 1) for m in (0, 1) for y in (0, 1) for k in (0, 1)]
    table = b"".join(
        bytes((round(light * 2.55), a + 128, b + 128)) for light, a, b in (inks.get(node, (0, 0, 0)) for node in nodes)
    )
    matrix = b"".join(_fixed(v) for v in np.eye(3).ravel())
    ramp = bytes(range(256))
    lut = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + matrix + ramp * 4 + table + ramp * 3
    return _profile(b"CMYK", b"prtr", b"Lab ", {b"A2B0": lut})


def _profile(space: bytes, kind: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    d50 = b"".join(_fixed(v) for v in (0.9642, 1.0, 0.8249))
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78),
        b"cprt": b"text\0\0\0\0none\0",
        b"wtpt": b"XYZ \0\0\0\0" + d50,
        **tags,
    }
    at = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        value += bytes(-len(value) % 4)
        table += name + struct.pack(">II", at + len(body), len(value))
        body += value
    head = b"\0\0\0\0" + struct.pack(">I", 0x02400000) + kind + space + connection + bytes(12) + b"acsp" + bytes(24)
    head += struct.pack(">I", 0) + d50 + bytes(48)
    return struct.pack(">I", at + len(body)) + head.ljust(124, b"\0")[:124] + table + body


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def to_linear(encoded: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def to_encoded(linear: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


@contextmanager
def public_folder() -> Iterator[Path]:
    """A folder anybody may enter; pytest's own are for their owner alone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextmanager
def without_privileges() -> Iterator[None]:
    """The block runs as a user to whom access rights apply; to the superuser no file is closed."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
