"""Seamless cloning: the same answer as OpenCV's solver where both apply, and a free edge at the frame."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pocketmatte.ops.poisson import membrane


def smooth(size: tuple[int, int], seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(60, 190, (4, 5, 3), dtype=np.uint8)
    return cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)


def ellipse(size: tuple[int, int], centre: tuple[int, int], radii: tuple[int, int]) -> np.ndarray:
    return cv2.ellipse(np.zeros(size, np.uint8), centre, radii, 0, 0, 360, 255, -1)


def exact(source: np.ndarray, mask: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Laplace's equation solved directly: each inside pixel is the mean of its neighbours within the picture."""
    inside = mask > 0
    number = np.full(mask.shape, -1)
    number[inside] = np.arange(inside.sum())
    known = target.astype(float) - source
    matrix, right = np.zeros((inside.sum(),) * 2), np.zeros((inside.sum(), 3))
    for y, x in np.argwhere(inside):
        row = number[y, x]
        for v, u in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if 0 <= v < mask.shape[0] and 0 <= u < mask.shape[1]:
                matrix[row, row] += 1
                if inside[v, u]:
                    matrix[row, number[v, u]] = -1
                else:
                    right[row] += known[v, u]
    known[inside] = np.linalg.solve(matrix, right)
    return known


@pytest.mark.parametrize("centre", [(32, 22), (30, 47), (0, 20)])
def test_is_the_solution_of_the_equation(centre: tuple[int, int]) -> None:
    """Also of a mask that the edge of the picture cuts."""
    source, target = smooth((48, 64), 1), smooth((48, 64), 2)
    mask = ellipse((48, 64), centre, (16, 15))
    change = membrane(source, mask, target)
    assert change is not None
    error = np.abs(change - exact(source, mask, target))[mask > 0]
    assert error.mean() < 0.5
    assert error.max() < 1


@pytest.mark.parametrize("size", [(150, 200), (540, 720)])
def test_clones_like_opencv_inside_the_picture(size: tuple[int, int]) -> None:
    """Not to the level: OpenCV moves the rim some pixels inwards, and this solver works on a reduced picture."""
    height, width = size
    source, target = smooth(size, 1), smooth(size, 2)
    mask = ellipse(size, (width // 2, height // 2), (width // 4, height // 3))
    change = membrane(source, mask, target)
    assert change is not None
    cloned = cv2.seamlessClone(source, target, mask, (width // 2, height // 2), cv2.NORMAL_CLONE)
    inner = cv2.erode(mask, np.ones((9, 9), np.uint8)) > 0
    error = np.abs(np.clip(source + change, 0, 255) - cloned)[inner]
    assert error.mean() < 4
    assert np.abs(source.astype(int) - cloned)[inner].mean() > 15


def test_the_change_meets_the_rim_and_is_flat_for_a_flat_difference() -> None:
    source = smooth((200, 160), 1)
    target = np.clip(source.astype(int) + np.array([30, -20, 10]), 0, 255).astype(np.uint8)
    change = membrane(source, ellipse((200, 160), (80, 100), (40, 60)), target)
    assert change is not None
    inside = ellipse((200, 160), (80, 100), (38, 58)) > 0
    assert np.abs(change[inside] - (30, -20, 10)).max() < 1.5


def test_a_person_cut_off_by_the_frame_does_not_take_its_colour_there() -> None:
    """The rim is grey wall against a green one; at the lower edge of the picture there is no rim, only shirt."""
    source = np.full((200, 160, 3), 128, np.uint8)
    source[80:, 40:120] = (200, 30, 30)
    target = np.full((200, 160, 3), (40, 160, 40), np.uint8)
    mask = np.zeros((200, 160), np.uint8)
    mask[70:, 36:124] = 255
    change = membrane(source, mask, target)
    assert change is not None
    assert np.abs(change[-1, 60:100] - np.array((40, 160, 40)) + 128).max() < 6


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (2, 3), (37, 53), (401, 333)])
def test_any_size_and_mask(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    source, target = rng.integers(0, 256, (2, *size, 3), dtype=np.uint8)
    assert membrane(source, np.zeros(size, np.uint8), target) is None
    assert membrane(source, np.full(size, 255, np.uint8), target) is None
    for mask in (rng.integers(0, 2, size, dtype=np.uint8) * 255, np.eye(*size, dtype=np.uint8)):
        change = membrane(source, mask, target)
        if change is not None:
            assert change.shape == source.shape
            assert np.isfinite(change).all()
            assert np.abs(change).max() <= 255
