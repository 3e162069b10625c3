"""Backdrops: fit modes by hand-made pictures, clips at exact times."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest

from pocketmatte.core import Frame, PocketmatteError, Size
from pocketmatte.effects.backdrop import FITS, ClipBackdrop, PictureBackdrop, fit_picture, read_depth

SIZES = [(1, 1), (1, 200), (200, 1), (7, 5), (90, 160)]


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("source", SIZES)
def test_any_size_and_constants_stay(fit: str, size: tuple[int, int], source: tuple[int, int]) -> None:
    picture = np.full((*source, 3), (10, 200, 90), np.uint8)
    fitted = fit_picture(picture, Size(*size), fit)
    assert fitted.shape == (*size, 3)
    assert fitted.flags.c_contiguous
    assert np.abs(fitted.astype(int) - (10, 200, 90)).max() <= 1


def ring() -> np.ndarray:
    """A wide picture with a bright disc in its middle and red ends."""
    y, x = np.mgrid[:100, :300]
    picture = np.zeros((100, 300, 3), np.uint8)
    picture[np.hypot(y - 49.5, x - 149.5) < 30] = 255
    picture[:, :20] = picture[:, 280:] = (255, 0, 0)
    return picture


def extent(fitted: np.ndarray) -> tuple[int, int]:
    """Height and width of the bright disc."""
    rows, columns = np.nonzero(fitted[..., 1] > 128)
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


def test_each_fit_does_what_its_name_says() -> None:
    size = Size(200, 200)
    cover = fit_picture(ring(), size, "cover")
    assert extent(cover) == pytest.approx((120, 120), abs=3)
    assert cover[..., 0].min(axis=0)[0] == 0  # the red ends are cut off
    contain = fit_picture(ring(), size, "contain")
    assert extent(contain[67:133]) == pytest.approx((40, 40), abs=3)
    assert (contain[100, 2] == (255, 0, 0)).all()
    assert (contain[100, 197] == (255, 0, 0)).all()
    assert contain[0].max() < 128  # blurred, not black bars; the disc does not reach the edge
    stretch = fit_picture(ring(), size, "stretch")
    assert extent(stretch) == pytest.approx((120, 40), abs=3)
    tile = fit_picture(ring(), size, "tile")
    np.testing.assert_array_equal(tile[:100, :200], ring()[:, :200])
    np.testing.assert_array_equal(tile[100:], tile[:100])


def test_a_picture_is_fitted_once_per_size() -> None:
    backdrop = PictureBackdrop(ring())
    first = backdrop.at(Size(90, 160), None)
    assert backdrop.at(Size(90, 160), Fraction(3)) is first
    assert backdrop.at(Size(80, 160), None).shape == (80, 160, 3)


class Clip:
    """Frames whose grey level is their number, at the given times; counts passes and frames held."""

    def __init__(self, times: list[Fraction], last: Fraction | None) -> None:
        self.times, self._last, self.passes, self.made, self.done = times, last, 0, 0, False

    @property
    def last_duration(self) -> Fraction | None:
        return self._last if self.done else None

    def __iter__(self) -> Iterator[Frame]:
        self.passes += 1
        self.done = False
        for i, time in enumerate(self.times):
            self.made += 1
            yield Frame(np.full((4, 6, 3), i, np.uint8), time, i)
        self.done = True


def shown(backdrop: ClipBackdrop, *times: Fraction) -> list[int]:
    return [int(backdrop.at(Size(4, 6), t)[0, 0, 0]) for t in times]


def test_the_latest_frame_that_is_not_in_the_future() -> None:
    clip = Clip([Fraction(n, 10) for n in (0, 1, 3, 6)], Fraction(4, 10))
    backdrop = ClipBackdrop(clip)
    tick = Fraction(1, 1_000_000)
    assert shown(backdrop, Fraction(0)) == [0]
    assert shown(backdrop, Fraction(1, 10) - tick, Fraction(1, 10), Fraction(3, 10) - tick) == [0, 1, 1]
    assert shown(backdrop, Fraction(3, 10), Fraction(6, 10), Fraction(1) - tick) == [2, 3, 3]
    assert clip.passes == 1
    assert shown(backdrop, Fraction(1), Fraction(11, 10), Fraction(13, 10), Fraction(2)) == [0, 1, 2, 0]
    assert clip.passes == 3


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(30000, 1001), Fraction(60)])
def test_looping_at_another_rate_keeps_exact_time(rate: Fraction) -> None:
    """Against the definition, over 40 repetitions, both clocks not starting at 0."""
    step = Fraction(1001, 25000)
    clip = Clip([Fraction(7, 3) + step * n for n in range(9)], step)
    backdrop = ClipBackdrop(clip)
    times = [Fraction(5) + n / rate for n in range(int(40 * 9 * step * rate))]
    assert shown(backdrop, *times) == [int((t - 5) % (9 * step) / step) for t in times]


def test_a_jump_of_many_lengths_costs_one_pass() -> None:
    clip = Clip([Fraction(n, 10) for n in range(5)], Fraction(1, 10))
    backdrop = ClipBackdrop(clip)
    assert shown(backdrop, Fraction(0), Fraction(1000) + Fraction(1, 5)) == [0, 2]
    assert clip.passes <= 2
    assert clip.made <= 10


def test_a_clip_that_does_not_say_how_long_its_last_frame_is_shown() -> None:
    backdrop = ClipBackdrop(Clip([Fraction(0), Fraction(1, 10), Fraction(3, 10)], None))
    tenth = Fraction(1, 10)
    assert shown(backdrop, 0 * tenth, 3 * tenth, Fraction(49, 100), 5 * tenth) == [0, 2, 2, 0]


def test_one_frame_is_a_still() -> None:
    backdrop = ClipBackdrop(Clip([Fraction(0)], None))
    assert shown(backdrop, *(Fraction(n, 7) for n in range(20))) == [0] * 20


def test_reset_starts_the_clip_again_and_photos_see_its_first_frame() -> None:
    backdrop = ClipBackdrop(Clip([Fraction(n) for n in range(5)], Fraction(1)))
    assert shown(backdrop, Fraction(10), Fraction(13)) == [0, 3]
    backdrop.reset()
    assert shown(backdrop, Fraction(40), Fraction(41)) == [0, 1]
    backdrop.reset()
    assert int(backdrop.at(Size(4, 6), None)[0, 0, 0]) == 0


def test_an_empty_clip_is_an_error() -> None:
    with pytest.raises(PocketmatteError, match="no frame"):
        ClipBackdrop(Clip([], None))


def test_depth_pictures_are_near_where_bright() -> None:
    picture = np.zeros((2, 2, 3), np.uint8)
    picture[0] = 255
    np.testing.assert_allclose(read_depth(picture), [[1, 1], [0, 0]])
