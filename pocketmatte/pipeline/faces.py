"""Finding faces with BlazeFace (Bazarevsky et al. 2019), for what needs to know where a person's head is.

The weight file is MediaPipe's ``face_detection_short_range.tflite`` (Apache-2.0, in the npm package
``@mediapipe/face_detection``); it does not come with pocketmatte.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pocketmatte.background.regions import Face
from pocketmatte.core import PocketmatteError, UInt8Image
from pocketmatte.runtime.base import open_session

_SIDE = 128
_GRIDS = ((16, 2), (8, 6))  # cells per side, anchors per cell: 896 together
_LEAST = 0.5
_SAME = 0.3  # overlap (IoU) from which two boxes are one face


class FaceDetector:
    """Faces up to about two metres away. Not for several threads at once.

    Raises :class:`PocketmatteError` for a missing file or one that is no such detector.
    """

    def __init__(self, path: str | Path) -> None:
        self._session = open_session(path, threads=1)
        shapes = {info.shape: info.name for info in self._session.outputs}
        count = sum(side * side * each for side, each in _GRIDS)
        boxes, scores = shapes.get((1, count, 16)), shapes.get((1, count, 1))
        if len(self._session.inputs) != 1 or boxes is None or scores is None:
            self._session.close()
            raise PocketmatteError(
                f"{path} is no face detector of the kind expected: face_detection_short_range.tflite"
            )
        self._input, self._boxes, self._scores = self._session.inputs[0].name, boxes, scores
        self._anchors = np.concatenate([_centres(side, each) for side, each in _GRIDS])

    def find(self, image: UInt8Image) -> tuple[Face, ...]:
        """Faces in a picture uint8 RGB ``[H,W,3]``, in its pixels, surest first."""
        height, width = image.shape[:2]
        side = max(height, width)
        top, left = (side - height) // 2, (side - width) // 2
        square = cv2.copyMakeBorder(
            image, top, side - height - top, left, side - width - left, cv2.BORDER_CONSTANT, value=(0, 0, 0)
        )
        small = cv2.resize(square, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
        tensor = (small.astype(np.float32) / 127.5 - 1)[None]
        outputs = self._session.run({self._input: tensor})
        found = decode(outputs[self._boxes][0], outputs[self._scores][0, :, 0], self._anchors)
        return tuple(Face(x * side - left, y * side - top, w * side, h * side) for x, y, w, h in found)

    def close(self) -> None:
        """Free the network."""
        self._session.close()


def decode(raw: npt.NDArray[Any], scores: npt.NDArray[Any], anchors: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Boxes ``[n,4]`` (left, top, width, height as shares of the square) from the network's answer.

    ``raw`` ``[896,16]``: centre and size in pixels of the input, relative to ``anchors`` ``[896,2]``, then key points;
    ``scores`` ``[896]`` are logits.
    """
    sure = 1 / (1 + np.exp(-np.clip(scores.astype(np.float64), -50, 50)))
    keep = np.flatnonzero(sure >= _LEAST)
    centre = anchors[keep] + raw[keep, 0:2] / _SIDE
    size = raw[keep, 2:4].astype(np.float64) / _SIDE
    boxes = np.concatenate([centre - size / 2, size], axis=1)
    chosen = cv2.dnn.NMSBoxes(boxes.tolist(), sure[keep].tolist(), _LEAST, _SAME) if len(keep) else ()
    return np.asarray(boxes[np.asarray(chosen, int).reshape(-1)], np.float64)


def _centres(side: int, each: int) -> npt.NDArray[np.float64]:
    cells = (np.arange(side) + 0.5) / side
    y, x = np.meshgrid(cells, cells, indexing="ij")
    return np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), each, axis=0)
