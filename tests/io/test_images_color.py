"""REQ-5: colour profiles and colour spaces all become sRGB."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pocketmatte.io.images import read_image
from tests.io.pictures import (
    P3_COLUMNS,
    SRGB_COLUMNS,
    asymmetric,
    chunk,
    cmyk_profile,
    grey_profile,
    noise,
    png,
    rgb_profile,
    tiff,
    to_encoded,
    to_linear,
)


def near(image: np.ndarray, expected: object, tolerance: int = 3) -> bool:
    return bool(np.abs(image.astype(int) - np.asarray(expected)).max() <= tolerance)


def read(tmp_path: Path, data: bytes) -> np.ndarray:
    (tmp_path / "picture").write_bytes(data)  # no suffix: the content counts
    return read_image(tmp_path / "picture").image


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".avif", ".heic"])
def test_a_wide_gamut_profile_is_converted(tmp_path: Path, suffix: str) -> None:
    from pillow_heif import register_heif_opener

    register_heif_opener()
    colours = np.array([[200, 60, 60], [60, 180, 70], [70, 80, 200], [150, 120, 100]], np.uint8)
    picture = colours[None].repeat(16, 1).repeat(16, 0)
    path = tmp_path / f"wide{suffix}"
    options = {".jpg": {"subsampling": 0}, ".avif": {"subsampling": "4:4:4"}, ".heic": {"chroma": "444"}}.get(
        suffix, {}
    )
    lossless = {"lossless": True} if suffix == ".webp" else {"quality": 95}
    Image.fromarray(picture).save(path, icc_profile=rgb_profile(P3_COLUMNS), **options, **lossless)
    linear = to_linear(colours / 255) @ P3_COLUMNS.T @ np.linalg.inv(SRGB_COLUMNS).T
    expected = to_encoded(linear) * 255
    assert np.abs(expected - colours).max() > 10  # or there would be nothing to see
    loaded = read_image(path)
    assert near(loaded.image, expected[None].repeat(16, 1).repeat(16, 0), 5)
    assert loaded.notes == ()


def test_an_srgb_profile_leaves_every_value_alone(tmp_path: Path) -> None:
    picture = noise(64, 64, 3).astype(np.uint8)
    Image.fromarray(picture).save(tmp_path / "srgb.png", icc_profile=rgb_profile(SRGB_COLUMNS))
    assert np.array_equal(read_image(tmp_path / "srgb.png").image, picture)


def test_a_profile_with_swapped_channels_and_alpha(tmp_path: Path) -> None:
    picture = np.dstack([asymmetric(), asymmetric()[..., 0]])
    Image.fromarray(picture).save(tmp_path / "swapped.png", icc_profile=rgb_profile(SRGB_COLUMNS[:, ::-1]))
    loaded = read_image(tmp_path / "swapped.png")
    assert near(loaded.image, asymmetric()[..., ::-1], 1)
    assert np.array_equal(loaded.alpha, picture[..., 3])


def test_a_profile_on_sixteen_bits(tmp_path: Path) -> None:
    swapped = png(asymmetric().astype(np.uint16) * 257, 2, icc_chunk(rgb_profile(SRGB_COLUMNS[:, ::-1])))
    assert near(read(tmp_path, swapped), asymmetric()[..., ::-1], 1)


def icc_chunk(profile: bytes) -> bytes:
    return chunk(b"iCCP", b"test\0\0" + zlib.compress(profile))


def test_a_grey_profile(tmp_path: Path) -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(grey).save(tmp_path / "linear.png", icc_profile=grey_profile(1.0))
    expected = to_encoded(grey / 255) * 255
    assert near(read_image(tmp_path / "linear.png").image, np.dstack([expected] * 3), 1)


def test_a_grey_picture_with_an_rgb_profile(tmp_path: Path) -> None:
    grey = asymmetric()[..., 0]
    Image.fromarray(grey).save(tmp_path / "grey.png", icc_profile=rgb_profile(P3_COLUMNS))
    loaded = read_image(tmp_path / "grey.png")
    assert near(loaded.image, np.dstack([grey] * 3), 2)
    assert loaded.notes == ()


@pytest.mark.parametrize(
    "profile",
    [b"no profile at all", rgb_profile(P3_COLUMNS)[:200], rgb_profile(P3_COLUMNS)[:-60], grey_profile(1.0)],
    ids=["text", "cut in the table", "cut in the curve", "for other pixels"],
)
def test_a_useless_profile_is_a_note_and_no_failure(tmp_path: Path, profile: bytes) -> None:
    Image.fromarray(asymmetric()).save(tmp_path / "photo.png", icc_profile=profile)
    loaded = read_image(tmp_path / "photo.png")
    assert np.array_equal(loaded.image, asymmetric())
    assert len(loaded.notes) == 1
    assert "profile" in loaded.notes[0]


INKS = {(0, 0, 0, 0): (100, 0, 0), (1, 0, 0, 0): (55, 60, 40), (0, 1, 0, 0): (60, -50, 40), (0, 0, 0, 1): (30, 10, -50)}


def lab_to_srgb(lab: tuple[int, int, int]) -> np.ndarray:
    """CIE 15, D50."""
    fy = (lab[0] + 16) / 116
    f = np.array([fy + lab[1] / 500, fy, fy - lab[2] / 200])
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * [0.9642, 1.0, 0.8249]
    return to_encoded(np.linalg.inv(SRGB_COLUMNS) @ xyz) * 255


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_cmyk_goes_through_its_profile(tmp_path: Path, suffix: str) -> None:
    picture = np.array([[[255 * ink for ink in inks] for inks in INKS]], np.uint8).repeat(16, 0).repeat(16, 1)
    path = tmp_path / f"print{suffix}"
    Image.fromarray(picture, "CMYK").save(path, icc_profile=cmyk_profile(INKS), quality=95)
    expected = np.array([[lab_to_srgb(lab) for lab in INKS.values()]]).repeat(16, 0).repeat(16, 1)
    loaded = read_image(path)
    assert near(loaded.image, expected, 6)
    assert loaded.notes == ()
    assert loaded.mode == "CMYK"


def cmyk_jpeg(adobe: bool) -> bytes:
    """Cyan, black and no ink; as Adobe's programs store it (inverted, marked), or plain and without the mark."""
    inks = np.array([[[255, 0, 0, 0], [0, 0, 0, 255], [0, 0, 0, 0]]], np.uint8).repeat(16, 0).repeat(16, 1)
    buffer = io.BytesIO()
    Image.fromarray(inks if adobe else 255 - inks, "CMYK").save(buffer, "JPEG", quality=95)
    data = buffer.getvalue()
    if adobe:
        return data
    at = data.index(b"\xff\xee\x00\x0eAdobe")
    return data[:at] + data[at + 16 :]


@pytest.mark.parametrize("adobe", [True, False])
def test_cmyk_jpeg_is_never_a_negative(tmp_path: Path, adobe: bool) -> None:
    (tmp_path / "print.jpg").write_bytes(cmyk_jpeg(adobe))
    loaded = read_image(tmp_path / "print.jpg")
    expected = np.array([[[0, 255, 255], [0, 0, 0], [255, 255, 255]]]).repeat(16, 0).repeat(16, 1)
    assert near(loaded.image, expected, 4)
    assert "approximate" in loaded.notes[0]


def test_lab_tiff(tmp_path: Path) -> None:
    # Photometric 8 with unsigned L and signed a and b (TIFF 6.0, section 23).
    lab = np.array([[[140, 60, 40], [153, 256 - 50, 40]]], np.uint8).repeat(4, 0)
    expected = np.array([[lab_to_srgb((140 / 2.55, 60, 40)), lab_to_srgb((60, -50, 40))]]).repeat(4, 0)
    assert near(read(tmp_path, tiff(lab, photometric=8)), expected, 4)
