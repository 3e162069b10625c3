"""Guided up-sampling: better edges than bilinear, sure regions untouched, no input it fails on (REQ-2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from pocketmatte.ops.refine import edge_sharpen, refine_guided
from pocketmatte.ops.resize import resize

Portrait = Callable[..., Any]


def network_alpha(alpha: np.ndarray, times: int, moved: float = 0.0) -> np.ndarray:
    """What a network gives at best: area average, a little blur; ``moved`` cells off along the edges if not perfect."""
    size = (alpha.shape[0] // times, alpha.shape[1] // times)
    small = resize(alpha, size)
    if moved:
        rng = np.random.default_rng(3)
        dy, dx = (resize(rng.normal(0, moved, (size[0] // 8, size[1] // 8)).astype(np.float32), size) for _ in range(2))
        y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
        small = cv2.remap(small, x + dx, y + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.clip(cv2.GaussianBlur(small, (0, 0), 0.7), 0, 1)


def edge_error(result: np.ndarray, truth: np.ndarray) -> float:
    """Mean absolute difference within 6 pixels of anything unsure in the truth."""
    band = cv2.dilate(((truth > 0.02) & (truth < 0.98)).astype(np.uint8), np.ones((13, 13), np.uint8)) > 0
    return float(np.abs(result - truth)[band].mean())


# kind of picture, times smaller, cells the alpha is off, allowed error relative to bilinear
CASES = [
    ("plain", 4, 0.0, 0.6),
    ("room", 4, 0.0, 0.6),
    ("room", 5, 0.0, 0.5),
    ("room", 4, 0.8, 0.6),
    ("busy", 4, 0.0, 0.85),
    ("busy", 5, 0.8, 0.9),
]


@pytest.mark.parametrize(("kind", "times", "moved", "share"), CASES)
def test_edges_are_better_than_bilinear(portrait: Portrait, kind: str, times: int, moved: float, share: float) -> None:
    scene = portrait(kind)
    small = network_alpha(scene.alpha, times, moved)
    bilinear = edge_error(resize(small, scene.alpha.shape, "bilinear"), scene.alpha)
    guided = edge_error(refine_guided(small, scene.image), scene.alpha)
    assert guided < share * bilinear


@pytest.mark.parametrize("kind", ["plain", "room", "busy"])
def test_sure_regions_stay_sure(portrait: Portrait, kind: str) -> None:
    """No grey veil, no texture: where the small alpha is 0 or 1 all around, so is the result."""
    scene = portrait(kind)
    small = network_alpha(scene.alpha, 4)
    result = refine_guided(small, scene.image)
    window = np.ones((3, 3), np.uint8)
    for value, extreme in ((0.0, cv2.dilate(small, window)), (1.0, cv2.erode(small, window))):
        sure = resize((extreme == value).astype(np.float32), scene.alpha.shape, "bilinear") == 1
        assert sure.mean() > 0.1
        assert (result[sure] == value).all()


def test_holes_need_more_than_a_texture(portrait: Portrait) -> None:
    """A background-coloured patch on the person, next to the edge, must not become a hole in a confident alpha."""
    scene = portrait("plain")
    image = scene.image.copy()
    inside = cv2.erode((scene.alpha > 0.99).astype(np.uint8), np.ones((9, 9), np.uint8))
    rim = (inside > 0) & (cv2.erode(inside, np.ones((7, 7), np.uint8)) == 0)
    image[rim] = scene.background[rim]
    small = network_alpha(scene.alpha, 4)
    result = refine_guided(small, image)
    confident = resize(small, scene.alpha.shape, "bilinear") > 0.9
    assert (rim & confident).sum() > 300
    assert result[rim & confident].min() > 0.75


@pytest.mark.parametrize("size", [(72, 128), (1, 1), (1, 10000), (10000, 1), (2, 3), (17, 31)])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_constants_come_back_exactly(size: tuple[int, int], value: float) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    result = refine_guided(np.full((32, 32), value, np.float32), image)
    assert result.dtype == np.float32
    assert result.shape == size
    assert (result == value).all()


@pytest.mark.parametrize("size", [(72, 128), (1, 1), (1, 10000), (10000, 1), (2, 3), (17, 31), (3, 40000)])
@pytest.mark.parametrize("small", [(32, 32), (1, 1), (7, 50), (300, 300)])
@pytest.mark.parametrize("content", ["noise", "black", "white"])
def test_never_fails(size: tuple[int, int], small: tuple[int, int], content: str) -> None:
    rng = np.random.default_rng(0)
    image = {
        "noise": rng.integers(0, 256, (*size, 3), dtype=np.uint8),
        "black": np.zeros((*size, 3), np.uint8),
        "white": np.full((*size, 3), 255, np.uint8),
    }[content]
    result = refine_guided(rng.random(small).astype(np.float32), image)
    assert result.shape == size
    assert np.isfinite(result).all()
    assert result.min() >= 0
    assert result.max() <= 1


def test_nan_and_overflow_are_harmless(portrait: Portrait) -> None:
    scene = portrait("room")
    small = network_alpha(scene.alpha, 5)
    broken = small.copy()
    broken[5, 5], broken[6, 6], broken[7, 7] = np.nan, np.inf, -np.inf
    result = refine_guided(broken, scene.image)
    assert np.isfinite(result).all()
    assert ((result >= 0) & (result <= 1)).all()
    mended = np.nan_to_num(broken, nan=0.0, posinf=1.0, neginf=0.0)
    np.testing.assert_array_equal(result, refine_guided(mended, scene.image))


def test_a_featureless_picture_gives_the_plain_enlargement() -> None:
    """Without edges in the picture there is nothing to follow: no ringing, no bias."""
    small = cv2.GaussianBlur(np.eye(24, dtype=np.float32), (0, 0), 2)
    small /= small.max()
    grey = np.full((120, 120, 3), 130, np.uint8)
    result = refine_guided(small, grey, sharpen=1.0)
    assert np.abs(result - resize(small, (120, 120), "bilinear")).max() < 0.05


def test_no_shift_is_added(portrait: Portrait) -> None:
    """Mirroring picture and alpha mirrors the result: no direction is favoured."""
    scene = portrait("room")
    small = network_alpha(scene.alpha, 5)
    result = refine_guided(small, scene.image)
    mirrored = refine_guided(small[::-1, ::-1], scene.image[::-1, ::-1])[::-1, ::-1]
    assert np.abs(result - mirrored).mean() < 1e-3


def test_guide_and_out_change_nothing(portrait: Portrait) -> None:
    scene = portrait("room")
    small = network_alpha(scene.alpha, 5)
    given = (scene.image.copy(), small.copy())
    own = refine_guided(small, scene.image)
    out = np.empty_like(own)
    result = refine_guided(small, scene.image, guide=resize(scene.image, small.shape), out=out)
    assert result is out
    assert np.abs(result - own).mean() < 2e-3  # the own guide is averaged in two steps
    np.testing.assert_array_equal(scene.image, given[0])
    np.testing.assert_array_equal(small, given[1])
    with pytest.raises(ValueError, match="out is"):
        refine_guided(small, scene.image, out=out[::2])


def test_edge_sharpen_keeps_its_fixed_points() -> None:
    alpha = np.array([0, 0.25, 0.5, 0.75, 1], np.float32)
    np.testing.assert_allclose(edge_sharpen(alpha, 2.0), [0, 0, 0.5, 1, 1])
    np.testing.assert_array_equal(edge_sharpen(alpha, 1.0), alpha)
