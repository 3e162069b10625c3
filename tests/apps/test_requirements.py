"""Requirements that only the whole chain can keep: orientation, straight colours, foreground colours."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pocketmatte

ORIENTATION = 0x0112
# what a viewer does for each tag value, as Pillow names it; stored = the inverse of what is shown
UNDO = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def turned(photo: Path, folder: Path, tag: int) -> Path:
    """The photo stored turned, with the tag that turns it upright again; lossless."""
    upright = Image.open(photo).convert("RGB").crop((0, 0, 256, 200))
    stored = upright if UNDO[tag] is None else upright.transpose(UNDO[tag])
    exif = Image.Exif()
    exif[ORIENTATION] = tag
    path = folder / f"tag{tag}.png"
    stored.save(path, exif=exif)
    return path


@pytest.mark.parametrize("tag", UNDO)
def test_all_eight_orientations_give_the_same_upright_pixels(cli, photo, tmp_path, tag):
    upright = np.asarray(Image.open(photo).convert("RGB").crop((0, 0, 256, 200)))
    expected = pocketmatte.cut_out(upright)
    path = turned(photo, tmp_path, tag)

    assert cli("run", path).code == 0
    written = Image.open(path.with_name(f"tag{tag}-cutout.png"))
    assert ORIENTATION not in written.getexif()
    assert np.array_equal(np.asarray(written), expected)

    assert np.array_equal(np.asarray(pocketmatte.cut_out(Image.open(path))), expected)
    by_path = pocketmatte.cut_out(path, tmp_path / f"python{tag}.png")
    assert np.array_equal(np.asarray(Image.open(by_path)), expected)


@pytest.mark.parametrize("kind", ["fast", "ml"])
def test_foreground_estimation_changes_colours_and_never_alpha(photo, kind):
    pixels = np.asarray(Image.open(photo))
    plain = pocketmatte.cut_out(pixels, foreground="none")
    clean = pocketmatte.cut_out(pixels, foreground=kind)
    assert np.array_equal(plain[..., 3], clean[..., 3])
    band = (plain[..., 3] > 12) & (plain[..., 3] < 243)
    assert band.sum() > 200
    assert np.abs(plain[..., :3][band].astype(int) - clean[..., :3][band]).mean() > 2


def test_nothing_is_stretched_by_its_own_minimum_and_maximum():
    """A picture without anybody must stay nearly empty, whatever little the network sees in it (REQ-3)."""
    noise = np.random.default_rng(5).integers(100, 140, (120, 160, 3), np.uint8)
    alpha = pocketmatte.cut_out(noise, look="alpha")
    assert alpha.mean() < 0.1 * 255
    assert alpha.max() < 255
