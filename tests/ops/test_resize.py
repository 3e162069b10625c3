"""The resize convention, judged by the definition written out."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pocketmatte.core import Size
from pocketmatte.ops.resize import (
    fit,
    halve,
    place,
    reference_area,
    reference_bilinear,
    resize,
    unhalve,
)
from pocketmatte.ops.shift import estimate_shift

SIZES = [(45, 66), (180, 266), (256, 256), (31, 200), (200, 31), (7, 7), (1, 1), (90, 1), (1, 133), (91, 132)]
REFERENCE = {"area": reference_area, "bilinear": reference_bilinear}


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    noise = np.random.default_rng(0).normal(size=(90, 133, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 1.5)
    return cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


@pytest.mark.parametrize("filter", ["area", "bilinear"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32", "one-channel", "gray"])
def test_resize_is_the_reference(picture: np.ndarray, size: tuple[int, int], filter: str, kind: str) -> None:
    image = {
        "uint8": picture,
        "uint16": picture.astype(np.uint16) * 256,
        "float32": picture.astype(np.float32),
        "one-channel": picture[..., :1],
        "gray": picture[..., 0],
    }[kind]
    result = resize(image, size, filter)
    assert result.dtype == image.dtype
    assert result.shape == (*size, *image.shape[2:])
    off = np.abs(result.astype(np.float64) - np.rint(REFERENCE[filter](image, size)))
    # Two roundings in uint16 are two levels of 65535, far below one of 255.
    assert off.max() <= {"float32": 0.51, "uint16": 2}.get(kind, 1)


def test_references_are_the_definition() -> None:
    ramp = np.arange(8.0)[None, :]
    # Pixel i of a half-size picture is centred on 2i + 1 cells, between the centres of 2i and 2i + 1.
    assert reference_bilinear(ramp, (1, 4)) == pytest.approx(np.array([[0.5, 2.5, 4.5, 6.5]]))
    assert reference_bilinear(ramp, (1, 16))[0, :4] == pytest.approx([0, 0.25, 0.75, 1.25])
    assert reference_area(ramp, (1, 2)) == pytest.approx(np.array([[1.5, 5.5]]))
    # 8 cells in 3: the middle one covers 2.667 to 5.333.
    middle = (2 * (3 - 8 / 3) + 3 + 4 + 5 * (16 / 3 - 5)) / (8 / 3)
    assert reference_area(ramp, (1, 3))[0, 1] == pytest.approx(middle)


@pytest.mark.parametrize("size", [(45, 66), (180, 266), (256, 256), (61, 300)])
@pytest.mark.parametrize("filter", ["area", "bilinear"])
def test_no_shift(picture: np.ndarray, size: tuple[int, int], filter: str) -> None:
    """REQ-18: up and down, against the judge and there and back, the picture stays where it was."""
    smooth = cv2.GaussianBlur(picture, (0, 0), 2)
    once = resize(smooth, size, filter)
    assert np.abs(estimate_shift(reference_area(smooth, size), once)).max() < 0.1
    back = resize(once, (90, 133), filter)
    assert np.abs(estimate_shift(smooth, back)).max() < 0.1


def test_the_shift_estimator_finds_shifts(picture: np.ndarray) -> None:
    image = picture.astype(np.float32)
    for dy, dx in [(0.3, -0.4), (1.0, 0.2), (-1.3, 0.7), (0.1, 0.0)]:
        matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float64)
        moved = cv2.warpAffine(image, matrix, (133, 90), borderMode=cv2.BORDER_REPLICATE)
        assert estimate_shift(image, moved) == pytest.approx((dy, dx), abs=0.03)


def test_a_resizer_without_half_pixels_is_found_out(picture: np.ndarray) -> None:
    y, x = (np.arange(2 * n, dtype=np.float32) / 2 for n in picture.shape[:2])
    wrong = cv2.remap(picture, *np.meshgrid(x, y), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    assert np.abs(estimate_shift(resize(picture, (180, 266)), wrong)).min() > 0.3


def test_shift_of_flat_pictures_and_wrong_sizes() -> None:
    flat = np.full((9, 9), 3.0)
    assert estimate_shift(flat, flat) == (0.0, 0.0)
    assert estimate_shift(np.ones((1, 1)), np.ones((1, 1))) == (0.0, 0.0)
    with pytest.raises(ValueError, match="differ in size"):
        estimate_shift(flat, flat[1:])


@pytest.mark.parametrize("shape", [(64, 96), (61, 83), (1, 9), (5, 1), (1, 1)])
@pytest.mark.parametrize("times", [0, 1, 2, 3])
def test_halving_keeps_the_place(shape: tuple[int, int], times: int) -> None:
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    ramp = x + 2 * y
    small = halve(ramp, times)
    step = 1 << times
    assert small.shape == (-(-shape[0] // step), -(-shape[1] // step))
    back = unhalve(small, times, shape)
    assert back.shape == shape
    inner = tuple(slice(step, max(n - 2 * step, step)) for n in shape)
    assert np.allclose(back[inner], ramp[inner], atol=1e-4)
    out = np.empty(shape, np.float32)
    np.testing.assert_array_equal(unhalve(small, times, shape, out=out), back)
    np.testing.assert_array_equal(out, back)


@pytest.mark.parametrize("shape", [(1, 10000), (10000, 1), (1, 1), (3, 40000)])
def test_extreme_sizes(shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), 77, np.uint8)
    for name in REFERENCE:
        small = resize(image, (256, 256), name)
        assert small.shape == (256, 256, 3)
        assert (small == 77).all()
        assert (resize(small, shape, filter) == 77).all()


def test_nothing_to_resize_is_said() -> None:
    with pytest.raises(ValueError, match="0x5"):
        resize(np.zeros((0, 5, 3), np.uint8), (4, 4))
    with pytest.raises(ValueError, match="at least 1x1"):
        resize(np.zeros((5, 5, 3), np.uint8), (0, 4))


@pytest.mark.parametrize("source", [(720, 1280), (1280, 720), (333, 100), (5, 7), (1, 10000), (256, 256)])
@pytest.mark.parametrize("net", [(256, 256), (144, 256), (64, 48)])
@pytest.mark.parametrize("kind", ["squash", "letterbox"])
def test_geometry_there_and_back(source: tuple[int, int], net: tuple[int, int], kind: str) -> None:
    """A ramp through the network's grid comes back as the ramp: forward and inverse agree on every pixel's place."""
    y, x = np.mgrid[: source[0], : source[1]]
    ramp = np.stack([(y + 0.5) / source[0], (x + 0.5) / source[1]], axis=2).astype(np.float32)
    seen, geometry = fit(ramp, net, kind, pad=0)
    assert seen.shape == (*net, 2)
    assert geometry.source == source
    back = geometry.inverse(seen)
    assert back.shape == ramp.shape
    # Away from the rim, where interpolation has neighbours on both sides; the error is float rounding.
    rims = [int(np.ceil(s / c)) + 1 for s, c in zip(source, geometry.content, strict=True)]
    inner = tuple(slice(r, s - r) for r, s in zip(rims, source, strict=True))
    if 0 not in back[inner].shape:
        assert np.abs(back[inner] - ramp[inner]).max() < 2e-3


def test_letterbox_layout() -> None:
    image = np.full((50, 100, 3), 9, np.uint8)
    seen, geometry = fit(image, (64, 64), "letterbox", pad=200)
    assert (geometry.top, geometry.left, geometry.content) == (16, 0, (32, 64))
    assert (seen[16:48] == 9).all()
    assert (seen[:16] == 200).all()
    assert (seen[48:] == 200).all()
    assert (geometry.crop(seen) == 9).all()
    thin = place((1, 10000), (256, 256), "letterbox")
    assert thin.content == Size(1, 256)


def test_geometry_refuses_the_wrong_picture() -> None:
    geometry = place((10, 10), (4, 4))
    with pytest.raises(ValueError, match="11x10"):
        geometry.forward(np.zeros((11, 10, 3), np.uint8))
    with pytest.raises(ValueError, match="5x4"):
        geometry.crop(np.zeros((5, 4)))
    with pytest.raises(ValueError, match="stretch"):
        place((10, 10), (4, 4), "stretch")
