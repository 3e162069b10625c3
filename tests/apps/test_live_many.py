"""``pocketmatte live`` with several sources."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from pocketmatte.apps.jobs import Settings
from pocketmatte.apps.live_controls import Controls
from pocketmatte.apps.live_many import ManyShow, ManyWishes
from pocketmatte.core import Frame, Size
from pocketmatte.effects.looks import parse_look
from pocketmatte.io.tile import make_grid, tile
from pocketmatte.io.video_source import VideoSource
from pocketmatte.pipeline.lanes import Lanes
from pocketmatte.spec import InputSpec, OutputSpec
from tests.apps.conftest import ASTRONAUT
from tests.io.video_clips import moving, vfr_times, write_clip
from tests.pipeline.numbered import SIZE, NumberedCamera, ReadingSession
from tests.pipeline.test_pipeline import spec_like


@pytest.fixture
def clips(tmp_path) -> list[Path]:
    portrait = cv2.resize(cv2.imread(str(ASTRONAUT)), (160, 160), interpolation=cv2.INTER_AREA)[..., ::-1]
    paths = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    write_clip(
        paths[0], range(6), Fraction(1, 10), lambda n: np.roll(portrait, 4 * n, 1), rate=Fraction(10), audio="aac"
    )
    turned = np.ascontiguousarray(portrait[:, ::-1])
    write_clip(paths[1], range(3), Fraction(1, 5), lambda n: np.roll(turned, 4 * n, 1), rate=Fraction(5))
    return paths


def pictures(path):
    with VideoSource(path) as source:
        return [frame.image for frame in source], source.has_audio


def green(corner) -> bool:
    return bool(np.abs(corner.astype(int) - (0, 255, 0)).mean() < 14)


def command(clips, *sinks, layout="tile"):
    base = [x for clip in clips for x in ("--source", clip)] + [x for sink in sinks for x in ("--sink", sink)]
    return ["live", *base, "--layout", layout, "--look", "color:#00FF00", "--json"]


def test_two_files_side_by_side(cli, clips, tmp_path):
    target = tmp_path / "out.mp4"
    answer = cli(*command(clips, target))
    assert answer.code == 0, answer.err
    figures = json.loads(answer.out)
    assert (figures["state"], figures["frames"], figures["sources"]) == ("ended", 6, [6, 3])
    assert (figures["batch"], figures["inferences"]) == (1, 9)
    shown, sound = pictures(target)
    assert sound  # of the first
    assert [picture.shape for picture in shown] == [(160, 320, 3)] * 6
    assert all(green(picture[:20, :20]) for picture in shown)
    assert all(green(picture[:20, 300:]) for picture in shown[:5])
    assert shown[-1][:, 160:].mean() < 8  # the second ended before


def test_every_frame_of_files_with_a_variable_rate_is_used(cli, tmp_path):
    """Both change between 24 and 60 frames a second, which their average rate says nothing about."""
    tick, clips, target = Fraction(1, 90_000), [tmp_path / "a.mp4", tmp_path / "b.mkv"], tmp_path / "out.mp4"
    times = vfr_times(tick, 2)
    for clip in clips:
        write_clip(clip, times, tick, moving)
    answer = cli(*command(clips, target))
    assert answer.code == 0, answer.err
    figures = json.loads(answer.out)
    count = len(times)
    assert (figures["frames"], figures["lost"], figures["sources"]) == (count, 0, [count, count])
    with VideoSource(target) as source:
        shown = [frame.pts for frame in source]
    assert len(shown) == count
    assert all(abs(float(pts - time * tick)) < 0.002 for pts, time in zip(shown, times, strict=True))


def test_each_file_to_its_own(cli, clips, tmp_path):
    targets = [tmp_path / "one.mp4", tmp_path / "two.mp4"]
    answer = cli(*command(clips, *targets, layout="separate"))
    assert answer.code == 0, answer.err
    assert [len(pictures(target)[0]) for target in targets] == [6, 3]
    assert [pictures(target)[1] for target in targets] == [True, False]
    assert all(green(picture[:20, :20]) for picture in pictures(targets[0])[0])


def test_clips_at_camera_pace(cli, clips, tmp_path):
    target = tmp_path / "out.mp4"
    answer = cli(*command([f"clip:{clip}" for clip in clips], target))
    assert answer.code == 0, answer.err
    figures = json.loads(answer.out)
    assert not figures["exact"]
    assert all(count >= 1 for count in figures["sources"])
    assert {picture.shape for picture in pictures(target)[0]} == {(160, 320, 3)}


# The loop with synthetic cameras.


class Watched:
    """A sink that counts its pictures; somebody looks from the time when it was asked ``after`` times."""

    def __init__(self, after: float) -> None:
        self.shapes: list[tuple[int, ...]] = []
        self.asked, self.after, self.notes = 0, after, []

    def write(self, frame: Frame) -> None:
        self.shapes.append(frame.image.shape)

    def wanted(self) -> bool:
        self.asked += 1
        return self.asked > self.after

    def close(self) -> None:
        pass


NEVER, ALWAYS = float("inf"), 0


def show(cameras, sinks, layout="tile", exact=False):
    spec = spec_like(input=InputSpec("image", SIZE), output=OutputSpec("alpha"), states=())
    wishes = ManyWishes(("a", "b"), ("x",) * len(sinks), layout)
    with Lanes(ReadingSession(), spec, len(cameras), refine="bilinear", foreground="none") as lanes:
        controls = [Controls(Settings(parse_look("color:#000000"))) for _ in cameras]
        run = ManyShow(wishes, cameras, lanes, controls, exact)
        run.sinks = dict(enumerate(sinks))
        assert run.run() == 0
    return run, lanes.meeting.runs


def cameras(count=20, rate: Fraction | None = Fraction(100)):
    return [NumberedCamera(count, rate) for _ in range(2)]


@pytest.mark.parametrize(("layout", "sinks"), [("tile", 1), ("separate", 2)])
def test_while_nobody_looks_nothing_is_inferred(layout, sinks, capsys):
    found = [Watched(NEVER) for _ in range(sinks)]
    run, inferences = show(cameras(), found, layout)
    assert inferences == 0
    assert run.counts == [0, 0]
    assert all(sink.asked and not sink.shapes for sink in found)


def test_who_looks_later_sees_what_comes_then(capsys):
    sink = Watched(10)
    run, inferences = show(cameras(100), [sink])
    assert 0 < inferences == sum(run.counts) <= 2 * 100 - 5  # a round asks twice at most
    assert set(sink.shapes) == {(16, 128, 3)}


def test_of_two_pictures_only_the_one_that_is_looked_at_is_made(capsys):
    seen, unseen = Watched(ALWAYS), Watched(NEVER)
    run, inferences = show(cameras(), [unseen, seen], "separate")
    assert run.counts[0] == 0
    assert inferences == run.counts[1] == len(seen.shapes) > 0
    assert unseen.shapes == []


def test_files_wait_until_somebody_looks(capsys):
    sink = Watched(3)
    run, _ = show(cameras(rate=None), [sink], exact=True)
    assert run.counts == [20, 20]
    assert len(sink.shapes) == 20
    assert sink.asked > sink.after


def test_what_does_not_go_together_is_said(cli, clips, tmp_path):
    answer = cli(*command(clips, tmp_path / "out.mp4", layout="separate"))
    assert answer.code == 1
    assert "one --sink for every --source: found 1 for 2" in answer.err
    answer = cli(*command([clips[0], tmp_path / "gone.mp4"], tmp_path / "out.mp4"))
    assert answer.code == 1
    assert "gone.mp4: no such video file" in answer.err
    answer = cli(*command(clips, tmp_path / "out.mp4"), "--lower", "base")
    assert "--lower has no effect here: it goes with one --source" in answer.err
    answer = cli(*command(clips, tmp_path / "out.mp4"), "--every", "2")
    assert "--every has no effect here: it goes with one --source" in answer.err
    assert not (tmp_path / "out.mp4").exists()


def test_grids():
    assert make_grid(2, Size(480, 640)).size == (480, 1280)
    assert (make_grid(5, Size(100, 100)).rows, make_grid(5, Size(100, 100)).columns) == (2, 3)
    four = make_grid(4, Size(1080, 1920))
    assert (four.size, four.cell) == ((1080, 1920), (540, 960))
    assert make_grid(1, Size(95, 127)).cell == (94, 126)


def test_a_tile_keeps_the_shape_of_its_pictures():
    grid = make_grid(3, Size(40, 40))
    wide = np.full((20, 40, 3), 200, np.uint8)
    whole = tile([wide, None, np.full((40, 40, 3), 90, np.uint8)], grid)
    assert whole.shape == (80, 80, 3)
    assert np.array_equal(whole[10:30, :40], wide)
    assert not whole[:9, :40].any()
    assert not whole[:40, 40:].any()
    assert (whole[40:, :40] == 90).all()
