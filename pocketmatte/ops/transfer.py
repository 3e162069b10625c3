"""Colour transfer: give one picture's pixels the mean and spread of another's colours."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pocketmatte.core import Alpha, UInt8Image
from pocketmatte.ops.band import to_levels
from pocketmatte.ops.color import lab_to_rgb, rgb_to_lab
from pocketmatte.ops.region import at_least, visible_region
from pocketmatte.ops.resize import halve

_SIDE = 256  # statistics are taken on a picture halved until its longer side is below twice this
_SURE, _LIKELY = 242, 128  # alpha levels: pixels that are nobody's mixture, or failing those, mostly the person's
_LEAST, _MOST = 0.5, 2.0  # limits of the change of contrast: a flat wall must not make a flat person
_STILL = 0.5  # spread in L*a*b* units below which a channel has no contrast to change


def transfer_color(target: UInt8Image, alpha: Alpha, source: UInt8Image, strength: float = 1.0) -> UInt8Image:
    """The person of ``target`` in the colours of ``source``: uint8 ``[H,W,3]``, alpha float32 ``[H,W]`` -> uint8.

    Per channel of L*a*b*, ``(x - mean_target) * sigma_source / sigma_target + mean_source`` (Reinhard et al. 2001,
    "Color Transfer between Images", in CIE L*a*b*). Statistics of the target are those of the person alone; the ratio
    is kept within 0.5..2. ``strength`` 0..1 goes from the unchanged colours to the formula. Pixels outside the box
    round the person stay; a picture without a person comes back as it is (a copy).
    """
    result = target.copy()
    levels = to_levels(alpha)
    box = visible_region(levels)
    person = _person(target, levels)
    if box is None or person is None or strength <= 0:
        return result
    (mean, sigma), (new_mean, new_sigma) = person, _statistics(source, None)
    ratio = np.where(sigma > _STILL, np.clip(new_sigma / np.maximum(sigma, _STILL), _LEAST, _MOST), 1.0)
    gain = 1 + strength * (ratio - 1)
    offset = mean + strength * (new_mean - mean) - gain * mean
    lab = rgb_to_lab(np.ascontiguousarray(target[box]))
    lab *= gain.astype(np.float32)
    lab += offset.astype(np.float32)
    result[box] = lab_to_rgb(lab)
    return result


def _person(image: UInt8Image, levels: npt.NDArray[np.uint8]) -> tuple[Any, Any] | None:
    for least in (_SURE, _LIKELY):
        mask = at_least(_small(levels), least)
        if cv2.countNonZero(mask):
            return _statistics(image, mask)
    return None


def _small(picture: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return halve(picture, max(0, (max(picture.shape[:2]) // _SIDE).bit_length() - 1))


def _statistics(image: UInt8Image, mask: npt.NDArray[Any] | None) -> tuple[Any, Any]:
    """Mean and standard deviation of L, a, b, float64 ``[3]`` each."""
    mean, sigma = cv2.meanStdDev(rgb_to_lab(_small(image)), mask=mask)
    return mean[:, 0], sigma[:, 0]
