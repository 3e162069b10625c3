"""Measures any predictor over a folder, one picture in memory at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from pocketmatte.core import Alpha, PocketmatteError, Size, UInt8Image
from pocketmatte.evaluate.folders import list_frames, list_pairs, list_pictures, picture_folder
from pocketmatte.evaluate.mask_metrics import THRESHOLD, mask_scores, to_mask
from pocketmatte.evaluate.matte_metrics import grad, mad, matte_errors, mse
from pocketmatte.evaluate.report import EmptyReport, EmptyScore, FrameScore, ImageScore, Report, SequenceReport
from pocketmatte.evaluate.temporal_metrics import DtssdMeter, LagMeter
from pocketmatte.evaluate.truth import read_truth, stored_as_ones
from pocketmatte.ops.resize import resize

Predictor = Callable[[UInt8Image], Alpha]
"""Picture uint8 RGB ``[H,W,3]`` -> alpha, float ``[h,w]`` in 0..1, as a rule of the picture's size."""

Progress = Callable[[int, int, str], None]
"""Called after each picture with how many are done, how many there are, and its stem."""

Narrow = Callable[[Alpha], Alpha]
"""Takes out of a truth, frame by frame, the people whom the predictor was told to leave out."""

TOLERANCE = 1e-3  # rounding of a half-precision model may leave 0..1 by this much


def _read_image(path: Path) -> UInt8Image:
    from pocketmatte.io.images import read_image

    return read_image(path).image


def checked(alpha: Alpha, name: str) -> Alpha:
    """The prediction as float32 ``[h,w]`` in 0..1. Raises :class:`PocketmatteError` naming what it is instead."""
    if alpha.ndim != 2 or not alpha.size or alpha.dtype.kind != "f":
        raise PocketmatteError(
            f"the prediction for {name} is {alpha.dtype} {alpha.shape}: expected float [H,W] in 0..1"
        )
    low, high = float(alpha.min()), float(alpha.max())
    if not (low >= -TOLERANCE and high <= 1 + TOLERANCE):  # also true of NaN
        raise PocketmatteError(f"the prediction for {name} spans {low:g}..{high:g}: expected an alpha in 0..1")
    return np.clip(alpha, 0, 1).astype(np.float32, copy=False)


def _at(alpha: Alpha, size: Size) -> Alpha:
    return np.ascontiguousarray(np.clip(resize(alpha, size, "bilinear"), 0, 1))


def evaluate_pairs(
    predict: Predictor,
    data_dir: str | Path,
    *,
    threshold: float = THRESHOLD,
    progress: Progress | None = None,
    narrow: Narrow | None = None,
) -> Report:
    """Score ``predict`` on ``data_dir/images`` against ``alphas`` or ``masks``, at truth size.

    Predictions of another size are resized bilinearly; ``narrow`` is applied to every truth. Raises
    :class:`PocketmatteError` on a folder of another form, an unreadable file, or a prediction that is no alpha.
    """
    listed = list_pairs(Path(data_dir))
    ones = stored_as_ones(pair.truth for pair in listed.pairs)
    rows, notes = [], list(listed.notes)
    for done, pair in enumerate(listed.pairs, 1):
        image, truth = _read_image(pair.image), read_truth(pair.truth, ones)
        if _turned(image.shape[:2], truth.shape[:2]):
            notes.append(f"{pair.stem}: picture and truth differ in aspect; is one of them rotated or cropped?")
        truth = narrow(truth) if narrow else truth
        alpha = _at(checked(predict(image), pair.stem), Size(*truth.shape[:2]))
        masks = mask_scores(to_mask(alpha, threshold), to_mask(truth, threshold))
        rows.append(ImageScore(pair.stem, *masks, *matte_errors(alpha, truth)))
        if progress:
            progress(done, len(listed.pairs), pair.stem)
    return Report(tuple(rows), tuple(notes))


def _turned(first: tuple[int, ...], second: tuple[int, ...]) -> bool:
    """Whether the sizes differ in aspect by more than rounding can explain."""
    ratio = (first[0] * second[1]) / (first[1] * second[0])
    rounding = 1 + 2 / min(*first, *second)
    return not 1 / rounding <= ratio <= rounding


def evaluate_empty(
    predict: Predictor, data_dir: str | Path, *, limit: float = 0.01, progress: Progress | None = None
) -> EmptyReport:
    """What ``predict`` finds where nobody is, on ``data_dir/images`` or a flat folder of pictures.

    Raises :class:`PocketmatteError` like :func:`evaluate_pairs`.
    """
    paths = list_pictures(picture_folder(Path(data_dir)))
    rows = []
    for done, (stem, path) in enumerate(paths.items(), 1):
        alpha = checked(predict(_read_image(path)), stem)
        rows.append(EmptyScore(stem, float(np.mean(alpha, dtype=np.float64))))
        if progress:
            progress(done, len(paths), stem)
    return EmptyReport(tuple(rows), limit)


def evaluate_sequence(
    predict_step: Predictor,
    data_dir: str | Path,
    *,
    reset: Callable[[], None] | None = None,
    progress: Progress | None = None,
    narrow: Narrow | None = None,
) -> SequenceReport:
    """Score a predictor that may remember on the numbered frames of ``data_dir``, beside its own frozen first frame.

    ``reset`` is called once before the first frame, ``predict_step`` and ``narrow`` once per frame in order. Raises
    :class:`PocketmatteError` like :func:`evaluate_pairs`, and on missing frames or frames of different sizes.
    """
    pairs = list_frames(Path(data_dir))
    ones = stored_as_ones(pair.truth for pair in pairs)
    if reset:
        reset()
    rows, control = [], []
    flicker, still, late = DtssdMeter(), DtssdMeter(), LagMeter()
    held: Alpha | None = None
    size: Size | None = None
    for done, pair in enumerate(pairs, 1):
        truth = read_truth(pair.truth, ones)
        size = size or Size(*truth.shape[:2])
        if truth.shape[:2] != size:
            found = f"{truth.shape[1]}x{truth.shape[0]}"
            raise PocketmatteError(f"{pair.truth} is {found}: expected {size.width}x{size.height} as the first frame")
        alpha = _at(checked(predict_step(_read_image(pair.image)), pair.stem), size)
        truth = narrow(truth) if narrow else truth
        held = alpha.copy() if held is None else held
        rows.append(FrameScore(pair.stem, mad(alpha, truth), mse(alpha, truth), grad(alpha, truth)))
        control.append(FrameScore(pair.stem, mad(held, truth), mse(held, truth), grad(held, truth)))
        flicker.add(alpha, truth)
        still.add(held, truth)
        late.add(alpha, truth)
        if progress:
            progress(done, len(pairs), pair.stem)
    return SequenceReport(tuple(rows), flicker.value(), late.value(), tuple(control), still.value())
