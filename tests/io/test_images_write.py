"""Writing: straight alpha, sRGB, lossless where promised; nothing replaced unasked and nothing half done."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from pocketmatte.core import PocketmatteError
from pocketmatte.io.images import check_output, read_image, write_image
from tests.io.pictures import asymmetric, public_folder, without_privileges


def rgba() -> np.ndarray:
    """Random colours under every alpha from 0 to 255."""
    colours = np.random.default_rng(2).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    return np.dstack([colours, np.arange(256, dtype=np.uint8).reshape(16, 16)])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def leftovers(folder: Path) -> list[str]:
    return [name for name in names(folder) if name.startswith(".")]


# REQ-1, first half


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_white_under_half_an_alpha_stays_white(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"white{suffix}"
    white = np.full((9, 9, 4), (255, 255, 255, 128), np.uint8)
    write_image(path, white)
    loaded = read_image(path)
    assert np.array_equal(np.dstack([loaded.image, loaded.alpha]), white)
    share = loaded.alpha[..., None] / 255
    over_white = loaded.image * share + 255 * (1 - share)
    assert np.abs(over_white - 255).max() <= 1


@pytest.mark.parametrize("suffix", [".png", ".PNG", ".webp", ".tif", ".tiff"])
def test_rgba_comes_back_bit_for_bit_even_where_nothing_shows(tmp_path: Path, suffix: str) -> None:
    write_image(tmp_path / f"clear{suffix}", rgba())
    loaded = read_image(tmp_path / f"clear{suffix}")
    assert np.array_equal(np.dstack([loaded.image, loaded.alpha]), rgba())


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_other_readers_see_the_same_rgba(tmp_path: Path, suffix: str) -> None:
    write_image(tmp_path / f"clear{suffix}", rgba())
    seen = cv2.imread(str(tmp_path / f"clear{suffix}"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(cv2.cvtColor(seen, cv2.COLOR_BGRA2RGBA), rgba())


def test_tiff_says_that_its_alpha_is_straight(tmp_path: Path) -> None:
    write_image(tmp_path / "clear.tif", rgba())
    with Image.open(tmp_path / "clear.tif") as image:
        assert image.tag_v2[338] == (2,)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_a_matte_is_stored_without_loss(tmp_path: Path, suffix: str) -> None:
    write_image(tmp_path / f"matte{suffix}", rgba()[..., 0])
    assert np.array_equal(read_image(tmp_path / f"matte{suffix}").image[..., 0], rgba()[..., 0])


@pytest.mark.parametrize(("suffix", "tolerance"), [(".png", 0), (".tif", 0), (".webp", 12), (".jpg", 8), (".jpeg", 8)])
def test_rgb(tmp_path: Path, suffix: str, tolerance: int) -> None:
    write_image(tmp_path / f"photo{suffix}", asymmetric())
    loaded = read_image(tmp_path / f"photo{suffix}")
    assert np.abs(loaded.image.astype(int) - asymmetric())[4:12, 4:12].max() <= tolerance
    assert loaded.alpha is None
    assert loaded.notes == ()


def test_png_says_srgb(tmp_path: Path) -> None:
    write_image(tmp_path / "photo.png", asymmetric())
    with Image.open(tmp_path / "photo.png") as image:
        assert image.info["srgb"] == 0


@pytest.mark.parametrize("shape", [(1, 1, 4), (1, 10000, 4), (10000, 1, 3)])
def test_extreme_shapes(tmp_path: Path, shape: tuple[int, ...]) -> None:
    pixels = np.full(shape, 200, np.uint8)
    write_image(tmp_path / "thin.png", pixels)
    assert np.array_equal(read_image(tmp_path / "thin.png").image, pixels[..., :3])


def test_pixels_that_are_not_contiguous(tmp_path: Path) -> None:
    write_image(tmp_path / "turned.png", rgba().swapaxes(0, 1)[::-1])
    assert np.array_equal(read_image(tmp_path / "turned.png").image, rgba()[..., :3].swapaxes(0, 1)[::-1])


# Refusals


@pytest.mark.parametrize(
    ("name", "needs_alpha", "message"),
    [
        ("cut.jpg", True, r"JPEG cannot hold transparency; use \.png, \.webp, \.tif, \.tiff"),
        ("cut.gif", False, r"cannot write a picture named cut\.gif: expected \.png"),
        ("cut", False, r"cannot write a picture named cut"),
        ("folder.png", True, "is a folder"),
        ("there.png", True, "exists already: choose another name, or replace it with force=True"),
        ("dead-link.png", True, "exists already"),
        ("file/cut.png", True, "file is a file, expected a folder"),
        ("file/deeper/cut.png", True, "file is a file, expected a folder"),
    ],
)
def test_what_cannot_be_written_is_known_before_the_work(
    tmp_path: Path, name: str, needs_alpha: bool, message: str
) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "there.png").write_bytes(b"precious")
    (tmp_path / "file").write_bytes(b"precious")
    (tmp_path / "dead-link.png").symlink_to("nowhere")
    before = names(tmp_path)
    with pytest.raises(PocketmatteError, match=message):
        check_output(tmp_path / name, False, needs_alpha)
    with pytest.raises(PocketmatteError, match=message):
        write_image(tmp_path / name, rgba() if needs_alpha else asymmetric())
    assert names(tmp_path) == before
    assert (tmp_path / "there.png").read_bytes() == b"precious"


def test_what_can_be_written_passes_and_leaves_no_trace(tmp_path: Path) -> None:
    (tmp_path / "there.png").write_bytes(b"old")
    check_output(tmp_path / "there.png", True, True)
    check_output(tmp_path / "photo.jpg", False, False)
    check_output(tmp_path / "new" / "folder" / "cut.webp", False, True)
    check_output(tmp_path / "clip.mp4", False, False)  # types of videos are for their writer to judge
    check_output(tmp_path / "frames.png-seq", False, True)
    assert names(tmp_path) == ["there.png"]
    with pytest.raises(PocketmatteError, match="exists already"):
        check_output(tmp_path / "there.png", False, True)


def test_a_folder_without_write_permission() -> None:
    with public_folder() as folder:
        (folder / "closed").mkdir(mode=0o555)
        with without_privileges():
            for target in (folder / "closed" / "cut.png", folder / "closed" / "new" / "cut.png"):
                with pytest.raises(PocketmatteError, match="no permission to write in .*closed"):
                    check_output(target, False, True)
                with pytest.raises(PocketmatteError, match="no permission to write in .*closed"):
                    write_image(target, rgba())
        assert names(folder / "closed") == []


@pytest.mark.parametrize(("suffix", "limit"), [(".webp", 16383), (".jpg", 65535)])
def test_a_side_the_format_cannot_hold(tmp_path: Path, suffix: str, limit: int) -> None:
    with pytest.raises(PocketmatteError, match=f"at most {limit} pixels a side"):
        write_image(tmp_path / f"long{suffix}", np.zeros((1, limit + 1, 3), np.uint8))
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((2, 2, 3), np.float32),
        np.zeros((2, 2, 2), np.uint8),
        np.zeros(4, np.uint8),
        np.zeros((0, 2, 3), np.uint8),
        np.zeros((1, 2, 2, 3), np.uint8),
    ],
)
def test_pixels_that_are_no_picture(tmp_path: Path, pixels: np.ndarray) -> None:
    with pytest.raises(PocketmatteError, match="expected uint8"):
        write_image(tmp_path / "no.png", pixels)


def test_a_name_too_long_for_the_disk(tmp_path: Path) -> None:
    with pytest.raises(PocketmatteError, match="File name too long"):
        write_image(tmp_path / ("x" * 300 + ".png"), asymmetric())
    write_image(tmp_path / ("x" * 251 + ".png"), asymmetric())
    assert leftovers(tmp_path) == []


def test_force_replaces_and_makes_folders(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deeper" / "cut.png"
    write_image(path, np.zeros((2, 2, 3), np.uint8))
    write_image(path, asymmetric(), force=True)
    assert np.array_equal(read_image(path).image, asymmetric())
    assert names(path.parent) == ["cut.png"]


def test_force_replaces_a_link_and_not_what_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "original.png").write_bytes(b"precious")
    (tmp_path / "cut.png").symlink_to("original.png")
    write_image(tmp_path / "cut.png", asymmetric(), force=True)
    assert (tmp_path / "original.png").read_bytes() == b"precious"
    assert not (tmp_path / "cut.png").is_symlink()
