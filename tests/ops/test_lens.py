"""Bokeh, blur by depth and mosaic: constants stay, lights become discs, nothing of the person bleeds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pocketmatte.ops.filters import disc
from pocketmatte.ops.lens import blur_by, bokeh, clean_plate, pixelate

Portrait = Callable[..., Any]
SIZES = [(1, 1), (1, 300), (300, 1), (3, 2), (37, 53), (120, 160)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("level", [0, 7, 128, 255])
def test_constants_stay(size: tuple[int, int], level: int) -> None:
    plate = np.full((*size, 3), level, np.uint8)
    ramp = np.linspace(0, 1, size[0] * size[1], dtype=np.float32).reshape(size)
    for result in (
        *(bokeh(plate, r) for r in (0, 0.7, 5, 40)),
        *(blur_by(plate, ramp, r) for r in (0, 3, 30)),
        *(pixelate(plate, n) for n in (1, 7, 48, 5000)),
    ):
        assert result.shape == plate.shape
        assert result.dtype == np.uint8
        assert result is not plate
        assert np.abs(result.astype(int) - level).max() <= 1


@pytest.mark.parametrize("radius", [6, 20, 45])
def test_a_lamp_becomes_a_disc_of_its_own_brightness(radius: int) -> None:
    """A small lamp in the dark: a plain mean nearly loses it, a lens shows a bright disc with a clear edge."""
    plate = np.full((301, 401, 3), 10, np.uint8)
    side = max(1, radius // 5)
    plate[150 - side : 151 + side, 200 - side : 201 + side] = 255
    shown = bokeh(plate, radius)[..., 0].astype(int)
    plain = disc(plate, radius)[..., 0].astype(int)
    assert shown[150, 200] > 3 * plain[150, 200] > 30
    distance = np.hypot(*(np.mgrid[:301, :401] - np.array([150, 200])[:, None, None]))
    inside, outside = shown[distance < 0.6 * radius], shown[distance > 1.5 * radius + side]
    assert inside.min() > 0.6 * inside.max()
    assert outside.max() <= 12


def test_the_plate_has_nothing_of_the_person(portrait: Portrait) -> None:
    scene = portrait("room")
    wall, person = np.full_like(scene.image, 60), np.full_like(scene.image, 255)
    a = scene.alpha[..., None]
    plate = clean_plate((person * a + wall * (1 - a) + 0.5).astype(np.uint8), scene.alpha)
    assert np.abs(plate[scene.alpha < 0.9].astype(int) - 60).mean() < 1
    assert np.abs(plate[scene.alpha == 0].astype(int) - 60).max() == 0
    assert plate.max() < 120
    shown = bokeh(plate, 12)
    assert np.abs(shown[scene.alpha < 0.9].astype(int) - 60).mean() < 1


def test_blur_by_follows_the_amount() -> None:
    plate = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    ramp = np.tile(np.linspace(0, 1, 160, dtype=np.float32), (120, 1))
    result = blur_by(plate, ramp, 12)
    left = [float(result[:, x : x + 20].std()) for x in range(0, 160, 40)]
    assert left == sorted(left, reverse=True)
    np.testing.assert_array_equal(blur_by(plate, np.zeros((120, 160), np.float32), 12), plate)
    everywhere = blur_by(plate, np.ones((120, 160), np.float32), 12)
    np.testing.assert_array_equal(everywhere, disc(plate, 12))
    np.testing.assert_array_equal(blur_by(plate, np.full((120, 160), np.nan, np.float32), 12), plate)


@pytest.mark.parametrize(("cells", "colours"), [(1, 1), (4, 12), (8, 48)])
def test_a_mosaic_has_the_cells_asked_for(cells: int, colours: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    result = pixelate(picture, cells)
    assert len(np.unique(result.reshape(-1, 3), axis=0)) == colours
    assert result.mean() == pytest.approx(picture.mean(), abs=1)
