"""Which files are taken for a pair, and what is said about the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from pocketmatte.core import PocketmatteError
from pocketmatte.evaluate.folders import list_frames, list_pairs, list_pictures, picture_folder


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def test_pairs_are_matched_by_stem_in_natural_order(tmp_path: Path) -> None:
    touch(
        tmp_path, "images/f10.jpg", "images/f9.png", "images/F1.JPG", "masks/f9.png", "masks/f10.webp", "masks/F1.PNG"
    )
    touch(tmp_path, "images/.hidden.png", "images/readme.txt", "images/deeper/f11.png")
    listed = list_pairs(tmp_path)
    assert [pair.stem for pair in listed.pairs] == ["F1", "f9", "f10"]
    assert listed.pairs[2].image == tmp_path / "images/f10.jpg"
    assert listed.pairs[2].truth == tmp_path / "masks/f10.webp"
    assert listed.notes == ()


def test_missing_partners_are_told(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png", "images/b.png", "masks/b.png", "masks/c.png")
    listed = list_pairs(tmp_path)
    assert [pair.stem for pair in listed.pairs] == ["b"]
    assert listed.notes == ("images/a.png has no partner in masks/", "masks/c.png has no partner in images/")


def test_alphas_come_before_masks_and_jpeg_is_told(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png", "masks/a.png", "alphas/a.jpg")
    listed = list_pairs(tmp_path)
    assert listed.pairs[0].truth == tmp_path / "alphas/a.jpg"
    assert any("alphas/ is the truth" in note for note in listed.notes)
    assert any("lossy" in note for note in listed.notes)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "no folder"),
        (["a.png"], "expected images/ and masks/ or alphas/"),
        (["masks/a.png"], "expected images/ and masks/ or alphas/"),
        (["images/a.png", "masks/readme.txt"], "no pictures in .*masks"),
        (["images/a.png", "masks/b.png"], r"no stem of .* is in masks/"),
        (["images/a.png", "images/a.jpg", "masks/a.png"], "both a.jpg and a.png"),
    ],
)
def test_folders_of_another_form_are_refused(tmp_path: Path, names: list[str], message: str) -> None:
    with pytest.raises(PocketmatteError, match=message):
        list_pairs(touch(tmp_path / "data", *names))


def test_empty_pictures_lie_flat_or_in_images(tmp_path: Path) -> None:
    touch(tmp_path, "flat/a.png", "form/images/b.png", "form/preview.png")
    assert list(list_pictures(picture_folder(tmp_path / "flat"))) == ["a"]
    assert list(list_pictures(picture_folder(tmp_path / "form"))) == ["b"]


def frames(folder: Path, *stems: str) -> Path:
    return touch(folder, *(f"{kind}/{stem}.png" for kind in ("images", "alphas") for stem in stems))


def test_frames_come_in_order_of_their_numbers(tmp_path: Path) -> None:
    assert [pair.stem for pair in list_frames(frames(tmp_path, "t10", "t9", "t8"))] == ["t8", "t9", "t10"]


def test_frames_may_have_a_constant_step(tmp_path: Path) -> None:
    assert len(list_frames(frames(tmp_path, "0000", "0005", "0010"))) == 3


@pytest.mark.parametrize(
    ("stems", "message"),
    [
        (["0001", "0002", "0004"], "jumps from frame 2 to 4"),
        (["1", "01"], "jumps from frame 1 to 1"),
        (["start", "0001"], "no frame number"),
    ],
)
def test_broken_numbering_is_refused(tmp_path: Path, stems: list[str], message: str) -> None:
    with pytest.raises(PocketmatteError, match=message):
        list_frames(frames(tmp_path, *stems))


def test_every_frame_needs_its_truth(tmp_path: Path) -> None:
    frames(tmp_path, "1", "2", "3")
    (tmp_path / "alphas/2.png").unlink()
    with pytest.raises(PocketmatteError, match=r"2\.png has no partner"):
        list_frames(tmp_path)
