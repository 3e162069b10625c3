"""Geometric and photometric augmentation of one picture with its alpha. Every function takes a NumPy ``Generator``."""

from __future__ import annotations

import cv2
import numpy as np

Array = np.ndarray


def half_body_crop(image: Array, alpha: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Crop a full-body picture to head-to-waist: what a phone camera sees. Returns the input when nobody is in it."""
    rows = np.flatnonzero((alpha > 127).mean(1) > 0.01)
    if rows.size < 16:
        return image, alpha
    top, height = rows[0], rows[-1] - rows[0] + 1
    person = rows[0] + int(height * rng.uniform(0.22, 0.62))
    start = max(0, top - int(height * rng.uniform(0.02, 0.15)))
    columns = np.flatnonzero((alpha[start:person] > 127).any(0))
    if columns.size < 16:
        return image, alpha
    centre = (columns[0] + columns[-1]) / 2
    half = max((columns[-1] - columns[0]) / 2 * rng.uniform(1.05, 1.9), (person - start) * rng.uniform(0.3, 0.7))
    shift = rng.uniform(-0.35, 0.35) * half
    left, right = int(max(0, centre + shift - half)), int(min(image.shape[1], centre + shift + half))
    if right - left < 32 or person - start < 32:
        return image, alpha
    return image[start:person, left:right], alpha[start:person, left:right]


def _linear(sx: float, sy: float, rng: np.random.Generator) -> Array:
    aspect = np.exp(rng.normal(0, 0.12))
    sx, sy = sx * aspect**0.5, sy / aspect**0.5
    if rng.random() < 0.5:
        sx = -sx
    angle = np.deg2rad(rng.normal(0, 7)) if rng.random() < 0.6 else 0.0
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s], [s, c]]) @ np.diag([sx, sy])


def view_matrix(shape: tuple[int, int], size: int, rng: np.random.Generator) -> Array:
    """A 2x3 matrix that shows most of a picture of ``shape`` (H, W) in a ``size`` square: squash, zoom in, turn, shift,
    mirror. The square stays nearly covered by the picture."""
    h, w = shape
    scale = np.exp(abs(rng.normal(0, 0.22)))
    linear = _linear(size / w * scale, size / h * scale, rng)
    slack = (scale - 1) * size / 2 + 0.04 * size
    centre = size / 2 + rng.uniform(-slack, slack, 2)
    return np.hstack([linear, (centre - linear @ np.array([w / 2, h / 2]))[:, None]])


def paste_matrix(alpha: Array, size: int, rng: np.random.Generator) -> Array:
    """A 2x3 matrix that puts the person of ``alpha`` (uint8 ``[H,W]``) into a ``size`` square, 0.5 to 1.25 of it high.

    A person whose picture ends below (a portrait) mostly ends below the square too, not in mid-air.
    """
    h, w = alpha.shape
    rows, columns = np.flatnonzero(alpha.max(1) > 127), np.flatnonzero(alpha.max(0) > 127)
    if rows.size < 8 or columns.size < 8:
        return view_matrix(alpha.shape, size, rng)
    box_h, box_w = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    tall = rng.uniform(0.5, 1.25) * size
    uniform = min(tall / box_h, 1.5 * size / box_w)
    linear = _linear(uniform, uniform, rng)
    middle = np.array([(columns[0] + columns[-1]) / 2, (rows[0] + rows[-1]) / 2])
    centre = np.array([rng.uniform(0.2, 0.8) * size, 0.0])
    half = uniform * box_h / 2
    if rows[-1] >= h - 3 and rng.random() < 0.9:
        centre[1] = size - half + rng.uniform(0.02, 0.3) * size
    else:
        centre[1] = rng.uniform(min(half, size / 2), max(size - half, size / 2))
    return np.hstack([linear, (centre - linear @ middle)[:, None]])


def warp(image: Array, matrix: Array, size: int, border: int) -> Array:
    """Warp by ``matrix`` to a ``size`` square, shrinking with pre-smoothing so that nothing aliases."""
    shrink = 1 / max(1e-6, np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if shrink > 1.7:
        f = 1 / shrink
        small = cv2.resize(image, None, fx=f, fy=f, interpolation=cv2.INTER_AREA)
        fx, fy = small.shape[1] / image.shape[1], small.shape[0] / image.shape[0]
        # pixel centres sit at half integers, so the matrix is conjugated through continuous coordinates
        matrix = matrix.copy()
        matrix[:, 0] /= fx
        matrix[:, 1] /= fy
        image = small
    half = matrix.copy()
    half[:, 2] += matrix[:, :2] @ np.array([0.5, 0.5]) - 0.5
    return cv2.warpAffine(image, half, (size, size), flags=cv2.INTER_LINEAR, borderMode=border)


def jitter_colour(image: Array, rng: np.random.Generator, strength: float = 1.0) -> Array:
    """Exposure, contrast, gamma, saturation and colour temperature at random; uint8 in and out."""
    x = image.astype(np.float32) * (1 / 255)
    if rng.random() < 0.5:
        x = x ** np.float32(np.exp(rng.normal(0, 0.3 * strength)))
    gain = np.exp(rng.normal(0, 0.18 * strength)) * np.exp(rng.normal(0, 0.06 * strength, 3))
    x *= gain.astype(np.float32)
    if rng.random() < 0.7:
        pivot = x.mean()
        x = (x - pivot) * np.float32(np.exp(rng.normal(0, 0.2 * strength))) + pivot
    grey = x @ np.array([0.299, 0.587, 0.114], np.float32)
    x = grey[..., None] + (x - grey[..., None]) * np.float32(np.exp(rng.normal(0, 0.3 * strength)))
    return (np.clip(x, 0, 1) * 255 + 0.5).astype(np.uint8)


def uneven_light(image: Array, rng: np.random.Generator) -> Array:
    """A smooth light gradient over the picture: windows, lamps, hard shadows."""
    h, w = image.shape[:2]
    field = cv2.resize(rng.uniform(-1, 1, (2 + int(rng.integers(2)), 2 + int(rng.integers(2)))).astype(np.float32), (w, h),
                       interpolation=cv2.INTER_LINEAR)
    return np.clip(image * np.exp(field * rng.uniform(0.2, 0.9))[..., None], 0, 255).astype(np.uint8)


def degrade(image: Array, rng: np.random.Generator) -> Array:
    """What cameras do: monochrome, low light, blur, motion blur, noise, low resolution, JPEG. uint8 in and out."""
    h, w = image.shape[:2]
    if rng.random() < 0.08:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        image = np.repeat(grey[..., None], 3, 2)
        if rng.random() < 0.3:  # sepia
            image = np.clip(image * np.array([1.0, 0.87, 0.7], np.float32), 0, 255).astype(np.uint8)
    if rng.random() < 0.12:
        image = uneven_light(image, rng)
    if rng.random() < 0.08:
        image = (image * np.float32(rng.uniform(0.2, 0.6))).astype(np.uint8)
    kind = rng.random()
    if kind < 0.1:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.6))
    elif kind < 0.15:
        length = int(rng.integers(3, 9))
        kernel = np.zeros((length, length), np.float32)
        kernel[length // 2] = 1
        turn = cv2.getRotationMatrix2D((length / 2 - 0.5, length / 2 - 0.5), rng.uniform(0, 180), 1)
        kernel = cv2.warpAffine(kernel, turn, (length, length))
        image = cv2.filter2D(image, -1, kernel / max(kernel.sum(), 1e-3))
    elif kind < 0.3:
        f = rng.uniform(0.35, 0.8)
        small = cv2.resize(image, (max(8, int(w * f)), max(8, int(h * f))), interpolation=cv2.INTER_AREA)
        image = cv2.resize(small, (w, h), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.3:
        noise = rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(2, 16))
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        ok, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))])
        if ok:
            image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return image
