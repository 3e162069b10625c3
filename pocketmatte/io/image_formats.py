"""Which files are pictures: by name for listing folders, by their first bytes for reading. Loads nothing heavy."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from pocketmatte.io.video_formats import VIDEO_SUFFIXES

IMAGE_SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".tif", ".tiff", ".bmp", ".gif"),
        *(".heic", ".heif", ".hif", ".avif", ".jp2", ".j2k", ".jpx", ".pbm", ".pgm", ".pnm", ".ppm", ".qoi"),
    }
)
"""Names that are taken for pictures in a folder; a file given by name is judged by its content alone."""

RAW_SUFFIXES = frozenset(
    {".arw", ".cr2", ".cr3", ".dng", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".srw"}
)
"""Camera raw files: many are TIFF inside, and would be read as their thumbnail."""

HEAD = 4096
"""How many bytes :func:`sniff` and :func:`describe` want to see."""

_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}
_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"BM", "BMP"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
    (b"qoif", "QOI"),
)
_OTHERS = (
    (b"%PDF", "a PDF document"),
    (b"8BPS", "a Photoshop document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
    (b"FLV", "a Flash video"),
    (b"%!PS", "a PostScript document"),
    (b"\x76\x2f\x31\x01", "an OpenEXR picture"),
    (b"#?RADIANCE", "a Radiance HDR picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
)


def is_image(path: Path) -> bool:
    """Whether the name is that of a picture we read."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def is_video(path: Path) -> bool:
    """Whether a file is a video: its first bytes decide where they can, else its name does."""
    try:
        with path.open("rb") if path.is_file() else BytesIO() as file:
            head = file.read(HEAD)
    except OSError:  # whoever reads it says why it cannot be read
        head = b""
    if sniff(head):
        return False
    return path.suffix.lower() in VIDEO_SUFFIXES or _is_video_head(head)


def _is_video_head(head: bytes) -> bool:
    return head[4:8] == b"ftyp" or head.startswith((b"\x1aE\xdf\xa3", b"FLV")) or head[8:12] == b"AVI "


def sniff(head: bytes) -> str | None:
    """Format of a picture from its first bytes, as Pillow names it; ``None`` for anything else."""
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if len(head) > 2 and head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace():
        return "PPM"
    brands = _brands(head)
    if brands & _AVIF_BRANDS:  # before HEIF: AVIF files name the general brand mif1 too
        return "AVIF"
    return "HEIF" if brands & _HEIF_BRANDS else None


def describe(head: bytes) -> str:
    """What a file that is no picture seems to be, as words for an error message."""
    if not head:
        return "an empty file (0 bytes)"
    for magic, words in _OTHERS:
        if head.startswith(magic):
            return words
    if head[4:8] == b"ftyp":
        return "a video or sound file (MP4 or MOV)"
    if head[:4] == b"RIFF":
        return "a video or sound file (AVI or WAV)"
    if not any(head):
        return "nothing but zero bytes"
    text = head.decode("utf-8", "ignore")  # the cut at the end may split a character
    if len(text.encode()) >= len(head) - 3 and all(c.isprintable() or c.isspace() for c in text):
        return "an SVG drawing" if "<svg" in text else "text"
    return "no picture format that is known here"


def _brands(head: bytes) -> set[bytes]:
    """Major and compatible brands of the first box of an ISO media file (ISO/IEC 14496-12, 4.3)."""
    if head[4:8] != b"ftyp":
        return set()
    size = min(int.from_bytes(head[:4], "big"), len(head))
    return {head[8:12], *(head[i : i + 4] for i in range(16, size - 3, 4))}


def coded_bits(head: bytes, name: str) -> int:
    """Bits per colour of an AVIF or JPEG 2000 file, whose reader does not tell; 8 when it stands beyond ``head``."""
    if name == "AVIF" and 0 <= (at := head.find(b"av1C")) < len(head) - 6:  # AV1 in ISOBMFF, 2.3.3
        flags = head[at + 6]
        return 12 if flags & 0x20 else 10 if flags & 0x40 else 8
    if name == "JPEG2000" and 0 <= (at := head.find(b"ihdr")) < len(head) - 14:  # ISO/IEC 15444-1, I.5.3.1
        return (head[at + 14] & 0x7F) + 1
    return 8
