"""REQ-4: all eight EXIF orientations are applied on read, whatever the container, and none is written."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from pocketmatte.io.images import from_pil, read_image, write_image
from tests.io.pictures import asymmetric, chunk, exif, png, stored, tiff

ORIENTATIONS = range(1, 9)
FORMATS = {
    ".jpg": {"quality": 95, "subsampling": 0},
    ".png": {},
    ".webp": {"lossless": True},
    ".tif": {},
    ".avif": {"quality": 95, "subsampling": "4:4:4"},
    ".heic": {"quality": 95, "chroma": "444"},
}


@pytest.fixture(autouse=True)
def heic_writer() -> None:
    from pillow_heif import register_heif_opener

    register_heif_opener()


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("suffix", FORMATS)
def test_every_orientation_comes_out_upright(tmp_path: Path, suffix: str, orientation: int) -> None:
    path = tmp_path / f"photo{suffix}"
    stored(asymmetric(), orientation).save(path, exif=exif(orientation).tobytes(), **FORMATS[suffix])
    image = read_image(path).image
    assert image.shape == asymmetric().shape
    assert np.abs(image.astype(int) - asymmetric()).max() <= 12  # lossy coding of flat blocks
    assert image.flags.c_contiguous


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_alpha_turns_with_the_colours(tmp_path: Path, orientation: int) -> None:
    upright = np.dstack([asymmetric(), asymmetric()[..., 0] // 2])
    stored(upright, orientation).save(tmp_path / "photo.png", exif=exif(orientation))
    loaded = read_image(tmp_path / "photo.png")
    assert loaded.alpha is not None
    assert np.array_equal(np.dstack([loaded.image, loaded.alpha]), upright)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("container", ["png", "tif"])
def test_sixteen_bit_pictures_turn_as_well(tmp_path: Path, container: str, orientation: int) -> None:
    upright = asymmetric()
    raw = np.asarray(stored(upright, orientation)).astype(np.uint16) * 257
    if container == "png":
        block = exif(orientation).tobytes().removeprefix(b"Exif\0\0")
        data = png(raw, 2, chunk(b"eXIf", block))
    else:
        data = tiff(raw, orientation=orientation)
    (tmp_path / "photo").write_bytes(data)
    assert np.array_equal(read_image(tmp_path / "photo").image, upright)


def test_a_tiff_with_the_orientation_in_two_places_turns_once(tmp_path: Path) -> None:
    xmp = list(b'<x xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>')
    raw = np.asarray(stored(asymmetric(), 6))
    (tmp_path / "photo.tif").write_bytes(tiff(raw, orientation=6, more=((700, 1, xmp),)))
    assert np.array_equal(read_image(tmp_path / "photo.tif").image, asymmetric())


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_pil_picture_is_turned_like_the_file_it_came_from(tmp_path: Path, orientation: int) -> None:
    stored(asymmetric(), orientation).save(tmp_path / "photo.png", exif=exif(orientation))
    with Image.open(tmp_path / "photo.png") as image:
        assert np.array_equal(from_pil(image).image, asymmetric())


@pytest.mark.parametrize("suffix", [".png", ".webp", ".jpg", ".tif"])
def test_no_orientation_is_written(tmp_path: Path, suffix: str) -> None:
    stored(asymmetric(), 6).save(tmp_path / "photo.jpg", exif=exif(6))
    path = tmp_path / f"result{suffix}"
    write_image(path, read_image(tmp_path / "photo.jpg").image)
    with Image.open(path) as image:
        assert 0x0112 not in image.getexif() or image.getexif()[0x0112] == 1
        assert image.size == (48, 32)


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_no_orientation(tmp_path: Path, value: int) -> None:
    Image.fromarray(asymmetric()).save(tmp_path / "photo.png", exif=exif(value))
    assert np.array_equal(read_image(tmp_path / "photo.png").image, asymmetric())


def test_a_damaged_exif_block_costs_a_note_at_most(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(asymmetric()).save(buffer, "JPEG", quality=95, subsampling=0, exif=exif(1))
    data = buffer.getvalue()
    at = data.index(b"Exif\0\0") + 6
    (tmp_path / "photo.jpg").write_bytes(data[:at] + b"\xff" * 8 + data[at + 8 :])
    image = read_image(tmp_path / "photo.jpg").image
    assert np.abs(image.astype(int) - asymmetric()).max() <= 12


def test_the_reference_turns_as_opencv_does(tmp_path: Path) -> None:
    """The fixture itself, judged by an independent reader."""
    for orientation in ORIENTATIONS:
        path = tmp_path / f"{orientation}.jpg"
        stored(asymmetric(), orientation).save(path, exif=exif(orientation), quality=95, subsampling=0)
        judged = cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        assert np.abs(judged.astype(int) - asymmetric()).max() <= 12
