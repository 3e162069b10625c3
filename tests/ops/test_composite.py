"""Compositing: exact at the ends, close to the formula between, straight alpha in what is saved (REQ-1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pocketmatte.ops.band import to_levels, unsure
from pocketmatte.ops.composite import composite, composite_linear, premultiply, to_rgba, unpremultiply

Portrait = Callable[..., Any]
SIZES = [(1, 1), (1, 1000), (1000, 1), (3, 2), (37, 53)]
both = pytest.mark.parametrize("blend", [composite, composite_linear])


def pictures(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    front, back = rng.integers(0, 256, (2, *size, 3), dtype=np.uint8)
    return front, rng.random(size).astype(np.float32), back


@both
@pytest.mark.parametrize("size", SIZES)
def test_any_size_and_exact_ends(blend: Callable[..., np.ndarray], size: tuple[int, int]) -> None:
    front, alpha, back = pictures(size)
    result = blend(front, alpha, back)
    assert result.shape == (*size, 3)
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(blend(front, np.ones(size, np.float32), back), front)
    np.testing.assert_array_equal(blend(front, np.zeros(size, np.float32), back), back)


def test_composite_is_the_formula() -> None:
    front, alpha, back = pictures((200, 300))
    a = alpha[..., None].astype(np.float64)
    assert np.abs(composite(front, alpha, back) - (a * front + (1 - a) * back)).max() <= 1.5
    # and without bias
    assert abs((composite(front, alpha, back) - (a * front + (1 - a) * back)).mean()) < 0.02


def test_linear_is_the_formula_in_light() -> None:
    """Half white over black is 188 of 255 in sRGB (IEC 61966-2-1), half is not 128."""
    white, black = np.full((4, 4, 3), 255, np.uint8), np.zeros((4, 4, 3), np.uint8)
    half = np.full((4, 4), 0.5, np.float32)
    assert (composite_linear(white, half, black) == 188).all()
    assert (composite(white, half, black) == 128).all()


@both
@pytest.mark.parametrize("colour", [0, 1, 77, 128, 254, 255])
def test_a_colour_over_itself_stays(blend: Callable[..., np.ndarray], colour: int) -> None:
    """White at alpha 128 over white is 255 +- 1, and so for every colour and alpha."""
    plain = np.full((16, 16, 3), colour, np.uint8)
    alpha = (np.arange(256, dtype=np.float32) / 255).reshape(16, 16)
    assert np.abs(blend(plain, alpha, plain).astype(int) - colour).max() <= 1


def test_inputs_are_only_read_and_out_is_used() -> None:
    front, alpha, back = pictures((20, 30))
    copies = front.copy(), alpha.copy(), back.copy()
    result = composite(front, alpha, back)
    for given, copy in zip((front, alpha, back), copies, strict=True):
        np.testing.assert_array_equal(given, copy)
    assert composite(front, alpha, back, out=back) is back
    np.testing.assert_array_equal(back, result)
    with pytest.raises(ValueError, match="out is"):
        composite(front, alpha, back, out=np.empty((20, 30, 4), np.uint8))


@both
def test_sizes_must_agree(blend: Callable[..., np.ndarray]) -> None:
    front, alpha, back = pictures((20, 30))
    with pytest.raises(ValueError, match="sizes differ"):
        blend(front, alpha[1:], back)
    with pytest.raises(ValueError, match="sizes differ"):
        blend(front, alpha, back[:, 1:])


def test_rgba_is_straight() -> None:
    white = np.full((8, 8, 3), 255, np.uint8)
    rgba = to_rgba(white, np.full((8, 8), 128 / 255, np.float32))
    assert (rgba == (255, 255, 255, 128)).all()
    a = rgba[..., 3:] / 255
    over_white = rgba[..., :3] * a + 255 * (1 - a)
    assert np.abs(over_white - 255).max() <= 1


def test_rgba_clears_what_nobody_sees() -> None:
    colours = np.full((20, 20, 3), 90, np.uint8)
    alpha = np.zeros((20, 20), np.float32)
    alpha[10, 10] = 1
    rgba = to_rgba(colours, alpha)
    assert (rgba[10, 10] == (90, 90, 90, 255)).all()
    assert (rgba[10, 12] == (90, 90, 90, 0)).all()  # a neighbour that a viewer may interpolate with
    assert (rgba[:7] == 0).all()
    assert (colours == 90).all()


@pytest.mark.parametrize("size", SIZES)
def test_premultiply_and_back(size: tuple[int, int]) -> None:
    front, alpha, _ = pictures(size)
    straight = np.dstack([front, to_levels(alpha)])
    premultiplied = premultiply(straight)
    assert premultiplied.dtype == np.uint8
    a = straight[..., 3:].astype(np.float64) / 255
    assert np.abs(premultiplied[..., :3] - straight[..., :3] * a).max() <= 0.5 + 1e-9
    assert (premultiplied[..., :3] <= premultiplied[..., 3:]).all()
    back = unpremultiply(premultiplied)
    np.testing.assert_array_equal(back[..., 3], straight[..., 3])
    seen = straight[..., 3] > 0
    lost = 0.5 / np.maximum(a, 1 / 255) + 0.5
    assert (np.abs(back[..., :3].astype(float) - straight[..., :3])[seen] <= lost[seen] + 1e-9).all()


def test_premultiply_ends() -> None:
    opaque = np.full((2, 2, 4), (10, 200, 255, 255), np.uint8)
    np.testing.assert_array_equal(premultiply(opaque), opaque)
    np.testing.assert_array_equal(unpremultiply(opaque), opaque)
    hidden = np.full((2, 2, 4), (10, 200, 255, 0), np.uint8)
    assert (premultiply(hidden) == 0).all()
    assert (unpremultiply(hidden) == 0).all()
    impossible = np.full((2, 2, 4), (200, 200, 200, 100), np.uint8)  # brighter than its alpha: limited, not wrapped
    assert (unpremultiply(impossible) == (255, 255, 255, 100)).all()


@pytest.mark.parametrize("size", [*SIZES, (700, 900), (3, 300_000)])
def test_bands_hold_exactly_the_unsure_pixels(size: tuple[int, int]) -> None:
    """Every unsure pixel once, in its place, whatever the number of strips."""
    rng = np.random.default_rng(2)
    levels = rng.choice(np.array([0, 1, 100, 254, 255], np.uint8), size)
    seen = np.zeros(size, np.float32)
    picture = np.zeros((*size, 3), np.uint8)
    y, x = (m.astype(np.float32) for m in np.mgrid[: size[0], : size[1]])
    for band in unsure(levels):
        band.put_alpha(seen, seen[band.rows].reshape(-1)[band.grid] + 1)
        np.testing.assert_array_equal(band.take(levels), levels[band.rows].reshape(-1)[band.grid])
        planes = [np.full(band.grid.shape, v, np.float32) for v in (-3.0, 99.6, 300.0)]
        band.put_colours(picture, planes)
        if min(size) > 4 and max(size) < 2000:
            ramp = np.dstack([y, x, y + x, x])
            sy, sx, both_, _ = band.sample([ramp], (1.0, 1.0))[0]
            np.testing.assert_allclose(sy, band.take(y), atol=1e-3)
            np.testing.assert_allclose(sx, band.take(x), atol=1e-3)
            np.testing.assert_allclose(both_, sy + sx, atol=1e-3)
    wanted = (levels > 0) & (levels < 255)
    np.testing.assert_array_equal(seen, wanted.astype(np.float32))
    np.testing.assert_array_equal(picture, wanted[..., None] * np.array([0, 100, 255], np.uint8))


def test_a_cut_out_over_its_own_background_is_the_picture(portrait: Portrait) -> None:
    scene = portrait("room")
    result = composite(scene.foreground, scene.alpha, scene.background)
    assert np.abs(result.astype(int) - scene.image).max() <= 2
