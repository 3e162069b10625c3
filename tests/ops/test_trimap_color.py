from __future__ import annotations

import numpy as np
import pytest

from pocketmatte.ops.color import linear_to_srgb, srgb_to_linear
from pocketmatte.ops.trimap import BACKGROUND, FOREGROUND, UNSURE, make_trimap


@pytest.mark.parametrize("size", [(1, 1), (1, 1000), (40, 30)])
@pytest.mark.parametrize("radius", [0, 3, 500])
def test_empty_and_full_alphas_have_no_unsure_pixels(size: tuple[int, int], radius: int) -> None:
    assert (make_trimap(np.zeros(size, np.float32), radius) == BACKGROUND).all()
    assert (make_trimap(np.ones(size, np.float32), radius) == FOREGROUND).all()
    assert (make_trimap(np.full(size, 0.5, np.float32), radius) == UNSURE).all()


def test_the_unsure_band_is_as_wide_as_asked() -> None:
    alpha = np.zeros((50, 60), np.float32)
    alpha[:, 30:] = 1
    row = make_trimap(alpha, 4)[25]
    assert (row[:26] == BACKGROUND).all()
    assert (row[26:34] == UNSURE).all()
    assert (row[34:] == FOREGROUND).all()
    assert set(np.unique(make_trimap(alpha, 0))) == {BACKGROUND, FOREGROUND}


def test_soft_alpha_is_unsure_between_the_limits() -> None:
    ramp = np.linspace(0, 1, 101, dtype=np.float32)[None]
    trimap = make_trimap(ramp, 0, low=0.2, high=0.6)[0]
    assert (trimap[:20] == BACKGROUND).all()
    assert (trimap[22:60] == UNSURE).all()
    assert (trimap[62:] == FOREGROUND).all()


def test_srgb_there_and_back_and_known_values() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    light = srgb_to_linear(levels)
    assert light.dtype == np.float32
    assert light.ravel()[[0, 255]].tolist() == [0.0, 1.0]
    assert light.ravel()[188] == pytest.approx(0.5029, abs=1e-4)  # IEC 61966-2-1
    assert light.ravel()[10] == pytest.approx(10 / 255 / 12.92, abs=1e-6)
    assert (np.diff(light.ravel()) > 0).all()
    np.testing.assert_allclose(linear_to_srgb(light), levels, atol=1e-3)
    assert linear_to_srgb(np.array([-0.1, 0.0, 1.0])).tolist() == pytest.approx([0, 0, 255], abs=1e-3)
