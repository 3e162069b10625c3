"""RGB to and from the YUV of video files: the right matrix (BT.601, BT.709, BT.2020) and range (full, limited)."""

from __future__ import annotations

from typing import TypedDict

import av
import numpy as np
from av.buffer import Buffer
from av.video.reformatter import VideoReformatter

from pocketmatte.core import Size, UInt8Image
from pocketmatte.io.video_orientation import MATRIX_BYTES, Orientation

# Numbers of ITU-T H.273, as they stand in files. FFmpeg's converter knows the matrices by the same numbers, with one
# for both forms of BT.601 (PAL and NTSC) and of BT.2020. PyAV's names for them depend on its version, numbers do not.
BT709 = 1
BT601 = 5
_MATRICES = {1: BT709, 4: 4, 5: BT601, 6: BT601, 7: 7, 9: 9, 10: 9}
LIMITED, FULL = 1, 2
HDR_TRANSFERS = {16: "PQ", 18: "HLG"}


class _Meaning(TypedDict, total=False):
    src_colorspace: int
    src_color_range: int


def _meaning(frame: av.VideoFrame) -> _Meaning:
    """Matrix and range of a decoded frame; untagged means BT.709 from 1280 x 577 up, else BT.601, limited range.

    That guess is the one players make, because cameras and editors of each size wrote that.
    """
    if frame.format.is_rgb:
        return {}
    guess = BT709 if frame.width >= 1280 or frame.height > 576 else BT601
    full = frame.color_range == FULL or frame.format.name.startswith("yuvj")
    return {
        "src_colorspace": _MATRICES.get(frame.colorspace, guess),
        "src_color_range": FULL if full else LIMITED,
    }


def has_alpha(frame: av.VideoFrame) -> bool:
    """Whether the pixel format of a decoded frame has an alpha plane."""
    return any(component.is_alpha for component in frame.format.components)


def display_orientation(frame: av.VideoFrame) -> Orientation:
    """How a decoded frame must be turned to stand upright."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    data = bytes(matrix) if isinstance(matrix, Buffer) else b""
    return Orientation.from_matrix(data) if len(data) >= MATRIX_BYTES else Orientation()


class ToRgb:
    """Turns decoded frames into arrays of one size; keeps its converter from frame to frame."""

    def __init__(self) -> None:
        self._converter = VideoReformatter()

    def __call__(self, frame: av.VideoFrame, size: Size, *, alpha: bool = False) -> UInt8Image:
        """``uint8 [H,W,3]`` RGB, or ``[H,W,4]`` straight RGBA with ``alpha``; a frame of another size is resized."""
        converted = self._converter.reformat(
            frame,
            width=size.width,
            height=size.height,
            format="rgba" if alpha else "rgb24",
            dst_color_range=FULL,
            **_meaning(frame),
        )
        return np.asarray(converted.to_ndarray(), np.uint8)


class FromRgb:
    """Turns arrays into frames for an encoder: BT.709, limited range; keeps its converter from frame to frame."""

    def __init__(self, pixels: str) -> None:
        self._pixels = pixels
        self._converter = VideoReformatter()

    def __call__(self, image: UInt8Image) -> av.VideoFrame:
        """Frame with its own memory from ``uint8 [H,W,3]`` RGB or ``[H,W,4]`` straight RGBA."""
        frame = av.VideoFrame.from_ndarray(image, "rgba" if image.shape[2] == 4 else "rgb24")
        return self._converter.reformat(
            frame,
            format=self._pixels,
            src_color_range=FULL,
            dst_colorspace=BT709,
            dst_color_range=LIMITED,
        )
