"""REQ-25: which file becomes which; no two results in one place, no result in the place of an input."""

from __future__ import annotations

import random
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import pytest

from pocketmatte.core import PocketmatteError
from pocketmatte.io.paths import expand_inputs, is_image, is_video
from tests.io.pictures import public_folder, without_privileges


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, so that the paths in a test read as a user types them."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def make(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(name)


def plan(*inputs: str, output: str | None = None, look: str = "rgba", suffix: str = ".png") -> dict[str, str]:
    jobs = expand_inputs([Path(name) for name in inputs], Path(output) if output else None, suffix, look)
    return {job.source.as_posix(): job.destination.as_posix() for job in jobs}


@pytest.mark.parametrize(
    ("look", "name"),
    [
        ("rgba", "photo-cutout.png"),
        ("cutout", "photo-cutout.png"),
        ("alpha", "photo-alpha.png"),
        ("blur", "photo-blur.png"),
        ("color:#00FF00", "photo-color.png"),
        ("image:beach/a.b.jpg", "photo-image.png"),
        ("video:sea.mp4", "photo-video.png"),
    ],
)
def test_one_photo_goes_beside_itself(here: Path, look: str, name: str) -> None:
    make("photo.jpg", "trip/photo.jpg")
    assert plan("photo.jpg", look=look) == {"photo.jpg": name}
    assert plan("trip/photo.jpg", look=look) == {"trip/photo.jpg": f"trip/{name}"}


def test_output_of_one_photo(here: Path) -> None:
    make("photo.jpg", "folder.v2/x", "folder.png/x")
    assert plan("photo.jpg", output="out.webp") == {"photo.jpg": "out.webp"}
    assert plan("photo.jpg", output="new/out.tif") == {"photo.jpg": "new/out.tif"}
    assert plan("photo.jpg", output="out") == {"photo.jpg": "out/photo.png"}  # nothing says a file type
    assert plan("photo.jpg", output="folder.v2") == {"photo.jpg": "folder.v2/photo.png"}
    assert plan("photo.jpg", output="folder.png") == {"photo.jpg": "folder.png/photo.png"}
    assert plan("photo.jpg", output=".") == {"photo.jpg": "photo.png"}


def test_several_photos(here: Path) -> None:
    make("a.jpg", "trip/b.jpg", "no-suffix")
    assert plan("a.jpg", "trip/b.jpg") == {"a.jpg": "a-cutout.png", "trip/b.jpg": "trip/b-cutout.png"}
    expected = {"a.jpg": "out/a.png", "trip/b.jpg": "out/b.png", "no-suffix": "out/no-suffix.png"}
    assert plan("a.jpg", "trip/b.jpg", "no-suffix", output="out") == expected


def test_a_folder_keeps_its_tree(here: Path) -> None:
    make("in/x.jpg", "in/a/b/x.jpg", "in/a/y.HEIC", "in/a/z.tar.png")
    tree = {"in/x.jpg": "x.png", "in/a/b/x.jpg": "a/b/x.png", "in/a/y.HEIC": "a/y.png", "in/a/z.tar.png": "a/z.tar.png"}
    assert plan("in") == {source: f"in-cutout/{name}" for source, name in tree.items()}
    assert plan("in", look="blur") == {source: f"in-blur/{name}" for source, name in tree.items()}
    assert plan("in", output="out/deep") == {source: f"out/deep/{name}" for source, name in tree.items()}
    assert plan("in", output="new.folder") == {source: f"new.folder/{name}" for source, name in tree.items()}


def test_folder_given_as_dot(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make("in/x.jpg")
    monkeypatch.chdir("in")
    assert plan(".") == {"x.jpg": f"{here.as_posix()}/in-cutout/x.png"}
    assert plan("../in") == {"../in/x.jpg": "../in-cutout/x.png"}


def test_several_folders_do_not_mix(here: Path) -> None:
    make("one/x.jpg", "two/x.jpg", "x.jpg")
    assert plan("one", "two") == {"one/x.jpg": "one-cutout/x.png", "two/x.jpg": "two-cutout/x.png"}
    assert plan("one", "two", "x.jpg", output="out") == {
        "one/x.jpg": "out/one/x.png",
        "two/x.jpg": "out/two/x.png",
        "x.jpg": "out/x.png",
    }


def test_one_stem_twice_keeps_the_suffixes(here: Path) -> None:
    make("in/x.jpg", "in/x.png", "in/y.jpg", "in/a/x.jpg")
    assert plan("in", output="out") == {
        "in/x.jpg": "out/x.jpg.png",
        "in/x.png": "out/x.png.png",
        "in/y.jpg": "out/y.png",
        "in/a/x.jpg": "out/a/x.png",
    }
    assert plan("in/x.jpg", "in/x.png") == {"in/x.jpg": "in/x.jpg-cutout.png", "in/x.png": "in/x.png-cutout.png"}


def test_names_that_collide_only_after_the_first_cure(here: Path) -> None:
    make("in/x.jpg", "in/x.png", "in/x.jpg.webp")
    assert plan("in", output="out") == {
        "in/x.jpg": "out/x.jpg.png",
        "in/x.png": "out/x.png.png",
        "in/x.jpg.webp": "out/x.jpg.webp.png",
    }


def test_names_that_differ_in_case_only(here: Path) -> None:
    """One file on many disks."""
    make("in/x.jpg", "in/X.png")
    assert plan("in", output="out") == {"in/x.jpg": "out/x.jpg.png", "in/X.png": "out/X.png.png"}


def test_names_do_not_depend_on_the_order_of_inputs(here: Path) -> None:
    names = ["x.jpg", "x.png", "x.jpg.webp", "a/x.gif", "b/y.jpg", "y.png", "z.tif"]
    make(*names)
    expected = plan(*names, output="out")
    for seed in range(10):
        random.Random(seed).shuffle(names)
        assert plan(*names, output="out") == expected


def test_random_trees_never_share_a_destination(here: Path) -> None:
    chance = random.Random(4)
    for round_ in range(20):
        parts = ["", "a/", "a/b/"], ["x", "x.jpg", "X", "y"], [".jpg", ".png", ".webp"]
        names = {f"in{round_}/{''.join(map(chance.choice, parts))}" for _ in range(15)}
        make(*names)
        jobs = plan(f"in{round_}")
        assert set(jobs) == names
        assert len(set(jobs.values())) == len(names)
        for first, second in combinations(names, 2):
            if first.casefold() != second.casefold():
                assert jobs[first].casefold() != jobs[second].casefold()


def test_same_names_from_two_places_into_one_folder(here: Path) -> None:
    make("a/x.jpg", "b/x.jpg")
    with pytest.raises(PocketmatteError, match=r"several inputs would become out/x\.jpg\.png"):
        plan("a/x.jpg", "b/x.jpg", output="out")


def test_an_input_given_twice_is_done_once(here: Path) -> None:
    make("in/x.jpg", "in/y.jpg")
    assert plan("in/x.jpg", "./in/x.jpg", "in/../in/x.jpg", output="out") == {"in/x.jpg": "out/x.png"}
    assert plan("in/x.jpg", "in", output="out") == {"in/x.jpg": "out/x.png", "in/y.jpg": "out/in/y.png"}


def test_what_is_passed_over_in_folders_is_counted(here: Path) -> None:
    make(
        "in/x.jpg",
        "in/notes.txt",
        "in/.hidden.jpg",
        "in/._x.jpg",
        "in/.git/y.jpg",
        "in/a/raw.nef",
        "in/.pocketmatte-1.png",
    )
    jobs = expand_inputs([Path("in")], None, ".png", "rgba")
    assert [job.source.as_posix() for job in jobs] == ["in/x.jpg"]
    assert jobs.skipped == 5


def test_a_file_given_by_name_is_never_passed_over(here: Path) -> None:
    make(".hidden.jpg", "odd.xyz")
    assert plan(".hidden.jpg", "odd.xyz", output="out") == {".hidden.jpg": "out/.hidden.png", "odd.xyz": "out/odd.png"}


def test_the_output_folder_is_no_input(here: Path) -> None:
    make("in/x.jpg", "in/out/x.png", "in/out/deep/y.png", "in/other/z.jpg")
    assert plan("in", output="in/out") == {"in/x.jpg": "in/out/x.png", "in/other/z.jpg": "in/out/other/z.png"}
    assert plan("in", "in/other", output="in/out") == {
        "in/x.jpg": "in/out/in/x.png",
        "in/other/z.jpg": "in/out/in/other/z.png",
    }
    Path("linked").symlink_to("in/out")
    assert set(plan("in", output="linked")) == {"in/x.jpg", "in/other/z.jpg"}


def test_results_beside_a_nested_input_are_no_input(here: Path) -> None:
    make("in/x.jpg", "in/sub/y.jpg", "in/sub-cutout/y.png")
    assert set(plan("in", "in/sub")) == {"in/x.jpg", "in/sub/y.jpg"}


@pytest.mark.parametrize("spelling", ["in", "./in", "in/../in", "linked"])
def test_results_are_never_mixed_with_inputs(here: Path, spelling: str) -> None:
    make("in/x.jpg")
    Path("linked").symlink_to("in")
    with pytest.raises(PocketmatteError, match="is the input folder"):
        plan("in", output=spelling)


@pytest.mark.parametrize("spelling", ["x.png", "./x.png", "sub/../x.png", "link.png", "hard.png"])
def test_an_input_is_never_a_destination(here: Path, spelling: str) -> None:
    make("x.png", "sub/y.jpg")
    Path("link.png").symlink_to("x.png")
    Path("hard.png").hardlink_to("x.png")
    with pytest.raises(PocketmatteError, match="is itself an input and would be lost"):
        plan("x.png", output=spelling)


def test_an_input_is_not_the_destination_of_another(here: Path) -> None:
    make("x.jpg", "x-cutout.png", "clip.mp4")
    with pytest.raises(PocketmatteError, match=r"x-cutout\.png is itself an input"):
        plan("x.jpg", "x-cutout.png")
    with pytest.raises(PocketmatteError, match=r"clip\.mp4 is itself an input"):
        plan("clip.mp4", output=".")  # the result of a video takes a video's suffix


def test_links_in_a_folder(here: Path) -> None:
    make("in/x.jpg", "in/a/y.jpg", "elsewhere/z.jpg")
    Path("in/again").symlink_to("a")
    Path("in/a/up").symlink_to("..")
    Path("in/self").symlink_to("self")
    Path("in/outside").symlink_to("../elsewhere")
    Path("in/photo.jpg").symlink_to("../elsewhere/z.jpg")
    sources = plan("in")
    assert sources == {
        "in/x.jpg": "in-cutout/x.png",
        "in/a/y.jpg": "in-cutout/a/y.png",
        "in/outside/z.jpg": "in-cutout/outside/z.png",
        "in/photo.jpg": "in-cutout/photo.png",
    }


def test_a_dead_link_is_listed_so_that_it_can_be_reported(here: Path) -> None:
    make("in/x.jpg")
    Path("in/dead.jpg").symlink_to("nowhere.jpg")
    assert set(plan("in")) == {"in/x.jpg", "in/dead.jpg"}


@pytest.mark.parametrize(
    ("inputs", "output", "message"),
    [
        (["missing.jpg"], None, r"no such file or folder: missing\.jpg"),
        (["x.jpg", "gone", "missing.jpg"], None, r"no such file or folder: gone, missing\.jpg"),
        (["empty"], None, r"no photo or video in empty \(2 other or hidden files\)"),
        (["x.jpg", "y.jpg"], "x.jpg", "is a file: for several inputs or a folder, -o names a folder"),
        (["x.jpg", "y.jpg"], "out.png", "names one file"),
        (["in"], "out.mp4", "names one file"),
        (["/"], None, "name an output folder with -o"),
    ],
)
def test_wrong_use_is_one_line(here: Path, inputs: list[str], output: str | None, message: str) -> None:
    make("x.jpg", "y.jpg", "in/x.jpg", "empty/notes.txt", "empty/.hidden.jpg")
    with pytest.raises(PocketmatteError, match=message) as error:
        plan(*inputs, output=output)
    assert "\n" not in str(error.value)


def test_a_folder_that_may_not_be_listed_is_told_and_not_passed_over() -> None:
    with public_folder() as folder:
        (folder / "in" / "closed").mkdir(parents=True)
        (folder / "in" / "x.jpg").write_text("x")
        (folder / "in" / "closed").chmod(0)
        with without_privileges(), pytest.raises(PocketmatteError, match="closed: Permission denied"):
            expand_inputs([folder / "in"], None, ".png", "rgba")
        with without_privileges(), pytest.raises(PocketmatteError, match=r"y\.jpg: Permission denied"):
            expand_inputs([folder / "in" / "closed" / "y.jpg"], None, ".png", "rgba")


def test_pictures_and_videos_by_name() -> None:
    pictures = ["a.jpg", "a.JPEG", "a.png", "a.webp", "a.tiff", "a.heic", "a.HIF", "a.avif", "a.bmp", "a.gif", "a.jp2"]
    videos = ["a.mp4", "a.MOV", "a.webm", "a.mkv", "a.avi"]
    for name in pictures:
        assert (is_image(Path(name)), is_video(Path(name))) == (True, False)
    for name in videos:
        assert (is_image(Path(name)), is_video(Path(name))) == (False, True)
    for name in ["a", "a.txt", "jpg", ".jpg", "a.nef", "a.pdf"]:
        assert not is_image(Path(name))
        assert not is_video(Path(name))


def test_first_bytes_go_before_the_name(tmp_path: Path) -> None:
    heads = {
        "photo.mp4": (b"\xff\xd8\xff\xe0", False),
        "photo.mov": (b"\0\0\0\x18ftypheic", False),
        "clip.jpg": (b"\0\0\0\x18ftypisom", True),
        "clip.png": (b"\x1aE\xdf\xa3", True),
        "clip.bmp": (b"RIFF\0\0\0\0AVI ", True),
        "sound.jpg": (b"RIFF\0\0\0\0WAVE", False),
        "stream.ts": (b"\x47\x40\x11", True),
        "text.mp4": (b"hello", True),
        "text.jpg": (b"hello", False),
    }
    for name, (head, video) in heads.items():
        (tmp_path / name).write_bytes(head)
        assert is_video(tmp_path / name) == video, name


def test_a_folder_of_photos_and_videos(here: Path) -> None:
    make("in/x.jpg", "in/x.mp4", "in/clip.mov")
    assert plan("in") == {
        "in/clip.mov": "in-cutout/clip.png",
        "in/x.jpg": "in-cutout/x.jpg.png",
        "in/x.mp4": "in-cutout/x.mp4.png",
    }


def test_planning_loads_no_decoder() -> None:
    code = (
        "import sys, pocketmatte.io.paths; print([m for m in ('PIL', 'cv2', 'av', 'pillow_heif') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
