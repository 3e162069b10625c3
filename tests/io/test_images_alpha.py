"""REQ-5: grey, palette and transparent pictures; colours under transparent pixels are kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pocketmatte.io.images import read_image
from tests.io.pictures import (
    asymmetric,
    chunk,
    png,
)


def test_grey_becomes_three_equal_channels(tmp_path: Path) -> None:
    grey = asymmetric()[..., 0]
    Image.fromarray(grey).save(tmp_path / "grey.png")
    loaded = read_image(tmp_path / "grey.png")
    assert np.array_equal(loaded.image, np.dstack([grey] * 3))
    assert (loaded.alpha, loaded.mode, loaded.format, loaded.notes) == (None, "L", "PNG", ())


def test_black_and_white(tmp_path: Path) -> None:
    bits = asymmetric()[..., 0] > 100
    Image.fromarray(bits).save(tmp_path / "bits.png")
    assert np.array_equal(read_image(tmp_path / "bits.png").image[..., 2], np.where(bits, 255, 0))


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_alpha_is_apart_and_colours_beneath_it_are_kept(tmp_path: Path, mode: str, suffix: str) -> None:
    colour = asymmetric() if mode == "RGBA" else asymmetric()[..., :1]
    alpha = asymmetric()[..., 2].copy()
    alpha[:5] = 0
    options = {"lossless": True, "exact": True} if suffix == ".webp" else {}
    Image.fromarray(np.dstack([colour, alpha])).save(tmp_path / f"clear{suffix}", **options)
    loaded = read_image(tmp_path / f"clear{suffix}")
    assert np.array_equal(loaded.image, np.broadcast_to(colour, (32, 48, 3)))
    assert np.array_equal(loaded.alpha, alpha)


def test_alpha_that_hides_nothing_is_no_alpha(tmp_path: Path) -> None:
    Image.fromarray(np.dstack([asymmetric(), np.full((32, 48), 255, np.uint8)])).save(tmp_path / "opaque.png")
    loaded = read_image(tmp_path / "opaque.png")
    assert loaded.alpha is None
    assert np.array_equal(loaded.image, asymmetric())


def test_palette_without_and_with_transparency(tmp_path: Path) -> None:
    palette = Image.fromarray(asymmetric()).quantize(8)
    palette.save(tmp_path / "plain.png")
    assert np.array_equal(read_image(tmp_path / "plain.png").image, asymmetric())

    clear = int(np.asarray(palette)[0, 0])
    palette.save(tmp_path / "clear.png", transparency=clear)
    loaded = read_image(tmp_path / "clear.png")
    assert np.array_equal(loaded.image, asymmetric())
    assert np.array_equal(loaded.alpha, np.where(np.asarray(palette) == clear, 0, 255))


def test_palette_with_a_share_of_transparency_per_entry(tmp_path: Path) -> None:
    palette = Image.fromarray(asymmetric()).quantize(8)
    shares = bytes([10, 60, 110, 160, 210, 255, 255, 255])
    palette.save(tmp_path / "shares.png", transparency=shares)
    assert np.array_equal(read_image(tmp_path / "shares.png").alpha, np.array(list(shares))[np.asarray(palette)])


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize("color_type", [0, 2])
def test_png_colour_key(tmp_path: Path, depth: type, color_type: int) -> None:
    values = np.zeros((2, 3, 1 if color_type == 0 else 3), depth)
    values[0, 0] = 200
    key = b"\0\xc8" * values.shape[2]
    (tmp_path / "key.png").write_bytes(png(values, color_type, chunk(b"tRNS", key)))
    loaded = read_image(tmp_path / "key.png")
    assert np.array_equal(loaded.alpha, [[0, 255, 255], [255, 255, 255]])


def test_still_gif(tmp_path: Path) -> None:
    Image.fromarray(asymmetric()).quantize(8).save(tmp_path / "still.gif")
    assert np.array_equal(read_image(tmp_path / "still.gif").image, asymmetric())
