"""A camera that paints the number of every frame proves which mask belongs to which picture."""

import time
from fractions import Fraction

import pytest

from pocketmatte.core import Frame, PocketmatteError
from pocketmatte.pipeline.pipeline import Pipeline
from pocketmatte.pipeline.scheduler import MODES, schedule
from pocketmatte.spec import InputSpec, OutputSpec
from tests.pipeline.numbered import SIZE, NumberedCamera, ReadingSession, painted, read_number
from tests.pipeline.test_pipeline import spec_like

COUNT = 60


def reading_pipeline(delay=0.0) -> Pipeline:
    spec = spec_like(input=InputSpec("image", SIZE), output=OutputSpec("alpha"), states=())
    return Pipeline(ReadingSession(delay), spec, refine="bilinear", foreground="none")


def watch(mode, camera, delay, pause=0.0, grace=0.0):
    """Numbers of picture and mask of every pair: ``(painted, seen in the mask, seen_in)``."""
    pipeline = reading_pipeline(delay)
    found = []
    for pair in schedule(camera, pipeline.look, mode, grace):
        number = read_number(pair.frame.image[..., 0] / 255)
        assert number == pair.frame.index
        if pair.seen is None:
            found.append((number, None, None))
            continue
        matte = pipeline.finish(pair.frame, pair.seen)
        seen = read_number(matte.alpha)
        assert seen == pair.seen.index == pair.seen_in
        assert matte.pts == pair.seen.pts == Fraction(seen) / camera.rate
        found.append((number, seen, pair.lag))
        time.sleep(pause)
    return found


@pytest.mark.parametrize("rate", [None, Fraction(200)])
@pytest.mark.parametrize("pause", [0.0, 0.004])
def test_exact_shows_every_frame_with_its_own_mask(rate, pause):
    found = watch("exact", NumberedCamera(COUNT, rate), 0.002, pause)
    assert found == [(n, n, 0) for n in range(COUNT)]


@pytest.mark.parametrize("pause", [0.0, 0.02])
def test_synced_never_pairs_a_mask_with_another_frame(pause):
    found = watch("synced", NumberedCamera(COUNT, Fraction(200)), 0.02, pause)
    assert all(number == seen for number, seen, _ in found)
    numbers = [number for number, _, _ in found]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == COUNT - 1  # what came last is shown
    assert len(numbers) < COUNT  # a camera faster than the network loses frames, and only those


def test_live_shows_frames_while_the_network_is_busy():
    found = watch("live", NumberedCamera(COUNT, Fraction(200)), 0.1)
    assert found[0][1] is None  # nothing is known yet: the caller covers the picture
    masks = {seen for _, seen, _ in found if seen is not None}
    assert len(found) > len(masks) + 1  # the pictures did not wait for the masks
    lags = [number - seen for number, seen, _ in found if seen is not None]
    assert min(lags) >= 0  # a mask never comes from the future
    assert max(lags) > 1


def test_live_with_grace_waits_for_the_frames_own_mask():
    found = watch("live", NumberedCamera(20, Fraction(20)), 0.001, grace=5.0)
    pairs = [(number, seen) for number, seen, _ in found if seen is not None]
    assert all(seen <= number for number, seen in pairs)  # on a starved machine the network misses frames
    assert any(seen == number for number, seen in pairs)


def test_live_shows_the_newest_frame_to_a_slow_caller():
    found = watch("live", NumberedCamera(COUNT, Fraction(200)), 0.0, pause=0.05)
    numbers = [number for number, _, _ in found]
    assert numbers == sorted(set(numbers))
    assert len(numbers) < COUNT


@pytest.mark.parametrize("mode", MODES)
def test_errors_of_source_and_network_surface(mode):
    def unplugged():
        yield Frame(painted(0), Fraction(0), 0)
        raise PocketmatteError("the camera was unplugged")

    with pytest.raises(PocketmatteError, match="unplugged"):
        list(schedule(unplugged(), lambda frame: frame.index, mode))

    def broken(frame):
        raise PocketmatteError("the network broke")

    with pytest.raises(PocketmatteError, match="network broke"):
        list(schedule(NumberedCamera(1000, Fraction(500)), broken, mode))


@pytest.mark.parametrize("mode", MODES)
def test_closing_stops_reading(mode):
    camera = NumberedCamera(100_000, Fraction(1000))
    read = []

    def counted():
        for frame in camera:
            read.append(frame.index)
            yield frame

    pairs = schedule(counted(), lambda frame: frame.index, mode)
    next(pairs)
    pairs.close()
    stopped = len(read)
    time.sleep(0.05)
    assert len(read) == stopped


def test_an_unknown_mode_is_refused():
    with pytest.raises(PocketmatteError, match="unknown mode 'fast'; known: exact, synced, live"):
        schedule([], lambda frame: 0, "fast")
