"""Frames of one video that agree: less flicker without a mask that trails, and a fresh start at every cut.

A plain running mean of the mask calms it and lets it trail behind everything that moves. Here the past counts only
where the picture has not changed: cell by cell, by how far its colour is from the colour that cell had before, in units
of the camera's own noise. Where both are alike, a change of the mask is the network's mood, not an event. Of two masks
the surer one counts more. (Carrying the past along by optical flow first was no better on the same clips and five times
as dear.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pocketmatte.core import Alpha, PocketmatteError, UInt8Image

Array = npt.NDArray[Any]

CUT = 0.30  # share of the picture's contrast by which coarse cells must differ, on average, to call it a new scene
_COARSE = 16  # cells per side for that
_PAST = 0.8  # weight of an equally sure past where the picture stands still
_NOISE = 1.5  # grey levels: the least noise a camera is believed to have
_TOLERANCE = 3.0  # differences of so many times the noise halve the weight of the past
_LEVELS = np.arange(256, dtype=np.float32)
_DOUBT = 0.3  # of two masks, one that says 0.5 counts this much against one that is certain


@dataclass(frozen=True)
class Tuning:
    """How steady: weight of the past 0..1, and tolerance in units of the noise."""

    past: float = _PAST
    tolerance: float = _TOLERANCE


class Temporal:
    """Remembers one stream at the network's size; see the module. ``tuning`` ``None``: watch for cuts and no more."""

    def __init__(self, tuning: Tuning | None = None) -> None:
        self.tuning = tuning
        self.reset()

    def reset(self) -> None:
        """The next frame is the first."""
        self._alpha: Alpha | None = None
        self._guide: UInt8Image | None = None
        self._coarse: Array | None = None

    def is_cut(self, guide: UInt8Image) -> bool:
        """Whether ``guide`` uint8 ``[h,w,3]`` shows another scene than the one before. Asked once per frame, in order;
        the first frame is no cut."""
        coarse = cv2.resize(guide, (_COARSE, _COARSE), interpolation=cv2.INTER_AREA).astype(np.float32)
        before, self._coarse = self._coarse, coarse
        if before is None:
            return False
        # A change of exposure is no cut: the mean brightness is taken out of both.
        change = np.abs((coarse - coarse.mean()) - (before - before.mean())).mean()
        contrast = max(float(coarse.std()), float(before.std()), 8.0)
        return bool(change / contrast > 2 * CUT)

    def steady(self, alpha: Alpha, guide: UInt8Image) -> Alpha:
        """The mask float32 ``[h,w]`` in 0..1 of this frame, made to agree with the ones before; ``guide`` uint8
        ``[h,w,3]`` is the picture in the same cells."""
        if self.tuning is None:
            return alpha
        past, before = self._alpha, self._guide
        if past is None or before is None or past.shape != alpha.shape:
            result = alpha
        else:
            weight = self._weight(alpha, past, guide, before)
            result = np.asarray(alpha + weight * (past - alpha), np.float32)
        self._alpha, self._guide = result, guide.copy()
        return result

    def _weight(self, alpha: Alpha, past: Alpha, guide: UInt8Image, before: UInt8Image) -> Array:
        assert self.tuning is not None
        red, green, blue = cv2.split(cv2.absdiff(guide, before))
        change = np.asarray(cv2.GaussianBlur(cv2.max(cv2.max(red, green), blue), (5, 5), 1.0), np.uint8)
        noise = max(_NOISE, float(np.median(change[::4, ::4])))  # most of a picture stands still, as a rule
        limit = self.tuning.tolerance * noise
        still = np.float32(self.tuning.past) / (1 + (_LEVELS / np.float32(limit)) ** 4)
        sure, was_sure = _sureness(alpha), _sureness(past)
        return np.asarray(cv2.LUT(change, still) * np.minimum(was_sure / sure, np.float32(1)), np.float32)


def _sureness(alpha: Alpha) -> Array:
    """1 where a mask says 0 or 1, :data:`_DOUBT` where it says one half."""
    sureness = np.abs(alpha - np.float32(0.5))
    sureness *= np.float32(2 * (1 - _DOUBT))
    sureness += np.float32(_DOUBT)
    return np.asarray(sureness, np.float32)


TEMPORAL: dict[str, Callable[[], Temporal | None]] = {
    "off": lambda: None,
    "cuts": Temporal,
    "auto": lambda: Temporal(Tuning()),
}
DEFAULT_TEMPORAL = "auto"


def make_temporal(name: str) -> Temporal | None:
    """What ``--temporal NAME`` asks for. Raises :class:`PocketmatteError` for an unknown name."""
    if name not in TEMPORAL:
        raise PocketmatteError(f"unknown temporal mode {name!r}; known: {', '.join(TEMPORAL)}")
    return TEMPORAL[name]()
