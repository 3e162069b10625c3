"""Blurs of any size, and a background blur that does not glow in the person's colours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pocketmatte.ops.filters import blur_background, box, disc, gaussian

Portrait = Callable[..., Any]
SIZES = [(1, 1), (1, 1000), (1000, 1), (3, 2), (37, 53), (120, 160)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [(), (1,), (3,)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_constants_shape_and_type_stay(size: tuple[int, int], channels: tuple[int, ...], dtype: type) -> None:
    image = np.full((*size, *channels), 200, dtype)
    for blurred in (
        box(image, 9),
        box(image, 2001),
        *(f(image, r) for f in (gaussian, disc) for r in (0, 0.4, 2, 7, 60)),
    ):
        assert blurred.shape == image.shape
        assert blurred.dtype == dtype
        assert blurred is not image
        np.testing.assert_allclose(blurred, 200, rtol=1e-5)


def spread(blurred: np.ndarray) -> float:
    """Standard deviation along x of an image of points."""
    x = np.arange(blurred.shape[1])
    mass = blurred / blurred.sum()
    return float(np.sqrt((mass * x * x).sum() - (mass * x).sum() ** 2))


@pytest.mark.parametrize("sigma", [1.0, 3.0, 5.0, 9.0, 20.0, 30.0])
def test_gaussian_has_the_sigma_asked_for(sigma: float) -> None:
    point = np.zeros((301, 401), np.float32)
    point[150, 200] = 1e4
    assert spread(gaussian(point, sigma)) == pytest.approx(sigma, rel=0.03)


@pytest.mark.parametrize("radius", [2.0, 5.0, 12.0, 25.0, 50.0])
def test_disc_has_the_radius_asked_for(radius: float) -> None:
    point = np.zeros((301, 401), np.float32)
    point[150, 200] = 1e4
    blurred = disc(point, radius)
    assert spread(blurred) == pytest.approx(radius / 2, rel=0.15)  # a disc of radius r has deviation r / 2
    assert blurred.sum() / blurred.max() == pytest.approx(np.pi * radius**2, rel=0.15)
    assert spread(gaussian(point, radius)) > 1.5 * spread(blurred)


@pytest.mark.parametrize("shape", ["disc", "gaussian"])
@pytest.mark.parametrize("strength", [0.01, 0.03, 0.1])
def test_the_person_does_not_bleed(portrait: Portrait, shape: str, strength: float) -> None:
    """Blur a scene with a blazing person: just outside it, the background is as if nobody had been there."""
    scene = portrait("room")
    wall = np.full_like(scene.image, 60)
    person = np.full_like(scene.image, 255)
    a = scene.alpha[..., None]
    image = (person * a + wall * (1 - a) + 0.5).astype(np.uint8)
    blurred = blur_background(image, scene.alpha, strength, shape)
    outside = scene.alpha == 0
    off = np.abs(blurred[outside].astype(int) - 60)
    assert off.max() <= 8  # of 195, between hairs
    assert off.mean() < 0.2
    plain = disc(image, strength * max(scene.alpha.shape))
    assert np.abs(plain[outside].astype(int) - 60).max() > 40  # the fault this guards against


def test_the_background_is_blurred(portrait: Portrait) -> None:
    scene = portrait("busy")
    blurred = blur_background(scene.image, scene.alpha)
    outside = scene.alpha == 0
    assert blurred[outside].std() < 0.5 * scene.image[outside].std()
    assert blurred[outside].mean() == pytest.approx(scene.image[outside].mean(), abs=3)


@pytest.mark.parametrize("size", [*SIZES, (3, 40000)])
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_blur_background_never_fails(size: tuple[int, int], value: float) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    given = image.copy()
    for strength in (0.0, 0.02, 0.5):
        blurred = blur_background(image, np.full(size, value, np.float32), strength)
        assert blurred.shape == image.shape
        assert blurred.dtype == np.uint8
        if strength == 0:
            np.testing.assert_array_equal(blurred, image)
        elif size == (120, 160):  # also all-person pictures get their mean colour, not black
            assert blurred.mean() == pytest.approx(image.mean(), abs=4)
    np.testing.assert_array_equal(image, given)
