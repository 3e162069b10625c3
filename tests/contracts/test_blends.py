"""Every blend filter keeps the contract: range, type, any size, exact ends, inputs only read, a golden swatch."""

from __future__ import annotations

import numpy as np
import pytest

from pocketmatte.core import PocketmatteError
from pocketmatte.effects.blend import FILTERS, Blend, defaults, describe, parse_blend, register

SIZES = [(1, 1), (1, 97), (97, 1), (2, 3), (31, 64), (260, 340)]


class Warmer:
    """A recolourer that needs no model: more red, less blue."""

    def __call__(self, foreground: np.ndarray, alpha: np.ndarray, background: np.ndarray) -> np.ndarray:
        return np.clip(foreground.astype(int) + np.array([20, 0, -20]), 0, 255).astype(np.uint8)

    def reset(self) -> None:
        """Remembers nothing."""


def call(name: str, foreground: np.ndarray, alpha: np.ndarray, background: np.ndarray, **options: float) -> np.ndarray:
    blend = Blend(name, tuple(options.items()))
    return blend(foreground, alpha, background, image=foreground, harmonizer=Warmer())


def scene(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    front, back = rng.integers(0, 256, (2, *size, 3), dtype=np.uint8)
    return front, rng.random(size).astype(np.float32), back


@pytest.fixture(params=sorted(FILTERS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("size", SIZES)
def test_shape_and_type_at_any_size(name: str, size: tuple[int, int]) -> None:
    front, alpha, back = scene(size)
    for matte in (alpha, np.zeros_like(alpha), np.ones_like(alpha), (alpha > 0.5).astype(np.float32)):
        result = call(name, front, matte, back)
        assert result.shape == front.shape
        assert result.dtype == np.uint8


def test_nobody_leaves_the_background_alone(name: str) -> None:
    front, alpha, back = scene((40, 50))
    np.testing.assert_array_equal(call(name, front, np.zeros_like(alpha), back), back)


@pytest.mark.parametrize("plain", [0, 128, 255])
def test_flat_pictures_give_finite_colours(name: str, plain: int) -> None:
    """A flat person on a flat wall, with all of the strength: no division by zero, no noise."""
    front = np.full((40, 50, 3), 90, np.uint8)
    back = np.full((40, 50, 3), plain, np.uint8)
    alpha = np.zeros((40, 50), np.float32)
    alpha[10:, 15:35] = 1
    strong = {"strength": 1.0} if "strength" in defaults(name) else {}
    with np.errstate(all="raise", under="ignore"):
        result = call(name, front, alpha, back, **strong)
    assert result[14:, 19:31].reshape(-1, 3).std(axis=0).max() <= 1.5
    np.testing.assert_array_equal(result[:, :15], back[:, :15])


def test_inputs_are_only_read_and_calls_do_not_depend_on_each_other(name: str) -> None:
    given = scene((60, 80))
    for array in given:
        array.flags.writeable = False
    first = call(name, *given)
    call(name, *scene((33, 20)))
    second = call(name, *given)
    np.testing.assert_array_equal(first, second)
    assert not any(np.shares_memory(first, array) for array in given)


def test_every_option_is_accepted_and_has_an_effect(name: str) -> None:
    front, alpha, back = scene((60, 80))
    front = front // 2 + 20
    usual = call(name, front, alpha, back)
    for key, value in defaults(name).items():
        changed = {"blur": 0.05, "linear": True, "strength": 0.1, "e0": 0.6, "e1": 0.35}[key]
        assert changed != value
        assert np.abs(call(name, front, alpha, back, **{key: changed}).astype(int) - usual).max() > 3, key


def test_the_description_is_one_sentence(name: str) -> None:
    assert 10 < len(describe(name)) < 140
    assert "\n" not in describe(name)


# A red-brown person on a blue-green background: colour of the person, of its soft rim and of the background.
SWATCH = {
    "alpha": ((180, 110, 80), (110, 115, 115)),
    "smoothstep": ((180, 110, 80), (110, 115, 115)),
    "color-transfer": ((131, 116, 115), (86, 118, 132)),
    "seamless": ((110, 115, 115), (75, 117, 132)),
    "multiply": ((28, 52, 47), (34, 86, 98)),
    "screen": ((192, 178, 183), (116, 149, 166)),
    "overlay": ((56, 104, 111), (48, 112, 130)),
    "soft-light": ((65, 111, 127), (52, 116, 139)),
    "harmonize": ((200, 110, 60), (120, 115, 105)),
}


def test_golden_swatch(name: str) -> None:
    assert set(SWATCH) == set(FILTERS), "a new filter needs a line here"
    front, back = np.empty((64, 64, 3), np.uint8), np.empty((64, 64, 3), np.uint8)
    front[:], back[:] = (180, 110, 80), (40, 120, 150)
    alpha = np.zeros((64, 64), np.float32)
    alpha[16:48, 16:48] = 0.5
    alpha[24:40, 24:40] = 1
    result = call(name, front, alpha, back).astype(int)
    person, rim = SWATCH[name]
    assert np.abs(result[32, 32] - person).max() <= 3
    assert np.abs(result[20, 32] - rim).max() <= 3
    assert (result[4, 4] == (40, 120, 150)).all()


def test_parsing() -> None:
    assert parse_blend("alpha") == Blend()
    assert parse_blend("alpha").plain
    assert parse_blend("smoothstep:e0=0.2,e1=0.4").options == (("e0", 0.2), ("e1", 0.4))
    assert parse_blend("alpha:linear,blur=0.01").options == (("blur", 0.01), ("linear", True))
    assert parse_blend("alpha:linear=0").options == (("linear", False),)
    assert hash(parse_blend("multiply:strength=0.5")) == hash(parse_blend("multiply:strength=0.5"))


def test_an_unknown_filter_lists_the_known_ones() -> None:
    with pytest.raises(PocketmatteError, match="unknown blend filter 'glue'") as caught:
        parse_blend("glue")
    for name in FILTERS:
        assert name in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("alpha:size=3", "no option 'size'; it has: blur, linear"),
        ("alpha:blur", "a number from 0 to 0.1 for blur, found ''"),
        ("alpha:blur=wide", "found 'wide'"),
        ("alpha:blur=nan", "found 'nan'"),
        ("alpha:blur=70", "from 0 to 0.1 for blur, found '70'"),
        ("alpha:linear=0.5", "expected linear, linear=1 or linear=0, found '0.5'"),
        ("alpha:linear=maybe", "expected linear, linear=1 or linear=0, found 'maybe'"),
        ("alpha:linear=", "expected linear, linear=1 or linear=0, found ''"),
        ("screen:strength=-1", "from 0 to 1 for strength, found '-1'"),
        ("seamless:strength=7", "from 0 to 1 for strength, found '7'"),
        ("color-transfer:strength=inf", "from 0 to 1"),
        ("multiply:strength=0.2,strength=0.9", "strength is given twice"),
        ("smoothstep:e0=5,e1=9", "from 0 to 1 for e0, found '5'"),
        ("smoothstep:e0=0.7,e1=0.3", "expected e0 below e1, found e0=0.7 and e1=0.3"),
        ("smoothstep:e0=0.8", "expected e0 below e1, found e0=0.8 and e1=0.7"),
        ("harmonize:harmonizer=1", "no option 'harmonizer'"),
    ],
)
def test_bad_options_say_what_was_expected(text: str, message: str) -> None:
    with pytest.raises(PocketmatteError, match=message):
        parse_blend(text)


def test_a_name_is_registered_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        register("alpha")(FILTERS["alpha"])
