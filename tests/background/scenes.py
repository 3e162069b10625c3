"""A drawn room, a drawn person, and a camera's noise."""

from __future__ import annotations

import cv2
import numpy as np

HEIGHT, WIDTH = 120, 160


def room() -> np.ndarray:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    scene = np.stack([90 + x / 3, 120 + y / 3, 150 - x / 4], axis=2)
    scene[(x // 20 + y // 20) % 2 == 0] -= 25
    return scene.astype(np.uint8)


def person(x: int = 80, shadow: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """The room with somebody in it, and the truth as bool."""
    truth = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.ellipse(truth, (x, 45), (13, 17), 0, 0, 360, 1, cv2.FILLED)
    cv2.ellipse(truth, (x, 118), (34, 58), 0, 0, 360, 1, cv2.FILLED)
    frame = room()
    if shadow:
        cast = np.zeros((HEIGHT, WIDTH), np.uint8)
        cv2.ellipse(cast, (x + 40, 90), (24, 26), 0, 0, 360, 1, cv2.FILLED)
        frame[cast > 0] = (0.7 * frame[cast > 0]).astype(np.uint8)
    frame[truth > 0] = (190, 60, 50)
    return frame, truth > 0


def with_noise(frame: np.ndarray, seed: int, sigma: float = 2.0, light: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.clip(light * frame + rng.normal(0, sigma, frame.shape) + 0.5, 0, 255).astype(np.uint8)


def iou(alpha: np.ndarray, truth: np.ndarray) -> float:
    found = alpha > 0.5
    return float((found & truth).sum() / max(1, (found | truth).sum()))
