"""How far out of focus each place of the background is, from the matte alone or with a depth picture."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pocketmatte.core import Alpha, Size
from pocketmatte.ops.band import to_levels
from pocketmatte.ops.region import at_least, visible_region
from pocketmatte.ops.resize import resize

_SOLID = 128  # alpha level that belongs to the body; a faint speck must not lower the ground
_EYES = 0.1  # the horizon lies at eye height: this share of the person's height below the top
_CUT_OFF = 2.5  # a person cut off by the frame stands this many visible heights below the eyes


def defocus_from_matte(alpha: Alpha) -> npt.NDArray[np.float32]:
    """Blur of the background in 0..1 from an alpha float32 ``[H,W]``: float32 ``[H,W]``.

    The person stands upright on level ground, the camera is at eye height. Then 1 / distance on the ground falls
    evenly from the row of the feet to 0 at the horizon, and the blur of a lens focused on the person grows with the
    difference of 1 / distance: none at the feet, all of it at the horizon and above, some on what is nearer than the
    person. Of somebody whose feet are not in the picture the ground is guessed lower down. Nobody there: 1 all over.
    """
    height, width = alpha.shape
    box = visible_region(at_least(to_levels(alpha), _SOLID))
    if box is None:
        return np.ones((height, width), np.float32)
    top, bottom = box[0].start, box[0].stop
    tall = bottom - top
    horizon = top + _EYES * tall
    ground = horizon + _CUT_OFF * tall if bottom >= height - max(1, height // 100) else bottom
    row = np.arange(height, dtype=np.float32) + np.float32(0.5)
    nearness = np.clip((row - horizon) / max(ground - horizon, 1), 0, 2)
    return np.repeat(np.abs(1 - nearness)[:, None], width, axis=1).astype(np.float32)


def defocus_from_depth(depth: npt.NDArray[np.float32], alpha: Alpha) -> npt.NDArray[np.float32]:
    """The same with a depth picture float32 ``[h,w]``, 0 far to 1 near, evenly in 1 / distance as networks give it.

    Focus is on the median of the person (of the whole picture when nobody is there).
    """
    fitted = resize(depth, Size(*alpha.shape))
    person = fitted[alpha >= 0.5]
    focus = np.median(person if person.size else fitted)
    return np.asarray(np.minimum(np.abs(fitted - focus) * 2, 1), np.float32)
