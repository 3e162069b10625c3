"""Draw a dusky room with out-of-focus lights: the free background that ships as ``pocketmatte/assets/background.jpg``.

Run: python examples/draw_background.py room.jpg
"""

import sys

import cv2
import numpy as np
import numpy.typing as npt

TINTS = np.array([[255, 170, 80], [255, 220, 170], [120, 170, 255]], np.float32)


def draw_background(height: int = 720, width: int = 1280, seed: int = 4) -> npt.NDArray[np.uint8]:
    """An RGB picture uint8 ``[height, width, 3]``; the same arguments always give the same picture."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / height
    wall = np.array([58, 48, 66], np.float32) * (1.15 - 0.5 * y[..., None])
    lamp = np.exp(-((x - 0.35) ** 2 + (y - 0.25) ** 2) / 0.16)[..., None] * np.array([150, 96, 44], np.float32)
    floor = np.clip((y - 0.8) * 12, 0, 1)[..., None]
    room = (wall + lamp) * (1 - floor) + np.array([74, 48, 36], np.float32) * (1.6 - y[..., None]) * floor
    left, top, right, bottom = (int(part * height) for part in (0.95, 0.08, 1.68, 0.66))
    room[top:bottom, left:right] = np.array([16, 24, 52], np.float32) + 30 * y[top:bottom, left:right, None]
    glow = np.zeros_like(room)
    for _ in range(70):  # each light is a flat disc, as an open lens draws a point
        center = (int(random.integers(left, right)), int(random.triangular(top, bottom, bottom)))
        color = random.uniform(0.25, 1) * TINTS[random.integers(3)]
        dark = np.zeros((height, width), np.float32)
        disc = cv2.circle(dark, center, int(random.integers(6, 22)), 1, -1, cv2.LINE_AA)
        glow[top:bottom, left:right] += 0.5 * disc[top:bottom, left:right, None] * color
    frame = cv2.blur(room + glow, (9, 9))  # also softens the edges of wall and window
    for edge in (left, (left + right) // 2):
        cv2.rectangle(frame, (edge, top), (right, bottom), (92, 74, 62), 12, cv2.LINE_AA)
    soft = cv2.GaussianBlur(frame, (0, 0), 5) + random.normal(0, 1.5, room.shape)  # grain hides banding
    return np.asarray(soft.clip(0, 255), np.uint8)


if __name__ == "__main__":
    cv2.imwrite(sys.argv[1], draw_background()[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
