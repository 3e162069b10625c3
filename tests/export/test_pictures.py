"""The pictures of certificates: fixed, held out from training, apart from those that int8 is calibrated on."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pocketmatte.core import PocketmatteError
from pocketmatte.data.recipes import is_validation
from pocketmatte.export.pictures import LIST, load_pictures, read_folder

pytestmark = pytest.mark.build


def test_lists_are_held_out_disjoint_and_never_a_test_set():
    listed = json.loads(LIST.read_text())
    certification, calibration = set(listed["certification"]), set(listed["calibration"])
    assert len(certification) == 92
    assert len(calibration) == 88
    assert not certification & calibration
    for names, held in ((certification, True), (calibration, False)):
        for name in names:
            part, folder, stem = name.split("/", 2)
            assert part in ("train", "backgrounds")
            assert is_validation(folder, stem) == held


def test_listed_pictures_are_there(data_dir, monkeypatch):
    monkeypatch.setenv("POCKETMATTE_DATA", str(data_dir))
    found = load_pictures("certification")
    assert found.name == "held-out-1"
    assert all(p.truth is not None and p.truth.shape == p.image.shape[:2] for p in found.pictures)


def test_calibration_folder(tmp_path):
    import cv2

    with pytest.raises(PocketmatteError, match="is no folder"):
        read_folder(tmp_path / "none")
    with pytest.raises(PocketmatteError, match="holds no pictures"):
        read_folder(tmp_path)
    for number in range(5):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((20, 30, 3), 40 * number, np.uint8))
    assert [p.name for p in read_folder(tmp_path, limit=3).pictures] == ["0", "2", "4"]
