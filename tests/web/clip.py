"""A clip for the fake camera of a browser: the person of the sample photo before moving stripes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from pocketmatte.core import Frame, UInt8Image
from pocketmatte.io.images import read_image
from pocketmatte.ops.resize import resize
from pocketmatte.pipeline.pipeline import load

ASTRONAUT = Path(__file__).parents[2] / "pocketmatte" / "assets" / "astronaut.jpg"
SIZE = (480, 640)
STRIPES = np.array([[70, 112, 120], [150, 172, 160]], np.uint8)  # no colour of the person


def person() -> tuple[UInt8Image, np.ndarray]:
    """Colours uint8 and alpha float32 of the person, 480 rows high on a canvas of 640 columns."""
    side = SIZE[0]
    image = resize(read_image(ASTRONAUT).image, (side, side))
    with load() as pipeline:
        matte = pipeline.step(Frame(image))
    assert matte.foreground is not None
    left = (SIZE[1] - side) // 2
    border = ((0, 0), (left, left))
    return np.pad(matte.foreground, (*border, (0, 0))), np.pad(matte.alpha, border)


def frames(count: int = 30) -> list[UInt8Image]:
    """``count`` frames; the stripes move eight pixels from one to the next."""
    colours, alpha = person()
    weight = alpha[..., None]
    made = []
    for index in range(count):
        stripes = STRIPES[(np.arange(SIZE[1]) + 8 * index) // 40 % 2]
        background = np.broadcast_to(stripes, (*SIZE, 3))
        made.append((weight * colours + (1 - weight) * background + 0.5).astype(np.uint8))
    return made


def write_y4m(path: Path, pictures: list[UInt8Image]) -> None:
    """4:2:0 limited-range video as Chromium's fake camera reads it."""
    height, width = pictures[0].shape[:2]
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F30:1 Ip A1:1 C420jpeg\n".encode())
        for picture in pictures:
            planes = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)
            file.write(b"FRAME\n" + planes.tobytes())
