"""sRGB numbers and linear light (IEC 61966-2-1)."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pocketmatte.core import UInt8Image

_LEVELS = np.arange(256) / 255
_TO_LINEAR = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4).astype(np.float32)


def srgb_to_linear(image: UInt8Image) -> npt.NDArray[np.float32]:
    """sRGB uint8, any shape -> linear light float32 in 0..1."""
    return _TO_LINEAR[image]


def linear_to_srgb(light: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Linear light in 0..1, any shape -> sRGB float32 in 0..255, not rounded. The inverse of :func:`srgb_to_linear`."""
    light = np.maximum(np.asarray(light, np.float32), 0)
    curve = 269.025 * np.asarray(cv2.pow(light, 1 / 2.4)).reshape(light.shape) - 14.025
    return np.where(light <= 0.0031308, light * 3294.6, curve).astype(np.float32)


def rgb_to_lab(image: UInt8Image) -> npt.NDArray[np.float32]:
    """sRGB uint8 ``[H,W,3]`` -> CIE L*a*b* (D65) float32: L 0..100, a and b about -128..127, not rounded to 8 bits."""
    return np.asarray(cv2.cvtColor(image.astype(np.float32) * np.float32(1 / 255), cv2.COLOR_RGB2Lab), np.float32)


def lab_to_rgb(lab: npt.NDArray[np.float32]) -> UInt8Image:
    """L*a*b* float32 ``[H,W,3]`` -> sRGB uint8, rounded; colours a screen cannot show are limited to 0..255."""
    return np.asarray(cv2.convertScaleAbs(np.maximum(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB), 0), alpha=255), np.uint8)
