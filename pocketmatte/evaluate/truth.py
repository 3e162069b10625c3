"""Reading truth files: grayscale pictures that hold an alpha or a hard mask."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pocketmatte.core import Alpha, PocketmatteError

DEEP = ("I;16", "I;16B", "I;16L", "I")  # what Pillow calls 16-bit gray, by file type and version


def _grey(values: npt.NDArray[Any], path: Path, transparency: bool) -> npt.NDArray[Any]:
    """The one channel of a picture stored with several equal ones."""
    colours = values[..., :-1] if transparency else values
    if np.any(colours != colours[..., :1]) or (transparency and np.any(values[..., -1] != 255)):
        raise PocketmatteError(f"{path} has colours or transparency: expected a grayscale mask (0 = background)")
    return colours[..., 0]


def _read(path: Path) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            picture.load()
            mode = picture.mode
            if mode in DEEP:
                deep = np.asarray(picture)
                if deep.min() < 0 or deep.max() > 65535:
                    raise PocketmatteError(f"{path} has values beyond 16 bits: expected 8 or 16-bit grayscale")
                return deep.astype(np.uint16)
            if mode in ("1", "L"):
                return np.asarray(picture.convert("L"))
            if mode in ("P", "PA"):  # also gray pictures that an optimiser stored with a palette
                return _grey(np.asarray(picture.convert("RGBA")), path, transparency=True)
            if mode in ("RGB", "LA", "RGBA"):
                return _grey(np.asarray(picture), path, transparency=mode != "RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PocketmatteError(f"cannot read the mask {path}: {error}") from error
    raise PocketmatteError(f"{path} is stored as {mode}: expected an 8 or 16-bit grayscale picture")


def stored_as_ones(paths: Iterable[Path]) -> bool:
    """Whether a data set stores hard masks as 0 and 1 instead of the full range, judged over all of its files.

    Never judged by one picture: a mask of an empty room is dark, not small. Reads until one file settles it. Raises
    :class:`PocketmatteError` on unreadable files and on 16-bit files that use only the lowest 8 bits.
    """
    largest = 0
    for path in paths:
        values = _read(path)
        top = int(values.max())
        if top > (1 if values.dtype == np.uint8 else 255):
            return False
        largest = max(largest, top)
    if largest > 1:
        raise PocketmatteError(
            f"the 16-bit masks have no value above {largest}: expected 0..65535; store them as 8-bit pictures instead"
        )
    return largest == 1


def read_truth(path: Path, ones: bool = False) -> Alpha:
    """The alpha ``[H,W]`` in 0..1 that a grayscale picture holds: value / 255, / 65535, or / 1 where ``ones``.

    Raises :class:`PocketmatteError` when the file cannot be read or is not gray.
    """
    values = _read(path)
    full = 1 if ones else np.iinfo(values.dtype).max
    return values.astype(np.float32) / np.float32(full)
