"""The renderer: every look at any size, depth from the matte, colours of the person untouched."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest

from pocketmatte.core import Matte, Size
from pocketmatte.effects.blend import parse_blend
from pocketmatte.effects.depth import defocus_from_depth, defocus_from_matte
from pocketmatte.effects.looks import LOOKS, Look, parse_look
from pocketmatte.effects.presets import parse_preset
from pocketmatte.effects.render import Renderer

SIZES = [(1, 1), (1, 200), (200, 1), (7, 5), (90, 160)]


def renderer(kind: str, **options: object) -> Renderer:
    backdrop = np.full((30, 40, 3), (0, 90, 200), np.uint8) if kind in ("image", "video") else None
    text = {"color": "color:#0050a0", "image": "image:x.png", "video": "video:x.mp4"}.get(kind, kind)
    return Renderer(parse_look(text), backdrop, **options)


@pytest.mark.parametrize("kind", LOOKS)
@pytest.mark.parametrize("size", SIZES)
def test_every_look_at_any_size(kind: str, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    for alpha in (np.zeros(size), np.ones(size), rng.random(size)):
        matte = Matte(alpha.astype(np.float32), None, Fraction(0))
        for array in (image, matte.alpha):
            array.flags.writeable = False
        drawn = renderer(kind).draw(image, matte)
        assert drawn.dtype == np.uint8
        assert drawn.shape == {"alpha": size, "rgba": (*size, 4)}.get(kind, (*size, 3))
        if kind != "alpha" and (alpha == 1).all():
            np.testing.assert_array_equal(drawn[..., :3], image)


@pytest.mark.parametrize("kind", [k for k in LOOKS if k not in ("alpha", "rgba")])
def test_nothing_of_a_blazing_person_glows_into_the_background(kind: str) -> None:
    alpha = cv2.GaussianBlur(cv2.circle(np.zeros((180, 240), np.float32), (120, 90), 50, 1, -1), (0, 0), 2)
    a = alpha[..., None]
    person, wall = np.full((180, 240, 3), 255, np.uint8), np.full((180, 240, 3), 40, np.uint8)
    image = (person * a + wall * (1 - a) + 0.5).astype(np.uint8)
    drawn = renderer(kind).draw(image, Matte(alpha, person))
    nobody = renderer(kind).draw(wall, Matte(np.zeros_like(alpha), wall))
    outside = alpha == 0
    assert np.abs(drawn[outside].astype(int) - nobody[outside]).mean() < 1
    # On the soft rim the result is the person over the same background: no dark or bright fringe.
    expected = person * a + nobody * (1 - a)
    rim = (alpha > 0.05) & (alpha < 0.95)
    assert np.abs(drawn[rim] - expected[rim]).mean() < 6


def test_blend_and_preset_are_applied() -> None:
    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    alpha = np.zeros((60, 80), np.float32)
    alpha[20:, 20:60] = 1
    matte = Matte(alpha, image)
    plain = renderer("image").draw(image, matte)
    mixed = renderer("image", blend=parse_blend("multiply")).draw(image, matte)
    assert (mixed[20:, 20:60] <= plain[20:, 20:60]).all()
    np.testing.assert_array_equal(mixed[:20], plain[:20])
    sepia = parse_preset("sepia")
    assert sepia is not None
    np.testing.assert_array_equal(renderer("image", preset=sepia).draw(image, matte), sepia(plain))
    cut = renderer("rgba", preset=sepia).draw(image, matte)
    np.testing.assert_array_equal(cut[30, 30, :3], sepia(image)[30, 30])


def test_a_missing_part_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="backdrop"):
        Renderer(Look("image"))
    with pytest.raises(ValueError, match="backdrop"):
        Renderer(Look("blur"), np.zeros((1, 1, 3), np.uint8))
    with pytest.raises(ValueError, match="needs a harmonizer"):
        Renderer(Look("blur"), blend=parse_blend("harmonize"))


class Recorder:
    """Recolours nothing; counts."""

    def __init__(self) -> None:
        self.calls, self.resets = 0, 0

    def __call__(self, foreground: np.ndarray, alpha: np.ndarray, background: np.ndarray) -> np.ndarray:
        self.calls += 1
        return foreground

    def reset(self) -> None:
        self.resets += 1


def test_reset_reaches_backdrop_and_harmonizer() -> None:
    class Backdrop:
        resets = 0

        def at(self, size: Size, pts: Fraction | None) -> np.ndarray:
            return np.zeros((*size, 3), np.uint8)

        def reset(self) -> None:
            self.resets += 1

    backdrop, harmonizer = Backdrop(), Recorder()
    drawing = Renderer(Look("image"), backdrop, blend=parse_blend("harmonize"), harmonizer=harmonizer)
    drawing.draw(np.zeros((4, 5, 3), np.uint8), Matte(np.ones((4, 5), np.float32)))
    drawing.reset()
    assert (harmonizer.calls, harmonizer.resets, backdrop.resets) == (1, 1, 1)


def standing(feet: int) -> np.ndarray:
    """Somebody in a picture of 200 rows, head at row 40."""
    alpha = np.zeros((200, 120), np.float32)
    alpha[40:feet, 50:70] = 1
    return alpha


def test_blur_grows_from_the_feet_to_the_horizon() -> None:
    defocus = defocus_from_matte(standing(160))[:, 10]
    assert defocus[159] < 0.02
    horizon = 40 + 0.1 * 120
    assert (defocus[: int(horizon)] == 1).all()
    assert (np.diff(defocus[int(horizon) : 160]) <= 0).all()
    assert defocus[106] == pytest.approx(0.5, abs=0.02)  # half way between horizon and feet
    assert defocus[199] > 0.2  # nearer than the person: out of focus again
    assert (defocus >= 0).all()
    assert (defocus <= 1).all()


def test_of_a_half_figure_all_of_the_background_is_blurred() -> None:
    defocus = defocus_from_matte(standing(200))
    assert defocus.min() > 0.5
    assert defocus[:50].min() == 1
    assert (np.diff(defocus[:, 0]) <= 0).all()
    assert (defocus_from_matte(np.zeros((20, 30), np.float32)) == 1).all()


def test_a_depth_picture_sets_the_focus_on_the_person() -> None:
    depth = np.tile(np.linspace(0, 1, 120, dtype=np.float32), (100, 1))  # far left, near right
    alpha = np.zeros((200, 120), np.float32)
    alpha[50:150, 58:62] = 1
    defocus = defocus_from_depth(depth, alpha)
    assert defocus.shape == (200, 120)
    assert defocus[:, 60].max() < 0.03
    assert defocus[0, 0] == pytest.approx(1, abs=0.03)
    assert defocus[0, 119] == pytest.approx(1, abs=0.03)
    assert defocus[0, 90] == pytest.approx(0.5, abs=0.03)


def test_the_depth_look_uses_the_depth_picture() -> None:
    image = np.random.default_rng(0).integers(0, 256, (100, 120, 3), dtype=np.uint8)
    alpha = np.zeros((100, 120), np.float32)
    alpha[40:100, 50:70] = 1
    near = np.zeros((100, 120), np.float32)
    near[:, 45:] = 0.8  # the right is as near as the person
    drawn = Renderer(parse_look("depth:0.05"), depth=near).draw(image, Matte(alpha))
    np.testing.assert_array_equal(drawn[:, 80:], image[:, 80:])
    assert drawn[:, :40].std() < 0.5 * image[:, :40].std()


@pytest.mark.parametrize("blend", ["alpha", "smoothstep"])
@pytest.mark.parametrize("kind", LOOKS)
def test_a_renderer_that_estimates_draws_what_a_coloured_matte_gives(kind: str, blend: str) -> None:
    rng = np.random.default_rng(0)
    image = cv2.GaussianBlur(rng.integers(0, 256, (90, 160, 3), dtype=np.uint8), (0, 0), 3)
    alpha = np.clip(cv2.GaussianBlur(rng.random((90, 160), dtype=np.float32), (0, 0), 6) * 20 - 9.5, 0, 1)
    filter_ = {"blend": parse_blend(blend)} if kind not in ("rgba", "alpha") else {}
    bare = Matte(alpha, None, Fraction(0))
    drawing = renderer(kind, estimate=True, **filter_)
    coloured = drawing.with_colours(image, bare)
    assert coloured.foreground is not None
    expected = renderer(kind, **filter_).draw(image, coloured)
    assert np.abs(drawing.draw(image, bare).astype(int) - expected).max() <= 2
    np.testing.assert_array_equal(drawing.draw(image, coloured), expected)
    assert renderer(kind, **filter_).with_colours(image, bare) is bare
