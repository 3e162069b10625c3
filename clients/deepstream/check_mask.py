"""Is the first mask a mask? Fails loudly when it is all zero, all one, flat, out of range or not a number.

    python check_mask.py FILE... [--spec two/spec.json]

FILE: ``.npy`` (numbers in 0..1, or 0..255 as bytes), a grey or transparent ``.png``, or the ``.bin`` that nvinfer
writes with ``raw-output-file-write=1`` (needs ``--spec``, for size and meaning). Exit code 0: every mask looks like
one; 1: one does not, and the line says which and why; 2: a file cannot be read. Somebody must stand in the picture.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
SEEN = 0.5  # alpha from here on is a person
LEAST, MOST = 0.001, 0.999  # shares of the picture that a person in it can take
FLAT = 0.05  # a mask whose values differ by less shows nothing


class MaskError(Exception):
    """A mask that cannot be one; the message says what was found and where to look."""


def check_mask(alpha: Array) -> float:
    """Alpha ``[h,w]`` in 0..1 -> the share of it that is a person. Raises :class:`MaskError` for what is no mask."""
    if alpha.ndim != 2 or alpha.size == 0:
        raise MaskError(f"expected a picture of one channel, found shape {list(alpha.shape)}")
    values = alpha.astype(np.float64)
    if bad := int(values.size - np.isfinite(values).sum()):
        raise MaskError(f"{bad} of {values.size} values are no numbers (NaN or infinite): build the engine in fp32")
    low, high = float(values.min()), float(values.max())
    found = f"all values are between {low:.4g} and {high:.4g}"
    if low < -0.01 or high > 1.01:
        raise MaskError(f"{found}, expected 0 to 1: logits where alpha is expected, or bytes?")
    if high < FLAT:
        raise MaskError(
            f"all zero: {found}; is somebody in the picture, are scale, offsets and colours as spec.json says?"
        )
    if low > 1 - FLAT:
        raise MaskError(f"all one: {found}; is the output layer the right one?")
    if high - low < FLAT:
        raise MaskError(f"flat: {found}; the network saw no picture")
    share = float((values >= SEEN).mean())
    if not LEAST <= share <= MOST:
        raise MaskError(
            f"{share:.2%} of it is a person, expected {LEAST:.1%} to {MOST:.1%}: is somebody in the picture?"
        )
    return share


def read_masks(path: Path, spec: dict[str, Any] | None = None) -> list[Array]:
    """The masks of a dump as alpha ``[h,w]``: one, or those of a batch. Raises :class:`ValueError` or
    :class:`OSError` for a file that is none."""
    suffix = path.suffix.lower()
    if suffix == ".bin":
        return _raw(path, spec)
    if suffix == ".png":
        return [_picture(path)]
    if suffix != ".npy":
        raise ValueError(f"expected a .npy, .png or .bin file, found {path.name}")
    values = np.load(path, allow_pickle=False)
    if values.dtype == np.uint8:
        values = values / np.float32(255)
    values = values.reshape([n for n in values.shape if n != 1] or [1])
    return list(values) if values.ndim == 3 else [values]


def _picture(path: Path) -> Array:
    """Grey, or the transparency of a cut-out; 8 or 16 bits."""
    from PIL import Image

    with Image.open(path) as picture:
        values = np.asarray(picture.getchannel("A") if "A" in picture.getbands() else picture)
    if values.ndim == 3:
        values = values[..., 0]
    return values / np.float32(65535 if values.dtype.itemsize > 1 else 255)


def _raw(path: Path, spec: dict[str, Any] | None) -> list[Array]:
    if spec is None:
        raise ValueError(f"{path.name} is numbers without a shape: name the model's spec.json with --spec")
    height, width = spec["input"]["size"]
    numbers = np.fromfile(path, np.float32)
    if numbers.size == 0 or numbers.size % (height * width):
        raise ValueError(f"{path.name} holds {numbers.size} numbers, expected {height}x{width} for each picture")
    maps = numbers.reshape(-1, height, width)
    if spec["output"]["kind"] == "logits":
        with np.errstate(over="ignore"):  # a far negative logit is an alpha of 0
            maps = 1 / (1 + np.exp(-maps))
    return list(maps)


def main() -> int:
    """Check the files of the command line; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--spec", type=Path, help="spec.json of the model, for .bin files")
    options = parser.parse_args()
    code = 0
    for path in options.files:
        try:
            spec = json.loads(options.spec.read_text()) if options.spec else None
            masks = read_masks(path, spec)
        except (OSError, ValueError, KeyError) as error:
            print(f"check_mask: cannot read {path}: {error}", file=sys.stderr)
            return 2
        for number, alpha in enumerate(masks):
            name = f"{path}, picture {number}" if len(masks) > 1 else str(path)
            try:
                print(f"{name}: a mask, {check_mask(alpha):.1%} of it person")
            except MaskError as error:
                print(f"check_mask: {name} IS NO MASK: {error}", file=sys.stderr)
                code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
