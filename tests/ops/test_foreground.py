"""REQ-1: the old background leaves the fringe; alpha is only read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from pocketmatte.ops.composite import composite
from pocketmatte.ops.foreground import estimate_foreground, estimate_foreground_fast, estimate_foreground_ml, recompose

Portrait = Callable[..., Any]
Estimator = Callable[..., np.ndarray]
RED = (255, 0, 0)
ESTIMATORS = {"fast": estimate_foreground_fast, "ml": estimate_foreground_ml}
both = pytest.mark.parametrize("estimate", list(ESTIMATORS.values()), ids=list(ESTIMATORS))


def fringe(scene: Any, colours: np.ndarray) -> float:
    """Mean colour error over red in the 0.05..0.95 band of the true alpha."""
    red = np.empty_like(scene.image)
    red[:] = RED
    band = (scene.alpha > 0.05) & (scene.alpha < 0.95)
    assert band.sum() > 1000
    return float(np.abs(composite(colours, scene.alpha, red) - scene.over(RED))[band].mean())


def with_errors(alpha: np.ndarray, kind: str) -> np.ndarray:
    """Alphas as estimated rather than known."""
    if kind == "exact":
        return alpha
    if kind == "blurred":
        return cv2.GaussianBlur(alpha, (0, 0), 1.2)
    noise = np.random.default_rng(0).normal(0, 0.05, alpha.shape).astype(np.float32)
    return np.where((alpha > 0) & (alpha < 1), np.clip(alpha + noise, 0, 1), alpha)


@both
@pytest.mark.parametrize("errors", ["exact", "noisy", "blurred"])
@pytest.mark.parametrize("size", [(360, 640), (720, 1280), (120, 160)])
def test_green_fringe_halves(
    portrait: Portrait,
    estimate: Estimator,
    errors: str,
    size: tuple[int, int],
) -> None:
    scene = portrait("plain", *size)
    before = fringe(scene, scene.image)
    after = fringe(scene, estimate(scene.image, with_errors(scene.alpha, errors)))
    assert after <= 0.5 * before


@both
def test_a_real_room_leaves_less_fringe_too(portrait: Portrait, estimate: Estimator) -> None:
    scene = portrait("room")
    assert fringe(scene, estimate(scene.image, scene.alpha)) <= 0.5 * fringe(scene, scene.image)


@both
def test_no_worse_than_the_published_method(portrait: Portrait, estimate: Estimator) -> None:
    for kind, share in (("plain", 1.0), ("room", 1.0), ("busy", 1.05)):  # like textures on both sides defeat any method
        scene = portrait(kind)
        published = fringe(scene, estimate_foreground(scene.image, scene.alpha))
        assert fringe(scene, estimate(scene.image, scene.alpha)) <= share * published


def test_multi_level_beats_fast_on_exact_alpha(portrait: Portrait) -> None:
    scene = portrait("plain")
    fast, ml = (fringe(scene, f(scene.image, scene.alpha)) for f in ESTIMATORS.values())
    assert ml < fast


@both
def test_alpha_one_is_the_picture_and_alpha_is_only_read(portrait: Portrait, estimate: Estimator) -> None:
    scene = portrait("room")
    image, alpha = scene.image.copy(), scene.alpha.copy()
    colours = estimate(image, alpha)
    np.testing.assert_array_equal(alpha, scene.alpha)
    np.testing.assert_array_equal(image, scene.image)
    assert colours.dtype == np.uint8
    np.testing.assert_array_equal(colours[alpha == 1], image[alpha == 1])


@both
def test_hidden_colours_are_smooth_and_not_the_background(portrait: Portrait, estimate: Estimator) -> None:
    scene = portrait("plain")
    colours = estimate(scene.image, scene.alpha)
    hidden = cv2.erode((scene.alpha == 0).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    greenness = colours[..., 1].astype(int) - np.maximum(colours[..., 0], colours[..., 2])
    assert greenness[hidden].max() < 60  # the screen has 160, the person at most 70
    slope = np.abs(np.diff(colours.astype(int), axis=1)).max(axis=2)
    assert np.percentile(slope[hidden[:, 1:] & hidden[:, :-1]], 99) <= 4


@both
@pytest.mark.parametrize("size", [(1, 1), (1, 10000), (10000, 1), (2, 3), (37, 53), (3, 40000)])
@pytest.mark.parametrize("value", [0.0, 0.3, 1.0, "noise"])
def test_never_fails(estimate: Estimator, size: tuple[int, int], value: float | str) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    alpha = rng.random(size).astype(np.float32) if value == "noise" else np.full(size, value, np.float32)
    colours = estimate(image, alpha)
    assert colours.shape == image.shape
    assert colours.dtype == np.uint8
    if value == 1.0:
        np.testing.assert_array_equal(colours, image)
    if value == 0.3:  # nothing tells the sides apart: the picture's mean colour is a fair answer, extremes are not
        assert np.abs(colours.mean() - image.mean()) < 40


@both
def test_large_pictures_are_solved_at_reduced_size(portrait: Portrait, estimate: Estimator) -> None:
    scene = portrait("plain", 1500, 2000)
    assert fringe(scene, estimate(scene.image, scene.alpha)) <= 0.5 * fringe(scene, scene.image)


@both
def test_out_is_used_or_refused(portrait: Portrait, estimate: Estimator) -> None:
    scene = portrait("room", 120, 161)
    out = np.empty_like(scene.image)
    assert estimate(scene.image, scene.alpha, out=out) is out
    np.testing.assert_array_equal(out, estimate(scene.image, scene.alpha))
    with pytest.raises(ValueError, match="out is"):
        estimate(scene.image, scene.alpha, out=np.empty((120, 161, 3), np.float32))
    with pytest.raises(ValueError, match="expected"):
        estimate(scene.image, scene.alpha[1:])


def test_views_with_strides_work(portrait: Portrait) -> None:
    scene = portrait("room", 120, 160)
    mirrored = estimate_foreground_fast(scene.image[:, ::-1], scene.alpha[:, ::-1])
    straight = estimate_foreground_fast(scene.image[:, ::-1].copy(), scene.alpha[:, ::-1].copy())
    np.testing.assert_array_equal(mirrored, straight)


def test_blur_fusion_takes_an_odd_or_even_radius(portrait: Portrait) -> None:
    scene = portrait("plain", 120, 160)
    for radius in (85, 90):
        assert fringe(scene, estimate_foreground(scene.image, scene.alpha, radius)) < 0.7 * fringe(scene, scene.image)


@pytest.mark.parametrize("size", [(360, 640), (121, 77), (1, 9)])
def test_recompose_is_estimate_and_composite_in_one(portrait: Portrait, size: tuple[int, int]) -> None:
    scene = portrait("room", 360, 640)
    height, width = size
    image, alpha = (np.ascontiguousarray(x[:height, :width]) for x in (scene.image, scene.alpha))
    background = np.random.default_rng(1).integers(0, 256, image.shape, np.uint8)
    kept = background.copy()
    together = recompose(image, alpha, background)
    apart = composite(estimate_foreground_fast(image, alpha), alpha, background)
    assert np.abs(together.astype(int) - apart).max() <= 2
    assert (background == kept).all()
    assert recompose(image, alpha, background, out=kept) is kept
    assert (kept == together).all()
    over = background.copy()
    assert (recompose(image, alpha, over, out=over) == together).all()
    with pytest.raises(ValueError, match="expected"):
        recompose(image, alpha, background[:, :-1])
