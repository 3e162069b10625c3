"""How a matte behaves in time. Sequences are iterables of float ``[H,W]`` in 0..1, one per frame, of one size.

The meters take a frame at a time and keep only what they need; the functions are meters run over whole sequences.
A score that a sequence is too short or too still to have is ``None``.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np

from pocketmatte.core import Alpha
from pocketmatte.evaluate.mask_metrics import check_pair

REACH = 3  # frames by which a matte is looked for before and behind its truth
STILL = 1e-6  # mean differences closer than this are taken as equal


class DtssdMeter:
    """Flicker: difference of the frame-to-frame changes (dtSSD of Erofeev et al. 2015).

    "Perceptually motivated benchmark for video matting". Per pair of frames the root of the mean over pixels of
    ``((p(t) - p(t-1)) - (g(t) - g(t-1)))^2``, averaged over pairs; 0..2, papers print it times 100.
    """

    def __init__(self) -> None:
        self._last: Alpha | None = None
        self._sum = 0.0
        self._pairs = 0

    def add(self, pred: Alpha, truth: Alpha) -> None:
        """Take the next frame. Raises ``ValueError`` when its shape differs from its truth or the frame before."""
        check_pair(pred, truth)
        error = np.subtract(pred, truth, dtype=np.float32)
        if self._last is not None:
            check_pair(error, self._last)
            self._sum += math.sqrt(float(np.mean(np.square(error - self._last), dtype=np.float64)))
            self._pairs += 1
        self._last = error

    def value(self) -> float | None:
        """The score so far; ``None`` before the second frame."""
        return self._sum / self._pairs if self._pairs else None


class LagMeter:
    """By how many frames the matte trails its truth: the k that minimises the mean of ``|p(t) - g(t-k)|``.

    k runs over ``-reach..reach``, every k over the same frames t; a parabola through the best k and its neighbours
    gives the fraction. Positive = the matte is late. At the ends of the range k is not refined.
    """

    def __init__(self, reach: int = REACH) -> None:
        self._reach = reach
        self._preds: deque[Alpha] = deque(maxlen=reach + 1)
        self._truths: deque[Alpha] = deque(maxlen=2 * reach + 1)
        self._cost = np.zeros(2 * reach + 1)
        self._count = 0

    def add(self, pred: Alpha, truth: Alpha) -> None:
        """Take the next frame. Raises ``ValueError`` when its shape differs from its truth or the frame before."""
        check_pair(pred, truth)
        if self._truths:
            check_pair(truth, self._truths[-1])
        self._preds.append(pred.copy())
        self._truths.append(truth.copy())
        if len(self._truths) == 2 * self._reach + 1:
            # The oldest kept prediction has `reach` truths on either side: the newest is k = -reach.
            for place, other in enumerate(reversed(self._truths)):
                self._cost[place] += float(np.mean(np.abs(self._preds[0] - other), dtype=np.float64))
            self._count += 1

    def value(self) -> float | None:
        """Lag in frames; ``None`` before ``2 reach + 1`` frames, or when nothing moves so that every k fits alike."""
        if not self._count:
            return None
        cost = self._cost / self._count
        best = int(np.argmin(cost))
        if np.ptp(cost) < STILL:
            return None
        lag = float(best - self._reach)
        if 0 < best < len(cost) - 1:
            left, middle, right = cost[best - 1 : best + 2]
            bend = left - 2 * middle + right
            if bend > STILL:
                lag += float(0.5 * (left - right) / bend)
        return lag


def dtssd(preds: Iterable[Alpha], truths: Iterable[Alpha]) -> float | None:
    """Flicker of a sequence, see :class:`DtssdMeter`. Raises ``ValueError`` when one sequence is longer."""
    meter = DtssdMeter()
    for pred, truth in zip(preds, truths, strict=True):
        meter.add(pred, truth)
    return meter.value()


def lag(preds: Iterable[Alpha], truths: Iterable[Alpha], reach: int = REACH) -> float | None:
    """Frames by which ``preds`` trail ``truths``, see :class:`LagMeter`."""
    meter = LagMeter(reach)
    for pred, truth in zip(preds, truths, strict=True):
        meter.add(pred, truth)
    return meter.value()


def frozen(preds: Iterable[Alpha]) -> Iterator[Alpha]:
    """The control: the first frame held for ever. It never flickers, so a matte must beat it on error, not on calm."""
    held: Alpha | None = None
    for pred in preds:
        if held is None:
            held = pred.copy()
        yield held
