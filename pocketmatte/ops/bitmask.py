"""Binary masks carried as bits of floating-point numbers: fewer bytes to bring back from a graphics processor.

A network's last step packs ``bits`` neighbouring pixels of a row into one number, the first pixel in the highest place:
a convolution whose kernel holds powers of two. A float32 carries 24 bits exactly and a float16 eleven, so what is
packed 16 at a time is destroyed, without any sign of it, on a device that computes in half precision;
:data:`FP16_BITS` at a time is exact on both.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FP32_BITS, FP16_BITS = 16, 11  # 16 is what pattern textures use, of the 24 that float32 could carry
FRACTION = 8  # of 16 bits, eight stand behind the binary point: values stay below 256


def weights(bits: int = FP32_BITS, fraction: int = FRACTION) -> npt.NDArray[np.float32]:
    """The value of each of ``bits`` pixels, first pixel first: ``2^(bits-1-fraction)`` down to ``2^-fraction``."""
    return np.exp2(np.arange(bits - 1, -1, -1, dtype=np.float32) - fraction).astype(np.float32)


def pack_bits(
    mask: npt.NDArray[np.generic], bits: int = FP32_BITS, fraction: int = FRACTION
) -> npt.NDArray[np.float32]:
    """Mask ``[H,W]`` of zeros and ones -> float32 ``[H, ceil(W / bits)]``; pixels missing at the end count as zero."""
    height, width = mask.shape
    count = -(-width // bits)
    full = np.zeros((height, count * bits), np.float32)
    full[:, :width] = mask
    return np.asarray(full.reshape(height, count, bits) @ weights(bits, fraction), np.float32)


def unpack_bits(
    values: npt.NDArray[np.floating], width: int, bits: int = FP32_BITS, fraction: int = FRACTION
) -> npt.NDArray[np.uint8]:
    """Packed rows ``[H, n]`` (float32 or float16) -> mask uint8 ``[H, width]`` of zeros and ones.

    Raises ``ValueError`` when there are too few numbers for ``width``, or when one cannot be a pattern of ``bits``
    bits: the mask was not exactly 0 and 1, or the bits were lost on the way.
    """
    height, count = values.shape
    if not 1 <= bits <= 16:
        raise ValueError(f"between 1 and 16 bits fit into a number, found {bits}")
    if count * bits < width:
        raise ValueError(f"{count} numbers of {bits} bits hold {count * bits} pixels, expected {width}")
    scaled = np.asarray(values, np.float32) * np.float32(2**fraction)
    patterns = scaled.astype(np.int32)
    if (patterns != scaled).any() or patterns.min(initial=0) < 0 or patterns.max(initial=0) >= 2**bits:
        raise ValueError(f"these numbers are no patterns of {bits} bits: was the mask exactly 0 and 1?")
    ordered = (patterns << (16 - bits)).astype(">u2")  # the first pixel's bit on top, highest byte first
    pixels = np.unpackbits(ordered.view(np.uint8), axis=1).reshape(height, count, 16)[:, :, :bits]
    return np.ascontiguousarray(pixels.reshape(height, count * bits)[:, :width])
