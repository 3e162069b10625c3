"""Arrays and PIL pictures as the Python API takes them."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from pocketmatte.core import PocketmatteError
from pocketmatte.io.images import from_array, from_pil, to_rgb
from tests.io.pictures import asymmetric, png

Make = Callable[[np.ndarray], np.ndarray]


@pytest.mark.parametrize(
    "make",
    [
        lambda rgb: rgb,
        lambda rgb: rgb.astype(np.uint16) * 257,
        lambda rgb: rgb / np.float32(255),
        lambda rgb: rgb / 255.0,
        lambda rgb: np.asfortranarray(rgb),
        lambda rgb: np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)]),
    ],
    ids=["uint8", "uint16", "float32", "float64", "column order", "opaque rgba"],
)
def test_arrays_of_every_kind_are_the_same_picture(make: Make) -> None:
    loaded = to_rgb(make(asymmetric()))
    assert np.array_equal(loaded.image, asymmetric())
    assert loaded.image.flags.c_contiguous
    assert loaded.alpha is None


def test_grey_and_transparent_arrays() -> None:
    grey = asymmetric()[..., 1]
    assert np.array_equal(from_array(grey).image, np.dstack([grey] * 3))
    assert np.array_equal(from_array(grey[..., None]).image, np.dstack([grey] * 3))
    loaded = from_array(np.dstack([asymmetric(), grey]))
    assert np.array_equal(loaded.image, asymmetric())
    assert np.array_equal(loaded.alpha, grey)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "I", "I;16", "F"])
def test_pil_pictures_of_every_mode(mode: str) -> None:
    if mode == "F":
        image = Image.new("F", (3, 2), 1.0)
    elif mode.startswith("I"):
        image = Image.new(mode, (3, 2), 65535)
    else:
        image = Image.new("RGB", (3, 2), "white").convert(mode)
    loaded = to_rgb(image)
    assert np.array_equal(loaded.image, np.full((2, 3, 3), 255))
    assert loaded.mode == mode


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.zeros((2, 3, 2), np.uint8), "[2, 3, 2]: expected [H,W], [H,W,3] or [H,W,4]"),
        (np.zeros((3, 20, 30), np.uint8), "move the channels to the end"),
        (np.zeros((0, 3), np.uint8), "[0, 3]"),
        (np.zeros(7, np.uint8), "[7]"),
        (np.zeros((2, 2), np.int64), "array of int64: expected uint8, uint16 or floats in 0..1"),
        (np.full((2, 2), 255.0), "divide by 255"),
        (np.full((2, 2), np.nan), "span nan..nan, expected 0..1"),
        (np.full((2, 2), -0.01, np.float32), "expected 0..1"),
    ],
)
def test_arrays_that_are_no_pictures(array: np.ndarray, expected: str) -> None:
    with pytest.raises(PocketmatteError) as error:
        from_array(array)
    assert expected in str(error.value)


def test_other_things_are_a_type_error() -> None:
    with pytest.raises(TypeError, match="found list"):
        to_rgb([[0]])


def test_pil_pictures_that_cannot_be_used() -> None:
    with pytest.raises(PocketmatteError, match="0x5"):
        from_pil(Image.new("RGB", (0, 5)))
    data = png(asymmetric(), 2)
    with pytest.raises(PocketmatteError, match="cannot be used"):
        from_pil(Image.open(io.BytesIO(data[: len(data) // 2])))
    with pytest.raises(PocketmatteError, match=r"span 0\.\.300"):
        from_pil(Image.fromarray(np.array([[0, 300]], np.float32)))
