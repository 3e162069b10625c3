"""Packing masks into bits of floats."""

from __future__ import annotations

import numpy as np
import pytest

from pocketmatte.ops.bitmask import FP16_BITS, pack_bits, unpack_bits, weights


def mask(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, (height, width), np.uint8)


def test_known_values():
    assert weights(16, 8)[[0, 7, 8, 15]].tolist() == [128, 1, 0.5, 2**-8]
    row = np.array([[1, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1]])
    assert pack_bits(row).tolist() == [[129.5 + 2**-8]]
    assert unpack_bits(np.array([[129.5 + 2**-8]], np.float32), 16).tolist() == row.tolist()


@pytest.mark.parametrize(("bits", "fraction"), [(16, 8), (16, 0), (11, 0), (11, 5), (1, 0), (7, 3)])
@pytest.mark.parametrize("width", [1, 16, 44, 255, 256])
def test_round_trip(bits, fraction, width):
    expected = mask(9, width)
    packed = pack_bits(expected, bits, fraction)
    assert packed.shape == (9, -(-width // bits))
    np.testing.assert_array_equal(unpack_bits(packed, width, bits, fraction), expected)


def test_every_pattern_of_sixteen_bits():
    numbers = np.arange(2**16, dtype=np.float32).reshape(256, 256)
    pixels = unpack_bits(numbers / 256, 256 * 16)
    np.testing.assert_array_equal(pack_bits(pixels) * 256, numbers)


def test_all_patterns_of_eleven_bits_survive_half_precision_in_any_order_of_adding():
    numbers = np.arange(2**11)
    pixels = (numbers[:, None] >> np.arange(10, -1, -1)) & 1
    order = np.random.default_rng(1).permutation(11)
    value = np.zeros(2**11, np.float16)
    for bit in order:  # half precision throughout, as a graphics processor may add
        value = (value + pixels[:, bit].astype(np.float16) * np.float16(weights(FP16_BITS, 0)[bit])).astype(np.float16)
    np.testing.assert_array_equal(unpack_bits(value[:, None], 11, FP16_BITS, 0), pixels)


def test_sixteen_bits_are_lost_in_half_precision():
    expected = mask(64, 256)
    halved = pack_bits(expected).astype(np.float16)
    wrong = (unpack_bits(np.asarray(halved, np.float32), 256) != expected).mean()
    assert 0.05 < wrong < 0.5


def test_what_is_no_pattern_is_refused():
    soft = pack_bits(mask(2, 32) * 0.3)
    with pytest.raises(ValueError, match="no patterns of 16 bits"):
        unpack_bits(soft, 32)
    with pytest.raises(ValueError, match="no patterns of 11 bits"):
        unpack_bits(np.array([[2048.0]]), 11, 11, 0)
    with pytest.raises(ValueError, match="hold 32 pixels, expected 33"):
        unpack_bits(np.zeros((1, 2)), 33)
    with pytest.raises(ValueError, match="between 1 and 16"):
        unpack_bits(np.zeros((1, 2)), 3, 17)
