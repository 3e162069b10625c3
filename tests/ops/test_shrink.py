"""The whole-number half of the area resize is the definition, and its way into :func:`resize` is taken."""

from __future__ import annotations

import numpy as np
import pytest

from pocketmatte.ops.resize import reference_area, resize
from pocketmatte.ops.shrink import rows_can_be_summed, sum_rows


@pytest.mark.parametrize(("old", "new"), [(1080, 256), (720, 256), (288, 64), (96, 32), (1028, 4), (512, 256)])
def test_sums_are_exact(old: int, new: int) -> None:
    image = np.random.default_rng(old).integers(0, 256, (old, 3, 3), np.uint8)
    assert rows_can_be_summed(image, new)
    sums, divisor = sum_rows(image, new)
    assert sums.dtype == np.uint16
    np.testing.assert_allclose(sums / divisor, reference_area(image, (new, 3)), atol=1e-9)


def test_white_does_not_overflow() -> None:
    for old, new in [(1080, 256), (1028, 4)]:
        white = np.full((old, 5), 255, np.uint8)
        assert rows_can_be_summed(white, new)
        sums, divisor = sum_rows(white, new)
        assert (sums == 255 * divisor).all()


@pytest.mark.parametrize(("shape", "height"), [((1079, 4), 256), ((2048, 4), 4), ((300, 4), 256), ((6, 4), 3)], ids=str)
def test_what_does_not_suit_is_refused(shape: tuple[int, int], height: int) -> None:
    """No common divisor, sums beyond 16 bits, little to gain."""
    assert not rows_can_be_summed(np.zeros(shape, np.uint8), height)
    assert not rows_can_be_summed(np.zeros((1080, 4), np.float32), 256)
    assert not rows_can_be_summed(np.zeros((1080, 8), np.uint8)[:, ::2], 256)


@pytest.mark.parametrize("size", [(64, 64), (64, 100), (45, 64)])
def test_resize_rounds_once(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (288, 480, 3), np.uint8)
    assert rows_can_be_summed(image, size[0])
    off = np.abs(resize(image, size) - reference_area(image, size))
    assert off.max() <= 0.501
