"""Parsing of looks and presets, and what the presets do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pocketmatte.core import PocketmatteError
from pocketmatte.effects.looks import LOOKS, Look, parse_look
from pocketmatte.effects.presets import PRESETS, Preset, parse_preset

SIZES = [(1, 1), (1, 200), (200, 1), (7, 5), (90, 160)]


@pytest.mark.parametrize(
    ("text", "look", "word"),
    [
        ("rgba", Look("rgba"), "cutout"),
        ("alpha", Look("alpha"), "alpha"),
        ("blur", Look("blur", amount=0.02), "blur"),
        ("blur:0.1", Look("blur", amount=0.1), "blur"),
        ("bokeh", Look("bokeh", amount=0.025), "bokeh"),
        ("depth:0", Look("depth"), "depth"),
        ("pixelate:20", Look("pixelate", amount=20), "pixelate"),
        ("color:#0a0B0c", Look("color", (10, 11, 12)), "color"),
        ("color:ffffff", Look("color", (255, 255, 255)), "color"),
        ("image:a:b.png", Look("image", path=Path("a:b.png")), "image"),
        ("video:sea.mp4", Look("video", path=Path("sea.mp4")), "video"),
    ],
)
def test_looks(text: str, look: Look, word: str) -> None:
    assert parse_look(text) == look
    assert parse_look(text).word == word
    assert look.has_background == (look.kind not in ("rgba", "alpha"))


@pytest.mark.parametrize("text", ["", "fog", "image:", "video", "rgba:1", "alpha:x"])
def test_an_unknown_look_lists_the_known_ones(text: str) -> None:
    with pytest.raises(PocketmatteError, match="unknown look") as caught:
        parse_look(text)
    assert all(form in str(caught.value) for form in LOOKS.values())


@pytest.mark.parametrize("text", ["blur:9", "blur:-0.1", "bokeh:x", "depth:nan", "pixelate:0", "color:red"])
def test_bad_values_say_what_was_expected(text: str) -> None:
    with pytest.raises(PocketmatteError, match="expected"):
        parse_look(text)


@pytest.mark.parametrize("text", [*PRESETS, "sepia:0.3", "curve:0 40 255 200", "kuwahara:1", "kuwahara:40"])
@pytest.mark.parametrize("size", SIZES)
def test_presets_keep_size_and_input(text: str, size: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    picture.flags.writeable = False
    preset = parse_preset(text)
    assert preset is not None
    result = preset(picture)
    assert result.shape == picture.shape
    assert result.dtype == np.uint8
    assert not np.shares_memory(result, picture)
    np.testing.assert_array_equal(preset(picture), result)


def test_sepia_is_brown_and_has_an_amount() -> None:
    grey = np.full((2, 2, 3), 128, np.uint8)
    assert (Preset("sepia")(grey)[0, 0] == (173, 154, 120)).all()
    np.testing.assert_array_equal(Preset("sepia", "0")(grey), grey)
    red, green, blue = Preset("sepia")(np.full((1, 1, 3), (20, 60, 200), np.uint8))[0, 0].astype(int)
    assert red > green > blue


def test_the_curve_goes_through_its_points_and_the_default_adds_contrast() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    np.testing.assert_array_equal(Preset("curve", "0 0 255 255")(ramp), ramp)
    np.testing.assert_array_equal(Preset("curve", "0,255,255,0")(ramp), 255 - ramp)
    usual = Preset("curve")(ramp)[0, :, 0].astype(int)
    assert usual[64] < 64
    assert usual[192] > 192
    assert (np.diff(usual) >= 0).all()


def test_kuwahara_calms_texture_and_keeps_edges() -> None:
    rng = np.random.default_rng(0)
    picture = np.full((120, 160, 3), 60, np.uint8)
    picture[:, 80:] = 190
    noisy = np.clip(picture + rng.normal(0, 12, picture.shape), 0, 255).astype(np.uint8)
    result = Preset("kuwahara", "24")(noisy).astype(int)
    error = np.abs(result - picture)
    assert error[:, :76].mean() < 0.4 * np.abs(noisy.astype(int) - picture).mean()
    assert error[:, 79:81].mean() < 8  # a plain mean would be off by 65 here
    assert np.abs(result[..., 0] - result[..., 1]).mean() < 6


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fog", "unknown preset 'fog'; known: none, sepia, curve, kuwahara"),
        ("sepia:2", "a number from 0 to 1, found '2'"),
        ("curve:3", "at least two points"),
        ("curve:9 9 3 3", "rising X"),
        ("curve:0 0 255 300", "from 0 to 255, found '300'"),
        ("kuwahara:x", "from 1 to 50, found 'x'"),
    ],
)
def test_bad_presets_say_what_was_expected(text: str, message: str) -> None:
    with pytest.raises(PocketmatteError, match=message):
        parse_preset(text)


def test_none_is_no_preset() -> None:
    assert parse_preset("none") is None
