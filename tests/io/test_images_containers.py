"""REQ-5: the kinds of files, and pictures of extreme shape."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pocketmatte.core import PocketmatteError
from pocketmatte.io.images import read_image
from tests.io.pictures import (
    asymmetric,
)


def near(image: np.ndarray, expected: object, tolerance: int = 3) -> bool:
    return bool(np.abs(image.astype(int) - np.asarray(expected)).max() <= tolerance)


def test_an_iphone_like_heic(tmp_path: Path) -> None:
    from pillow_heif import from_pillow

    path = tmp_path / "photo.HEIC"
    from_pillow(Image.fromarray(asymmetric())).save(path, quality=95, chroma=444)
    loaded = read_image(path)
    assert near(loaded.image, asymmetric(), 8)
    assert (loaded.format, loaded.notes) == ("HEIF", ())


def test_heic_without_its_package_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pillow_heif import from_pillow

    from_pillow(Image.fromarray(asymmetric())).save(tmp_path / "photo.heic")
    for name in [name for name in sys.modules if name.partition(".")[0] == "pillow_heif"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # what an import of an absent package meets
    with pytest.raises(PocketmatteError, match=r"photo\.heic is HEIC.*pip install pocketmatte\[heic\]") as error:
        read_image(tmp_path / "photo.heic")
    assert "\n" not in str(error.value)


def test_reading_heic_leaves_pillow_as_it_was(tmp_path: Path) -> None:
    from pillow_heif import from_pillow

    from_pillow(Image.fromarray(asymmetric())).save(tmp_path / "photo.heic")
    code = (
        "import sys; from PIL import Image; from pocketmatte.io.images import read_image;"
        "print(read_image(sys.argv[1]).format, 'HEIF' in Image.OPEN)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "photo.heic")], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == ["HEIF", "False"]


def test_the_name_does_not_matter(tmp_path: Path) -> None:
    Image.fromarray(asymmetric()).save(tmp_path / "really.png")
    path = (tmp_path / "really.png").rename(tmp_path / "named.jpg")
    loaded = read_image(path)
    assert loaded.format == "PNG"
    assert np.array_equal(loaded.image, asymmetric())


def test_multi_picture_jpeg_of_a_phone_gives_the_first(tmp_path: Path) -> None:
    second = Image.fromarray(np.zeros_like(asymmetric()))
    Image.fromarray(asymmetric()).save(
        tmp_path / "phone.jpg", "MPO", save_all=True, append_images=[second], quality=95, subsampling=0
    )
    loaded = read_image(tmp_path / "phone.jpg")
    assert near(loaded.image, asymmetric(), 8)
    assert (loaded.format, loaded.notes) == ("MPO", ())


def test_pages_of_a_tiff(tmp_path: Path) -> None:
    second = Image.fromarray(np.zeros_like(asymmetric()))
    Image.fromarray(asymmetric()).save(tmp_path / "pages.tif", save_all=True, append_images=[second])
    loaded = read_image(tmp_path / "pages.tif")
    assert np.array_equal(loaded.image, asymmetric())
    assert loaded.notes == ("2 pictures in one file, took the first one",)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".bmp", ".gif", ".jp2", ".ppm", ".avif", ".qoi"])
@pytest.mark.parametrize("size", [(1, 1), (1, 10000), (10000, 1)])
def test_extreme_shapes(tmp_path: Path, suffix: str, size: tuple[int, int]) -> None:
    picture = np.full((*size, 3), (200, 100, 50), np.uint8)
    Image.fromarray(picture).save(tmp_path / f"thin{suffix}")
    assert near(read_image(tmp_path / f"thin{suffix}").image, picture, 8)
