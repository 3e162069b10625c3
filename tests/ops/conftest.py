"""Synthetic portraits with exact truth."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
import pytest


class Scene(NamedTuple):
    """``image`` is ``alpha * foreground + (1 - alpha) * background``, rounded."""

    image: np.ndarray
    alpha: np.ndarray
    foreground: np.ndarray
    background: np.ndarray

    def over(self, background: tuple[int, int, int]) -> np.ndarray:
        """The true person over a plain colour, float64."""
        a = self.alpha[..., None].astype(np.float64)
        return self.foreground * a + np.array(background, np.float64) * (1 - a)


def draw_alpha(height: int, width: int, hairs: int = 120) -> np.ndarray:
    """Head with hair, and shoulders: sharp, soft and thread-like edges, float32."""
    rng = np.random.default_rng(7)
    scale = height / 360
    alpha = np.zeros((height, width), np.float32)
    centre = np.array([width / 2, height * 0.4])
    radii = np.array([75.0, 95.0]) * scale
    cv2.ellipse(alpha, tuple(map(int, centre)), tuple(map(int, radii)), 0, 0, 360, 1, -1)
    cv2.ellipse(alpha, (width // 2, int(height * 1.05)), (int(190 * scale), int(140 * scale)), 0, 0, 360, 1, -1)
    alpha[:, : width // 2] = cv2.GaussianBlur(alpha, (0, 0), 3 * scale)[:, : width // 2]  # one soft side
    for _ in range(hairs):
        turn = rng.uniform(np.pi, 2 * np.pi)
        way = np.array([np.cos(turn), np.sin(turn)])
        start = centre + radii * way
        end = start + way * rng.uniform(8, 28) * scale + rng.normal(0, 10 * scale, 2)
        thread = np.zeros_like(alpha)
        cv2.line(thread, tuple(map(int, start)), tuple(map(int, end)), float(rng.uniform(0.4, 1)), 1, cv2.LINE_AA)
        alpha = np.maximum(alpha, thread)
    return np.clip(cv2.GaussianBlur(alpha, (0, 0), 0.7), 0, 1)


def draw_texture(height: int, width: int, grain: float, low: int, high: int, seed: int) -> np.ndarray:
    """Coloured noise of about ``grain`` pixels, filling ``low``..``high``, uint8 RGB."""
    noise = np.random.default_rng(seed).normal(size=(height, width, 3)).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), grain)
    noise = np.clip(noise / (3 * noise.std()) / 2 + 0.5, 0, 1)
    return (low + noise * (high - low) + 0.5).astype(np.uint8)


def mix(alpha: np.ndarray, foreground: np.ndarray, background: np.ndarray) -> Scene:
    """Compose a scene."""
    a = alpha[..., None]
    return Scene((foreground * a + background * (1 - a) + 0.5).astype(np.uint8), alpha, foreground, background)


@pytest.fixture(scope="session")
def portrait() -> Callable[..., Scene]:
    """``portrait(kind, height, width)``: kinds ``plain`` (green screen), ``room`` (mild textures), ``busy`` (fine
    textures of like brightness on both sides)."""

    def make(kind: str = "room", height: int = 360, width: int = 640) -> Scene:
        alpha = draw_alpha(height, width)
        if kind == "busy":
            both = [draw_texture(height, width, 3.0, 30, 225, seed) for seed in (1, 2)]
            return mix(alpha, *both)
        foreground = draw_texture(height, width, 4.0, 20, 140, 1)
        foreground[..., 2] //= 2  # warm
        if kind == "plain":
            background = np.empty_like(foreground)
            background[:] = (0, 200, 40)
        else:
            background = draw_texture(height, width, 12.0, 120, 250, 2)
        return mix(alpha, foreground, background)

    return make
