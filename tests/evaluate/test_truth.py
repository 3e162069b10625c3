"""What truth files mean, by depth and by data set."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from pocketmatte.core import PocketmatteError
from pocketmatte.evaluate.truth import read_truth, stored_as_ones

STEPS = np.array([[0, 51, 102], [153, 204, 255]], np.uint8)
HARD = np.array([[0, 1, 1], [0, 0, 1]], np.uint8)


def write(path: Path, values: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), values)
    return path


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "pgm"])
def test_8_bit(tmp_path: Path, suffix: str) -> None:
    alpha = read_truth(write(tmp_path / f"a.{suffix}", STEPS))
    assert alpha.dtype == np.float32
    np.testing.assert_allclose(alpha, STEPS / 255, atol=1e-7)


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_16_bit_keeps_its_depth(tmp_path: Path, suffix: str) -> None:
    values = np.array([[0, 1, 257], [32768, 65534, 65535]], np.uint16)
    path = write(tmp_path / f"a.{suffix}", values)
    assert not stored_as_ones([path])
    np.testing.assert_allclose(read_truth(path), values / 65535, atol=1e-7)


def test_lossless_webp(tmp_path: Path) -> None:
    Image.fromarray(STEPS).save(tmp_path / "a.webp", lossless=True)
    np.testing.assert_allclose(read_truth(tmp_path / "a.webp"), STEPS / 255, atol=1e-7)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P"])
def test_gray_stored_with_more_channels_or_a_palette(tmp_path: Path, mode: str) -> None:
    Image.fromarray(STEPS).convert(mode).save(tmp_path / "a.png")
    np.testing.assert_allclose(read_truth(tmp_path / "a.png"), STEPS / 255, atol=1e-7)


def test_one_bit(tmp_path: Path) -> None:
    Image.fromarray(HARD.astype(bool)).save(tmp_path / "a.png")
    assert not stored_as_ones([tmp_path / "a.png"])
    np.testing.assert_array_equal(read_truth(tmp_path / "a.png"), HARD)


def test_zero_and_one_is_judged_over_the_whole_set(tmp_path: Path) -> None:
    ones, dark, full = (
        write(tmp_path / f"{name}.png", values) for name, values in (("a", HARD), ("b", HARD * 0), ("c", HARD * 255))
    )
    assert stored_as_ones([dark, ones])
    np.testing.assert_array_equal(read_truth(ones, ones=True), HARD)
    # In a set of the full range the same file is nearly empty, and is not stretched.
    assert not stored_as_ones([dark, ones, full])
    assert read_truth(ones, ones=False).max() == pytest.approx(1 / 255)
    assert not stored_as_ones([dark])


def test_16_bit_zero_and_one(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", HARD.astype(np.uint16))
    assert stored_as_ones([path])
    np.testing.assert_array_equal(read_truth(path, ones=True), HARD)


def test_16_bit_file_of_8_bit_values_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", STEPS.astype(np.uint16))
    with pytest.raises(PocketmatteError, match="no value above 255"):
        stored_as_ones([path])


def test_colours_and_transparency_are_refused(tmp_path: Path) -> None:
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 2] = 200
    clear = np.full((4, 4, 4), 255, np.uint8)
    clear[0, 0, 3] = 0
    for values in (red, clear):
        with pytest.raises(PocketmatteError, match="expected a grayscale mask"):
            read_truth(write(tmp_path / "a.png", values))


@pytest.mark.parametrize("content", [b"", b"not a picture", None])
def test_unreadable_files_are_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "broken.png"
    if content is None:  # cut off in the middle
        noise = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
        whole = write(path, noise).read_bytes()
        content = whole[: len(whole) // 2]
    path.write_bytes(content)
    for read in (read_truth, lambda path: stored_as_ones([path])):
        with pytest.raises(PocketmatteError, match=r"cannot read the mask .*broken\.png"):
            read(path)


def test_float_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PocketmatteError, match="stored as F"):
        read_truth(write(tmp_path / "a.tiff", STEPS.astype(np.float32) / 255))
