"""MediaPipe Tasks opens a still model's .tflite as it is, and its mask is ours."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from pocketmatte.core import PocketmatteError
from pocketmatte.export.flatbuffer import read_model, text
from pocketmatte.export.metadata import NAME, add_metadata
from pocketmatte.pipeline.tensors import prepare, read_alpha
from pocketmatte.runtime.base import open_session
from pocketmatte.spec import read_spec

pytestmark = pytest.mark.build
ROOT = Path(__file__).parents[2] / "pocketmatte"
SPEC = read_spec(ROOT / "zoo/weights/base/spec.json")


@pytest.fixture(scope="module")
def described(tmp_path_factory):
    path = tmp_path_factory.mktemp("metadata") / "base.tflite"
    shutil.copy(SPEC.path_of(SPEC.file_for("litert")), path)
    add_metadata(path, SPEC)
    return path


@pytest.fixture(scope="module")
def segmenter(described):
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.ImageSegmenterOptions(
        base_options=BaseOptions(model_asset_path=str(described)), output_confidence_masks=True
    )
    with vision.ImageSegmenter.create_from_options(options) as opened:
        yield opened


def ours(path: Path, picture: np.ndarray) -> np.ndarray:
    session = open_session(path, threads=1)
    return read_alpha(session.run({"image": prepare(picture, SPEC, "nhwc").tensor})["alpha"], SPEC, "nhwc")


def theirs(segmenter, picture: np.ndarray) -> np.ndarray:
    import mediapipe

    image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(picture))
    (mask,) = segmenter.segment(image).confidence_masks
    return mask.numpy_view().reshape(picture.shape[:2]).copy()


def portrait() -> np.ndarray:
    return cv2.imread(str(ROOT / "assets/astronaut.jpg"), cv2.IMREAD_COLOR_RGB)


def test_mediapipe_gives_our_mask_at_network_size(described, segmenter):
    picture = cv2.resize(portrait(), (256, 256), interpolation=cv2.INTER_AREA)
    mine, found = ours(described, picture), theirs(segmenter, picture)
    assert 0.2 < found.mean() < 0.8
    assert np.abs(mine - found).max() < 2e-3  # both compute in single precision: the rest is the order of sums


def test_mediapipe_agrees_on_a_photo_of_another_size(described, segmenter):
    """Its resizing is its own, so edges differ a little."""
    picture = portrait()[32:480, 96:416]
    full = theirs(segmenter, picture) > 0.5
    mine = cv2.resize(ours(described, picture), picture.shape[1::-1], interpolation=cv2.INTER_LINEAR) > 0.5
    assert (full & mine).sum() / (full | mine).sum() > 0.97


def test_metadata_changes_nothing_else(described):
    before = read_model(SPEC.path_of(SPEC.file_for("litert")))
    after = read_model(described)
    assert [text(t.name) for t in before.subgraphs[0].tensors] == [text(t.name) for t in after.subgraphs[0].tensors]
    picture = portrait()
    assert np.array_equal(ours(SPEC.path_of(SPEC.file_for("litert")), picture), ours(described, picture))
    add_metadata(described, SPEC)  # a second time replaces
    assert [text(m.name) for m in read_model(described).metadata].count(NAME) == 1


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "x.tflite").write_bytes(b"nothing of the kind")
    with pytest.raises(PocketmatteError, match="no .tflite"):
        add_metadata(tmp_path / "x.tflite", SPEC)
