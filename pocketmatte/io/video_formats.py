"""What each output suffix means: container, codec, where alpha fits, which sound may be copied. Loads nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

from pocketmatte.core import PocketmatteError

VIDEO_SUFFIXES = frozenset(
    {
        *(".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4"),
        *(".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts", ".webm", ".wmv"),
    }
)
"""Names that are read as video; any container that FFmpeg knows works when opened explicitly."""

LAYOUTS = ("plain", "side-by-side")
"""``plain`` is the picture itself; ``side-by-side`` is colour and matte next to each other."""


@dataclass(frozen=True)
class VideoFormat:
    """One way to write a video file.

    ``pixels`` is the pixel format handed to the encoder; ``even`` says that both sides must be even (4:2:0 colour
    without cropping in the file). ``clock`` is the time base the container forces on every file, ``None`` when it
    takes any. Sound in one of ``copied_audio`` is copied, other sound becomes ``audio_encoder``.
    """

    suffix: str
    codec: Literal["libx264", "prores_ks", "libvpx-vp9"]
    pixels: str
    even: bool
    options: dict[str, str]
    copied_audio: frozenset[str]
    audio_encoder: Literal["aac", "libopus"]
    clock: Fraction | None = None
    container_options: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)


_MP4_AUDIO = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"})
_MOV_AUDIO = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be"})
_WEBM_AUDIO = frozenset({"opus", "vorbis"})
_MILLISECOND = Fraction(1, 1000)

# No B-frames: pictures are stored in the order they are shown, so no player needs an edit list to show frame 0 at 0.
_H264 = {"preset": "veryfast", "crf": "19", "bf": "0"}
# auto-alt-ref makes pictures that are never shown; the alpha stream of libvpx cannot follow them.
_VP9 = {"deadline": "realtime", "cpu-used": "6", "row-mt": "1", "crf": "20", "b": "0", "g": "240", "auto-alt-ref": "0"}
# 16-bit alpha, because the 8-bit form loses a level here and there on the way through 10-bit planes.
_PRORES = {"profile": "4444", "alpha_bits": "16", "flags": "+qscale", "global_quality": "472"}

_OPAQUE = {
    ".mp4": VideoFormat(".mp4", "libx264", "yuv420p", True, _H264, _MP4_AUDIO, "aac", None, {"movflags": "+faststart"}),
    ".mov": VideoFormat(".mov", "libx264", "yuv420p", True, _H264, _MOV_AUDIO, "aac", None, {"movflags": "+faststart"}),
    ".webm": VideoFormat(".webm", "libvpx-vp9", "yuv420p", False, _VP9, _WEBM_AUDIO, "libopus", _MILLISECOND),
}
_WITH_ALPHA = {
    ".mov": VideoFormat(".mov", "prores_ks", "yuva444p10le", False, _PRORES, _MOV_AUDIO, "aac"),
    # Chrome drops the alpha of a WebM that lacks alpha_mode, silently.
    ".webm": VideoFormat(
        ".webm",
        "libvpx-vp9",
        "yuva420p",
        False,
        _VP9,
        _WEBM_AUDIO,
        "libopus",
        _MILLISECOND,
        metadata={"alpha_mode": "1"},
    ),
}

SEQUENCE_SUFFIX = ".png-seq"
VIDEO_OUTPUT_SUFFIXES = (*_OPAQUE, SEQUENCE_SUFFIX)
"""Names that can be written: three kinds of file, and a folder of numbered PNG files."""
ALPHA_SUFFIXES = (*_WITH_ALPHA, SEQUENCE_SUFFIX)
"""The ones among them that can hold alpha."""


def video_format(path: Path, *, alpha: bool) -> VideoFormat:
    """The format that the suffix of ``path`` asks for, with an alpha channel or without.

    Raises :class:`PocketmatteError` for a suffix that cannot be written or cannot hold alpha.
    """
    suffix = path.suffix.lower()
    if suffix not in _OPAQUE:
        known = ", ".join(_OPAQUE)
        raise PocketmatteError(
            f"cannot write a video named {path.name}: expected {known} or {SEQUENCE_SUFFIX} (a folder of PNG files)"
        )
    if not alpha:
        return _OPAQUE[suffix]
    if suffix not in _WITH_ALPHA:
        raise PocketmatteError(
            f"{path.name}: {suffix} video cannot hold alpha; use {', '.join(ALPHA_SUFFIXES)} (a folder of PNG files), "
            "or layout side-by-side (colour and matte next to each other)"
        )
    return _WITH_ALPHA[suffix]
