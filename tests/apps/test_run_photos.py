"""``pocketmatte run`` on photos and folders."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image


def read(path: Path) -> np.ndarray:
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert picture is not None, path
    return picture


def test_a_photo_becomes_a_straight_full_size_cutout(cli, photo):
    answer = cli("run", photo)
    assert answer.code == 0, answer.err
    target = photo.with_name("photo-cutout.png")
    assert answer.out.strip() == str(target)
    cutout = read(target)
    assert cutout.shape == (256, 256, 4)
    alpha = cutout[..., 3]
    assert alpha[128 - 40 : 128, 110].mean() > 240  # the face
    assert alpha[:24, :24].mean() < 10  # the corner above the flag
    inside = alpha == 255
    difference = np.abs(cutout[..., :3][inside].astype(int) - read(photo)[inside])
    assert difference.max() == 0  # straight colours, untouched where the person is opaque


@pytest.mark.parametrize(
    ("look", "name", "shape"),
    [
        ("alpha", "photo-alpha.png", (256, 256)),
        ("blur", "photo-blur.png", (256, 256, 3)),
        ("color:#00ff00", "photo-color.png", (256, 256, 3)),
    ],
)
def test_looks_name_their_output(cli, photo, look, name, shape):
    answer = cli("run", photo, "--look", look)
    assert answer.code == 0, answer.err
    assert read(photo.with_name(name)).shape == shape


def test_another_runtime_opens_the_shipped_file_and_gives_the_same_matte(cli, photo, tmp_path):
    for runtime in ("litert", "openvino"):
        answer = cli("run", photo, "--look", "alpha", "--runtime", runtime, "-o", tmp_path / f"{runtime}.png")
        assert answer.code == 0, answer.err
    ours, theirs = (read(tmp_path / f"{name}.png").astype(int) for name in ("litert", "openvino"))
    assert ours.max() > 250
    assert np.abs(ours - theirs).max() <= 1


def test_color_look_puts_that_color_behind(cli, photo):
    assert cli("run", photo, "--look", "color:#00ff00").code == 0
    corner = read(photo.with_name("photo-color.png"))[:8, :8]
    assert np.abs(corner.astype(int) - [0, 255, 0]).max() <= 12


def test_image_look_covers_without_distortion(cli, photo, tmp_path):
    backdrop = tmp_path / "wide.png"
    Image.new("RGB", (600, 100), (10, 20, 200)).save(backdrop)
    assert cli("run", photo, "--look", f"image:{backdrop}").code == 0
    corner = read(photo.with_name("photo-image.png"))[:8, :8]
    assert np.abs(corner.astype(int) - [200, 20, 10]).max() <= 12


def test_the_backdrop_must_exist(cli, photo, tmp_path, snapshot):
    before = snapshot(tmp_path)
    answer = cli("run", photo, "--look", f"image:{tmp_path / 'none.png'}")
    assert answer.code != 0
    assert "none.png" in answer.err
    assert snapshot(tmp_path) == before


def test_existing_outputs_are_kept_without_force(cli, photo):
    target = photo.with_name("photo-cutout.png")
    target.write_bytes(b"mine")
    answer = cli("run", photo)
    assert answer.code == 1
    assert "photo-cutout.png" in answer.err
    assert "--force" in answer.err
    assert target.read_bytes() == b"mine"
    assert cli("run", photo, "--force").code == 0
    assert read(target).shape == (256, 256, 4)


def test_the_input_is_never_the_output(cli, photo):
    before = photo.read_bytes()
    for options in ((), ("--force",)):
        assert cli("run", photo, "-o", photo, "--look", "blur", *options).code != 0
        assert photo.read_bytes() == before


def test_a_folder_keeps_its_tree_and_its_names_apart(cli, photo, tmp_path):
    folder = tmp_path / "in"
    (folder / "a" / "b").mkdir(parents=True)
    jpg = photo.read_bytes()
    (folder / "one.jpg").write_bytes(jpg)
    (folder / "a" / "b" / "two.jpg").write_bytes(jpg)
    Image.open(photo).save(folder / "a" / "b" / "two.png")
    (folder / "notes.txt").write_text("not a picture")
    out = tmp_path / "out"
    answer = cli("run", folder, "-o", out, "--look", "alpha", "--workers", 2)
    assert answer.code == 0, answer.err
    files = sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file())
    assert files == ["a/b/two.jpg.png", "a/b/two.png.png", "one.png"]
    assert "3 done, 0 skipped, 0 failed" in answer.err


def test_one_broken_file_fails_alone_with_one_line(cli, photo, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "good.jpg").write_bytes(photo.read_bytes())
    (folder / "broken.jpg").write_bytes(photo.read_bytes()[:900])
    (folder / "text.png").write_text("hello")
    out = tmp_path / "out"
    answer = cli("run", folder, "-o", out)
    assert answer.code == 1
    assert sorted(p.name for p in out.iterdir()) == ["good.png"]
    failures = [line for line in answer.err.splitlines() if line.startswith("failed: ")]
    assert len(failures) == 2
    assert any("broken.jpg" in f for f in failures)
    assert any("text.png" in f for f in failures)
    assert "Traceback" not in answer.err


def test_resume_does_only_what_is_missing(cli, photo, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.jpg", "b.jpg"):
        (folder / name).write_bytes(photo.read_bytes())
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.png").write_bytes(b"from before")
    answer = cli("run", folder, "-o", out, "--resume")
    assert answer.code == 0, answer.err
    assert (out / "a.png").read_bytes() == b"from before"
    assert read(out / "b.png").shape == (256, 256, 4)
    assert "1 done, 1 skipped, 0 failed" in answer.err


def test_json_is_the_only_thing_on_stdout(cli, photo, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"")
    answer = cli("run", photo, broken, "-o", tmp_path / "out", "--json")
    document = json.loads(answer.out)
    assert answer.code == 1
    assert (document["done"], document["failed"]) == (1, 1)
    states = {Path(row["input"]).name: row["state"] for row in document["files"]}
    assert states == {"photo.jpg": "done", "broken.jpg": "failed"}


def test_an_alpha_channel_can_only_be_narrowed(cli, photo, tmp_path):
    rgba = np.dstack([np.asarray(Image.open(photo)), np.full((256, 256), 255, np.uint8)])
    rgba[:, 128:, 3] = 0
    path = tmp_path / "half.png"
    Image.fromarray(rgba).save(path)
    assert cli("run", path).code == 0
    alpha = read(tmp_path / "half-cutout.png")[..., 3]
    assert alpha[:, 128:].max() == 0
    assert alpha[100, 110] > 200


BAD = {
    "missing.jpg": None,
    "zero.jpg": b"",
    "text.jpg": b"this is no picture",
}


@pytest.mark.parametrize("name", BAD)
def test_bad_photos_are_one_line_and_leave_nothing(cli, tmp_path, snapshot, name):
    path = tmp_path / name
    if BAD[name] is not None:
        path.write_bytes(BAD[name])
    before = snapshot(tmp_path)
    answer = cli("run", path)
    assert answer.code != 0
    assert name in answer.err
    assert "Traceback" not in answer.err
    assert len(answer.err.strip().splitlines()) <= 2
    assert snapshot(tmp_path) == before


def test_truncated_jpeg(cli, photo, tmp_path, snapshot):
    path = tmp_path / "cut.jpg"
    path.write_bytes(photo.read_bytes()[:2000])
    before = snapshot(tmp_path)
    answer = cli("run", path)
    assert answer.code == 1
    assert "cut.jpg" in answer.err
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("size", [(1, 1), (10000, 1), (1, 10000), (3, 2)])
def test_extreme_shapes_work(cli, tmp_path, size):
    path = tmp_path / "odd.png"
    Image.new("RGB", size, (90, 120, 60)).save(path)
    answer = cli("run", path)
    assert answer.code == 0, answer.err
    assert read(tmp_path / "odd-cutout.png").shape == (size[1], size[0], 4)


def test_an_empty_folder_and_a_folder_as_output_file(cli, photo, tmp_path):
    (tmp_path / "empty").mkdir()
    answer = cli("run", tmp_path / "empty")
    assert answer.code != 0
    assert "empty" in answer.err
    answer = cli("run", photo, "-o", tmp_path / "x.jpg")
    assert answer.code != 0
    assert "x.jpg" in answer.err
    assert not (tmp_path / "x.jpg").exists()


def test_an_output_that_cannot_be_written(cli, photo, tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("a file where a folder is wanted")
    answer = cli("run", photo, "-o", blocker / "x.png")
    assert answer.code != 0
    assert "Traceback" not in answer.err
    assert blocker.read_text() == "a file where a folder is wanted"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--model", "no-such"), "unknown model 'no-such': expected one of base"),
        (("--look", "sparkle"), "unknown look 'sparkle'"),
        (("--look", "color:red"), "color:#RRGGBB"),
        (("--runtime", "onnxruntime"), "has no onnx file"),
        (("--device", "gpu"), "CPU only"),
    ],
)
def test_wrong_options_say_what_is_known(cli, photo, snapshot, options, message):
    before = snapshot(photo.parent)
    answer = cli("run", photo, *options)
    assert answer.code != 0
    assert message in answer.err
    assert snapshot(photo.parent) == before


def test_early_errors_are_json_too(cli, tmp_path):
    answer = cli("run", tmp_path / "missing.jpg", "--json")
    assert answer.code == 1
    assert "missing.jpg" in json.loads(answer.out)["error"]


def test_a_folder_that_cannot_be_made_is_one_line(cli, photo):
    answer = cli("run", photo, "-o", "/proc/nowhere/x.png")
    assert answer.code == 1
    assert "/proc/nowhere" in answer.err
    assert "Traceback" not in answer.err


def test_a_photo_of_nobody_says_so(cli, tmp_path):
    sky = tmp_path / "sky.png"
    cv2.imwrite(str(sky), np.full((120, 160, 3), (220, 160, 110), np.uint8))
    for look in ("rgba", "color:#ffffff", "blur"):
        answer = cli("run", sky, "--look", look)
        assert answer.code == 0
        assert "nobody found" in answer.err
    assert read(tmp_path / "sky-cutout.png")[..., 3].max() == 0
