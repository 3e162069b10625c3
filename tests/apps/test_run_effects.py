"""Every blend filter, look, fit, preset and clean-up through the command line and through Python."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pocketmatte
from pocketmatte.effects.blend import FILTERS
from pocketmatte.effects.presets import PRESETS
from pocketmatte.io.video_source import VideoSource
from pocketmatte.ops.clean import clean_matte
from pocketmatte.ops.refine import refine_guided
from tests.io.video_clips import write_clip


@pytest.fixture
def wall(tmp_path):
    path = tmp_path / "wall.png"
    y, x = np.mgrid[:90, :160]
    Image.fromarray(np.stack([x, y * 2, 200 - x], axis=2).astype(np.uint8)).save(path)
    return path


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_every_filter_gives_the_same_by_command_line_and_python(cli, photo, wall, name):
    look = f"image:{wall}"
    answer = cli("run", photo, "--look", look, "--blend", name)
    assert answer.code == 0, answer.err
    written = pixels(photo.with_name("photo-image.png"))
    made = pocketmatte.cut_out(np.asarray(Image.open(photo)), look=look, blend=name)
    np.testing.assert_array_equal(written, made)
    plain = pocketmatte.cut_out(np.asarray(Image.open(photo)), look=look)
    if name == "alpha":
        np.testing.assert_array_equal(made, plain)
    else:
        assert np.abs(made.astype(int) - plain).max() > 8


@pytest.mark.parametrize("look", ["blur:0.05", "bokeh", "depth", "pixelate:16"])
def test_looks_made_of_the_own_picture(cli, photo, look):
    answer = cli("run", photo, "--look", look)
    assert answer.code == 0, answer.err
    word = look.partition(":")[0]
    written = pixels(photo.with_name(f"photo-{word}.png"))
    original = np.asarray(Image.open(photo))
    np.testing.assert_array_equal(written, pocketmatte.cut_out(original, look=look))
    face, flag = np.s_[50:80, 100:125], np.s_[40:200, :40]
    assert np.abs(written[face].astype(int) - original[face]).max() <= 1
    assert np.abs(written[flag].astype(int) - original[flag]).mean() > 3


def test_a_depth_picture(cli, photo, tmp_path):
    depth = tmp_path / "depth.png"
    Image.new("L", (64, 64), 255).save(depth)
    assert cli("run", photo, "--look", "depth", "--depth", depth).code == 0
    sharp = pixels(photo.with_name("photo-depth.png")).astype(int)
    assert np.abs(sharp - np.asarray(Image.open(photo)))[40:200, :40].mean() < 1  # all at the person's distance
    answer = cli("run", photo, "--look", "blur", "--depth", depth)
    assert answer.code == 1
    assert "goes with look depth" in answer.err


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("look", ["rgba", "blur"])
def test_presets(cli, photo, preset, look):
    target = photo.with_name("out.png")
    answer = cli("run", photo, "--look", look, "--preset", preset, "-o", target)
    assert answer.code == 0, answer.err
    made = pocketmatte.cut_out(np.asarray(Image.open(photo)), look=look, preset=preset)
    np.testing.assert_array_equal(pixels(target), made)
    assert not np.array_equal(made, pocketmatte.cut_out(np.asarray(Image.open(photo)), look=look))


def test_fit(cli, photo, wall):
    results = []
    for fit in ("cover", "contain", "stretch", "tile"):
        target = photo.with_name(f"{fit}.png")
        assert cli("run", photo, "--look", f"image:{wall}", "--fit", fit, "-o", target).code == 0
        results.append(pixels(target))
    assert all(not np.array_equal(a, b) for i, a in enumerate(results) for b in results[:i])


def test_clean_by_command_line_and_python(cli, photo):
    original = np.asarray(Image.open(photo))
    for mode in ("off", "unsure", "holes", "islands", "both"):
        assert cli("run", photo, "--look", "alpha", "--clean", mode, "--force").code == 0
        made = pocketmatte.cut_out(original, look="alpha", clean=mode)
        np.testing.assert_array_equal(pixels(photo.with_name("photo-alpha.png")), made)
    with pytest.raises(pocketmatte.PocketmatteError, match="known: off, unsure"):
        pocketmatte.cut_out(photo, look="alpha", clean="scrub", force=True)


def test_clean_works_on_the_matte_of_the_network(photo):
    """Somebody, and a piece of somebody: what is left is the refinement of the cleaned small matte."""
    original = np.asarray(Image.open(photo))
    image = np.concatenate([original, np.full((256, 256, 3), 190, np.uint8)], axis=1)
    image[10:60, 440:490] = original[40:90, 85:135]
    with pocketmatte.load(clean="islands", foreground="none") as pipeline:
        matte, prepared = pipeline.infer(image)
        alpha = pipeline.step(pocketmatte.Frame(image)).alpha
    cleaned = clean_matte(prepared.geometry.crop(matte), "islands")
    np.testing.assert_array_equal(alpha, refine_guided(cleaned, image))


def numbered(index: int) -> np.ndarray:
    return np.full((64, 96, 3), 40 * index, np.uint8)


def test_a_video_behind_a_video_keeps_both_clocks(cli, photo, tmp_path):
    """Five frames of 0.1 s, looped, behind a clip at 24 frames per second that starts late."""
    behind, front = tmp_path / "behind.mp4", tmp_path / "front.mp4"
    write_clip(behind, [1, 2, 3, 4, 5], Fraction(1, 10), numbered, rate=Fraction(10))
    portrait = np.asarray(Image.open(photo))
    write_clip(front, [n + 6 for n in range(30)], Fraction(1, 24), lambda _: portrait, rate=Fraction(24))
    answer = cli("run", front, "--look", f"video:{behind}")
    assert answer.code == 0, answer.err
    with VideoSource(tmp_path / "front-video.mp4") as source:
        frames = list(source)
    assert [f.pts for f in frames] == [Fraction(n + 6, 24) for n in range(30)]
    levels = [round(float(f.image[4:40, 30:60].mean()) / 40) for f in frames]
    assert levels == [int(Fraction(n, 24) % Fraction(1, 2) * 10) for n in range(30)]
    assert cli("run", photo, "--look", f"video:{behind}").code == 0
    assert pixels(photo.with_name("photo-video.png"))[4:40, 30:60].mean() < 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--look", "blur", "--blend", "glue"), "unknown blend filter 'glue'; known: alpha, smoothstep"),
        (("--blend", "multiply"), "needs a look with a background"),
        (("--look", "alpha", "--preset", "sepia"), "changes colours"),
        (("--look", "fog"), "video:PATH"),
        (("--preset", "fog"), "known: none, sepia"),
        (("--look", "video:missing.mp4"), "missing.mp4"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(cli, photo, snapshot, options, message):
    before = snapshot(photo.parent)
    answer = cli("run", photo, *options)
    assert answer.code == 1
    assert message in answer.err
    assert len(answer.err.strip().splitlines()) <= 2
    assert snapshot(photo.parent) == before


def test_the_backdrop_is_an_input_and_never_overwritten(cli, photo, wall):
    before = wall.read_bytes()
    answer = cli("run", photo, "--look", f"image:{wall}", "-o", wall, "--force")
    assert answer.code == 1
    assert "is an input" in answer.err
    with pytest.raises(pocketmatte.PocketmatteError, match="is an input"):
        pocketmatte.cut_out(photo, wall, look=f"image:{wall}", force=True)
    assert wall.read_bytes() == before


def test_workers_do_not_share_a_renderer(cli, photo, wall, tmp_path):
    """Pictures of different sizes at once: each gets the backdrop in its own size."""
    folder = tmp_path / "many"
    folder.mkdir()
    for n in range(8):
        Image.open(photo).resize((100 + 13 * n, 120 + 7 * n)).save(folder / f"{n}.png")
    answer = cli("run", folder, "--look", f"image:{wall}", "--workers", 3)
    assert answer.code == 0, answer.err
    for n in range(8):
        assert pixels(tmp_path / "many-image" / f"{n}.png").shape == (120 + 7 * n, 100 + 13 * n, 3)
