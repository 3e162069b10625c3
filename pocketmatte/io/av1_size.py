"""Sizes of the AV1 pictures in an AVIF file, from their sequence headers.

ISO/IEC 14496-12 (boxes, iinf, iloc), AV1 Bitstream & Decoding Process Specification 5.3 to 5.5.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_SEQUENCE_HEADER = 1


def coded_sizes(data: bytes) -> list[tuple[int, int]]:
    """Width and height of every sequence of every coded item. What cannot be read is left out: a decoder refuses it."""
    found: list[tuple[int, int]] = []
    try:
        meta = next((body for kind, body in _boxes(data, 0, len(data)) if kind == b"meta"), None)
        if meta is None:
            return found
        parts = dict(_boxes(data, meta[0] + 4, meta[1]))
        coded = _items(data, *parts[b"iinf"])
        idat = parts.get(b"idat", (0, 0))[0]
        for item, pieces in _places(data, parts[b"iloc"][0], idat):
            if item in coded:
                stream = b"".join(data[start:end] for start, end in pieces)
                found += _sequences(stream)
    except (KeyError, struct.error, IndexError):
        pass
    return found


def _boxes(data: bytes, place: int, end: int) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """Kind, and first and last place of the contents, of the boxes in ``data[place:end]``."""
    while place + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, place)
        head = 8
        if size == 1:
            size, head = struct.unpack_from(">Q", data, place + 8)[0], 16
        last = end if size == 0 else min(place + size, end)
        if last < place + head:
            return
        yield kind, (place + head, last)
        place = last


def _items(data: bytes, start: int, end: int) -> set[int]:
    """Numbers of the items that are AV1 pictures."""
    wide = data[start] > 0
    found = set()
    for kind, (place, _) in _boxes(data, start + (8 if wide else 6), end):
        version = data[place]
        if kind == b"infe" and version >= 2:
            form = ">IH4s" if version > 2 else ">HH4s"
            number, _, item = struct.unpack_from(form, data, place + 4)
            if item == b"av01":
                found.add(number)
    return found


def _places(data: bytes, start: int, idat: int) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """Number of each item and where its pieces are in the file."""
    version = data[start]
    sizes = (data[start + 4] >> 4, data[start + 4] & 15, data[start + 5] >> 4, data[start + 5] & 15)
    place = start + 6
    offset_size, length_size, base_size, index_size = (*sizes[:3], sizes[3] if version else 0)

    def number(size: int) -> int:
        nonlocal place
        place += size
        if place > len(data):
            raise IndexError
        return int.from_bytes(data[place - size : place], "big")

    for _ in range(number(4 if version == 2 else 2)):
        item = number(4 if version == 2 else 2)
        inside = version > 0 and number(2) & 15 == 1  # in the idat box
        number(2)
        base = number(base_size) + (idat if inside else 0)
        pieces = []
        for _ in range(number(2)):
            number(index_size)
            offset, length = base + number(offset_size), number(length_size)
            pieces.append((offset, offset + length if length else len(data)))
        yield item, pieces


def _sequences(stream: bytes) -> Iterator[tuple[int, int]]:
    """Sizes from the sequence headers of a stream of open bitstream units."""
    place = 0
    while place < len(stream):
        head = stream[place]
        place += 2 if head & 4 else 1
        size = len(stream) - place
        if head & 2:
            size = shift = 0
            while True:
                byte = stream[place]
                place, size, shift = place + 1, size | (byte & 127) << shift, shift + 7
                if byte < 128 or shift > 56:
                    break
        if head >> 3 & 15 == _SEQUENCE_HEADER:
            yield _size(_Bits(stream[place : place + size]))
        place += size


class _Bits:
    """Numbers of any count of bits, the highest first."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data[:512], "big"), 8 * min(len(data), 512)

    def take(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise IndexError
        return self._value >> self._left & (1 << count) - 1


def _size(bits: _Bits) -> tuple[int, int]:
    """5.5.1 of the specification, up to the size."""
    bits.take(4)  # profile, still picture
    if bits.take(1):  # the short header of a still picture
        bits.take(5)
    else:
        _skip_operating_points(bits)
    wide, high = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(wide) + 1, bits.take(high) + 1


def _skip_operating_points(bits: _Bits) -> None:
    delay = 0
    model = False
    if bits.take(1):  # timing
        bits.take(64)
        if bits.take(1):  # a number of which leading zeros tell the length
            zeros = 0
            while not bits.take(1):
                zeros += 1
            bits.take(zeros)
        model = bool(bits.take(1))
        if model:
            delay = bits.take(5) + 1
            bits.take(42)
    shown = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take(1)
        if model and bits.take(1):
            bits.take(2 * delay + 1)
        if shown and bits.take(1):
            bits.take(4)
