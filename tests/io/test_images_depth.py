"""REQ-5: more than 8 bits per value are rounded to 8 and told, or refused; never cut off in silence."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from pocketmatte.core import PocketmatteError
from pocketmatte.io.image_formats import coded_bits
from pocketmatte.io.images import read_image
from tests.io.pictures import (
    asymmetric,
    noise,
    png,
    tiff,
)


def rounded(values: np.ndarray, top: int = 65535) -> np.ndarray:
    return np.floor(values.astype(np.float64) * 255 / top + 0.5).astype(np.uint8)


def read(tmp_path: Path, data: bytes) -> np.ndarray:
    (tmp_path / "picture").write_bytes(data)  # no suffix: the content counts
    return read_image(tmp_path / "picture").image


@pytest.mark.parametrize("color_type", [0, 2, 4, 6])
def test_sixteen_bit_png_is_rounded_not_cut_off(tmp_path: Path, color_type: int) -> None:
    values = noise(19, 23, {0: 1, 2: 3, 4: 2, 6: 4}[color_type])
    (tmp_path / "deep.png").write_bytes(png(values, color_type))
    loaded = read_image(tmp_path / "deep.png")
    colours = values[..., : -1 if color_type >= 4 else None]
    assert np.array_equal(loaded.image, np.broadcast_to(rounded(colours), (19, 23, 3)))
    assert any("16 bits" in note for note in loaded.notes)
    if color_type >= 4:
        assert np.array_equal(loaded.alpha, rounded(values[..., -1]))
    else:
        assert loaded.alpha is None


@pytest.mark.parametrize(("channels", "photometric"), [(1, 1), (1, 0), (3, 2)])
def test_sixteen_bit_tiff_is_rounded_not_cut_off(tmp_path: Path, channels: int, photometric: int) -> None:
    values = noise(11, 13, channels)
    (tmp_path / "deep.tif").write_bytes(tiff(values, photometric=photometric))
    loaded = read_image(tmp_path / "deep.tif")
    expected = rounded(65535 - values if photometric == 0 else values)
    assert np.array_equal(loaded.image, np.broadcast_to(expected, (11, 13, 3)))
    assert any("16 bits" in note for note in loaded.notes)


def test_compressed_sixteen_bit_tiff(tmp_path: Path) -> None:
    values = noise(40, 30, 3)
    cv2.imwrite(str(tmp_path / "deep.tif"), values[..., ::-1], [cv2.IMWRITE_TIFF_COMPRESSION, 5])
    assert np.array_equal(read_image(tmp_path / "deep.tif").image, rounded(values))


def test_sixteen_bit_tiff_alpha_straight_premultiplied_and_unspecified(tmp_path: Path) -> None:
    colours, alpha = noise(6, 7, 3), noise(6, 7, 1, seed=8) // 2 + 20000
    path = tmp_path / "deep.tif"
    path.write_bytes(tiff(np.dstack([colours, alpha]), extra_samples=2))
    straight = read_image(path)
    assert np.array_equal(straight.image, rounded(colours))
    assert np.array_equal(straight.alpha, rounded(alpha[..., 0]))

    multiplied = np.rint(colours * (alpha / 65535.0)).astype(np.uint16)
    path.write_bytes(tiff(np.dstack([multiplied, alpha]), extra_samples=1))
    divided = read_image(path)
    assert np.abs(divided.image.astype(int) - rounded(colours)).max() <= 1
    assert np.array_equal(divided.alpha, straight.alpha)

    path.write_bytes(tiff(np.dstack([colours, alpha]), extra_samples=0))
    unspecified = read_image(path)
    assert np.array_equal(unspecified.image, rounded(colours))
    assert unspecified.alpha is None


def test_sixteen_bit_planes_apart_are_refused_rather_than_scrambled(tmp_path: Path) -> None:
    (tmp_path / "planes.tif").write_bytes(tiff(noise(6, 7, 3), planar=2))
    with pytest.raises(PocketmatteError, match="separate colour planes"):
        read_image(tmp_path / "planes.tif")


def test_eight_bit_planes_apart(tmp_path: Path) -> None:
    assert np.array_equal(read(tmp_path, tiff(asymmetric(), planar=2)), asymmetric())


def test_sixteen_bit_pgm(tmp_path: Path) -> None:
    values = noise(5, 6)
    image = read(tmp_path, b"P5 6 5 65535\n" + values.astype(">u2").tobytes())
    assert np.array_equal(image[..., 0], rounded(values))


def test_floats_are_taken_as_zero_to_one_and_nothing_else(tmp_path: Path) -> None:
    values = np.linspace(0, 1, 30, dtype=np.float32).reshape(5, 6)
    path = tmp_path / "float.tif"
    Image.fromarray(values).save(path)
    assert np.array_equal(read_image(path).image[..., 1], rounded(values, 1))
    Image.fromarray(values * 255).save(path)
    with pytest.raises(PocketmatteError, match=r"span 0\.\.255, expected 0\.\.1"):
        read_image(path)


def test_integers_without_a_range_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 1 << 20]], np.int32)).save(tmp_path / "wide.tif")
    with pytest.raises(PocketmatteError, match="32-bit integers"):
        read_image(tmp_path / "wide.tif")


def test_ten_bit_heic_is_told(tmp_path: Path) -> None:
    import pillow_heif

    pillow_heif.from_bytes("RGB;16", (64, 64), noise(64, 64, 3).tobytes()).save(tmp_path / "ten.heic", quality=90)
    assert "10 bits per colour reduced to 8" in read_image(tmp_path / "ten.heic").notes


@pytest.mark.parametrize(("flag", "bits"), [(0x00, 8), (0x40, 10), (0x60, 12)])
def test_ten_and_twelve_bit_avif_are_known_by_their_header(flag: int, bits: int) -> None:
    buffer = io.BytesIO()
    Image.fromarray(asymmetric()).save(buffer, "AVIF")
    data = bytearray(buffer.getvalue())
    data[data.index(b"av1C") + 6] |= flag
    assert coded_bits(bytes(data), "AVIF") == bits


def test_sixteen_bit_jpeg_2000_is_told(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "deep.jp2"), noise(32, 32, 3))
    assert "16 bits per colour reduced to 8" in read_image(tmp_path / "deep.jp2").notes
