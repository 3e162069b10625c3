"""What the size of a picture does not tell: files of a few bytes whose decoder would take gigabytes or minutes.

Looked at before any pixel is decoded, after the size in the header. The formats not named here are bounded by it.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from typing import IO, Any

from pocketmatte.io.av1_size import coded_sizes

MOST_SCANS = 200  # a progressive JPEG has about ten; each scan goes over the whole picture once more
_TILE_WIDTH, _TILE_LENGTH = 322, 323
_TILE = 2048 * 2048  # pixels of a tile that are fine in any picture
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # of JPEG: no stuffed byte, restart or filling
_SOS, _EOI = 0xDA, 0xD9
_ALONE = (0x01, 0xD8)  # markers that no length follows


def check_scans(file: IO[bytes]) -> None:
    """Raise ``ValueError`` for a JPEG of more than :data:`MOST_SCANS` scans: 3 MB of them would take ten minutes."""
    file.seek(0)
    data = file.read()
    place = count = 0
    while found := _MARKER.search(data, place):
        kind = data[found.start() + 1]
        if kind == _EOI:  # what follows is another picture, or a phone's video
            return
        count += kind == _SOS
        if count > MOST_SCANS:
            raise ValueError(f"more than {MOST_SCANS} scans; save it anew")
        place = found.end()
        if kind not in _ALONE:
            place += int.from_bytes(data[place : place + 2], "big")


def check_tiles(tags: Mapping[int, Any], size: tuple[int, int]) -> None:
    """Raise ``ValueError`` for a TIFF with tiles much larger than the picture: one tile is decoded as a whole."""
    width, height = (int(tags.get(tag, 0)) for tag in (_TILE_WIDTH, _TILE_LENGTH))
    if width * height > max(4 * size[0] * size[1], _TILE):
        raise ValueError(f"tiles of {width}x{height} in a picture of {size[0]}x{size[1]} pixels; save it anew")


def tiff_pages(file: IO[bytes]) -> int:
    """How many pages a TIFF has, from the chain of their headers alone: Pillow reads each, for seconds if need be."""
    file.seek(0)
    data = file.read()
    order = "<" if data[:2] == b"II" else ">"
    large = data[2:4] in (b"+\0", b"\0+")
    head, entry, link = ("Q", 20, "Q") if large else ("H", 12, "I")
    seen: set[int] = set()
    try:
        (page,) = struct.unpack_from(order + link, data, 8 if large else 4)
        while page and page not in seen:
            seen.add(page)
            (count,) = struct.unpack_from(order + head, data, page)
            (page,) = struct.unpack_from(order + link, data, page + struct.calcsize(head) + entry * count)
    except (struct.error, OverflowError):  # cut off: what the reader says of the first page counts
        pass
    return max(1, len(seen))


def coded_size(file: IO[bytes]) -> tuple[int, int]:
    """The largest picture that is coded in an AVIF file; its size box, which readers report, may name a smaller one."""
    file.seek(0)
    return max(coded_sizes(file.read()), key=lambda size: size[0] * size[1], default=(0, 0))
