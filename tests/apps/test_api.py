"""``pocketmatte.cut_out``: the kind that goes in comes out."""

import numpy as np
import pytest
from PIL import Image

import pocketmatte


def test_path_in_path_out(photo):
    path = pocketmatte.cut_out(photo)
    assert path == photo.with_name("photo-cutout.png")
    assert Image.open(path).mode == "RGBA"
    assert pocketmatte.cut_out(str(photo), photo.with_name("b.png"), look="blur") == photo.with_name("b.png")
    with pytest.raises(pocketmatte.PocketmatteError, match="photo-cutout"):
        pocketmatte.cut_out(photo)


def test_array_and_pil_agree_with_the_file(photo):
    pixels = np.asarray(Image.open(photo))
    array = pocketmatte.cut_out(pixels)
    assert array.shape == (256, 256, 4)
    assert array.dtype == np.uint8
    picture = pocketmatte.cut_out(Image.open(photo))
    assert picture.mode == "RGBA"
    assert np.array_equal(np.asarray(picture), array)
    assert np.array_equal(np.asarray(Image.open(pocketmatte.cut_out(photo))), array)
    assert pocketmatte.cut_out(pixels, look="alpha").shape == (256, 256)


def test_the_input_array_is_not_changed(photo):
    pixels = np.array(Image.open(photo))
    before = pixels.copy()
    pocketmatte.cut_out(pixels, look="blur")
    assert np.array_equal(pixels, before)


def test_other_kinds_are_refused():
    with pytest.raises(TypeError, match="found int"):
        pocketmatte.cut_out(3)
    with pytest.raises(TypeError, match="output goes with a path"):
        pocketmatte.cut_out(np.zeros((4, 4, 3), np.uint8), "x.png")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fit": "contain"}, "fit has no effect here: it goes with look image:PATH or video:PATH"),
        ({"look": "blur", "fit": "tile"}, "fit has no effect here"),
        ({"look": "alpha", "foreground": "none"}, "foreground has no effect here: it goes with a look that shows"),
    ],
)
def test_options_without_effect_are_refused_as_on_the_command_line(photo, options, message):
    with pytest.raises(pocketmatte.PocketmatteError, match=message):
        pocketmatte.cut_out(photo, **options)
    assert not photo.with_name("photo-cutout.png").exists()


def test_load_gives_a_pipeline_for_frames(photo):
    image = np.asarray(Image.open(photo))
    with pocketmatte.load("base") as pipeline:
        matte = pipeline.step(pocketmatte.Frame(image))
    assert matte.alpha.shape == (256, 256)
    assert matte.alpha.dtype == np.float32
    assert 0 <= matte.alpha.min() <= matte.alpha.max() <= 1
    assert matte.foreground is not None
    assert matte.foreground.shape == image.shape


def test_frames_that_are_none_are_explained():
    grey, floats = np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3))
    with pocketmatte.load("nano") as pipeline:
        for given, found in ((grey, "ndarray"), (pocketmatte.Frame([[1]]), "list")):
            with pytest.raises(TypeError, match=rf"expected a Frame of a NumPy array, Frame\(array\), found {found}"):
                pipeline.step(given)
        for image, found in (
            (grey, r"uint8 \[8, 8\]"),
            (floats, r"float64 \[8, 8, 3\]"),
            (np.zeros((8, 0, 3), "u1"), ""),
        ):
            with pytest.raises(pocketmatte.PocketmatteError, match=f"found a frame of {found}.* expected uint8 RGB"):
                pipeline.step(pocketmatte.Frame(image))


def test_public_names():
    for name in pocketmatte.__all__:
        assert getattr(pocketmatte, name) is not None
        assert name in dir(pocketmatte)
    with pytest.raises(AttributeError, match="no_such_name"):
        getattr(pocketmatte, "no_such" + "_name")
