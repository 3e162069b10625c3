from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest

import pocketmatte
from pocketmatte.core import PocketmatteError
from pocketmatte.io.images import read_image
from pocketmatte.pipeline.faces import FaceDetector, decode

PACKAGE = Path(pocketmatte.__file__).parent


def test_answer_of_the_network_becomes_boxes() -> None:
    anchors = np.array([[0.25, 0.5], [0.26, 0.5], [0.75, 0.5], [0.5, 0.1]])
    raw = np.zeros((4, 16), np.float32)
    raw[:, 2:4] = 32  # a quarter of the picture
    raw[2, :2] = 12.8
    scores = np.array([3.0, 2.0, 1.0, -1.0], np.float32)
    found = decode(raw, scores, anchors)
    np.testing.assert_allclose(found, [[0.125, 0.375, 0.25, 0.25], [0.725, 0.475, 0.25, 0.25]], atol=1e-6)
    assert decode(raw, scores - 9, anchors).shape == (0, 4)


def test_another_network_is_refused() -> None:
    with pytest.raises(PocketmatteError, match="no face detector"):
        FaceDetector(PACKAGE / "zoo/weights/base/base.tflite")
    with pytest.raises(PocketmatteError, match="no model file"):
        FaceDetector("nowhere.tflite")


@pytest.mark.system
def test_finds_the_face_in_the_sample(tmp_path: Path) -> None:
    """With the real weights, which npm brings."""
    subprocess.run(["npm", "pack", "--silent", "@mediapipe/face_detection"], cwd=tmp_path, check=True)
    with tarfile.open(next(tmp_path.glob("*.tgz"))) as archive:
        archive.extract("package/face_detection_short_range.tflite", tmp_path, filter="data")
    detector = FaceDetector(tmp_path / "package/face_detection_short_range.tflite")
    image = read_image(PACKAGE / "assets/astronaut.jpg").image
    for picture, scale, left in (
        (image, 1.0, 0),
        (cv2.copyMakeBorder(image, 0, 0, 300, 0, cv2.BORDER_REPLICATE), 1.0, 300),
    ):
        (face,) = detector.find(np.asarray(picture, np.uint8))
        assert abs(face.x + face.width / 2 - left - 226 * scale) < 15
        assert abs(face.y + face.height / 2 - 129 * scale) < 25
        assert 70 < face.width < 130
    assert detector.find(np.full((200, 300, 3), 128, np.uint8)) == ()
    detector.close()
