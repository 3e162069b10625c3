"""Building training pictures: a person on a new background, two people, something in front, nobody at all."""

from __future__ import annotations

import cv2
import numpy as np

from pocketmatte.data.augment import degrade, half_body_crop, jitter_colour, paste_matrix, uneven_light, view_matrix, warp
from pocketmatte.data.store import Person, Store
from pocketmatte.ops.foreground import estimate_foreground

Array = np.ndarray


def background_view(store: Store, size: int, rng: np.random.Generator) -> Array:
    """A random people-free ``size`` square: background pictures, or a person-free strip of a training photo."""
    if store.strips and rng.random() < 0.25:
        image, box = store.strips[int(rng.integers(len(store.strips)))]
        y0, y1, x0, x1 = box
        image = image[y0:y1, x0:x1]
    else:
        image = store.backgrounds[int(rng.integers(len(store.backgrounds)))]
    h, w = image.shape[:2]
    side = min(h, w)
    ch, cw = (int(max(24, side * rng.uniform(0.45, 1.0))) for _ in range(2))
    ch, cw = min(ch, h), min(cw, w)
    y, x = int(rng.integers(h - ch + 1)), int(rng.integers(w - cw + 1))
    view = cv2.resize(image[y : y + ch, x : x + cw], (size, size), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.5:
        view = view[:, ::-1]
    if rng.random() < 0.3:
        view = cv2.GaussianBlur(view, (0, 0), rng.uniform(0.8, size / 40))
    if rng.random() < 0.04:  # a plain wall or a studio sweep
        view = np.empty_like(view)
        view[:] = rng.integers(0, 256, 3)
        view = uneven_light(view, rng)
    return np.ascontiguousarray(view)


def nobody_view(store: Store, size: int, rng: np.random.Generator) -> Array:
    """A picture without people: half of the time a single large object or animal, which networks take for a person."""
    if not store.objects or rng.random() < 0.5:
        return background_view(store, size, rng)
    image = store.objects[int(rng.integers(len(store.objects)))]
    return warp(image, view_matrix(image.shape[:2], size, rng), size, cv2.BORDER_REFLECT_101)


def _view(person: Person, size: int, rng: np.random.Generator, pasted: bool) -> tuple[Array, Array]:
    image, alpha = person.image, person.alpha
    if person.full_body and rng.random() < 0.6:
        image, alpha = half_body_crop(image, alpha, rng)
    border = cv2.BORDER_REFLECT_101
    if pasted:
        matrix = paste_matrix(alpha, size, rng)
        return warp(image, matrix, size, border), warp(alpha, matrix, size, cv2.BORDER_CONSTANT)
    matrix = view_matrix(image.shape[:2], size, rng)
    return warp(image, matrix, size, border), warp(alpha, matrix, size, border)


def _match_light(person: Array, alpha: Array, scene: Array, rng: np.random.Generator) -> Array:
    """Pull the person's mean and spread part of the way to the scene's, so that composites are not given away by light."""
    inside = alpha > 0.5
    if inside.sum() < 50:
        return person
    amount = rng.uniform(0, 0.6)
    x = person.astype(np.float32)
    mean, std = x[inside].mean(0), x[inside].std(0) + 1
    target_mean, target_std = scene.mean((0, 1)), scene.std((0, 1)) + 1
    ratio = np.clip(target_std / std, 0.6, 1.5)
    moved = (x - mean) * (1 + amount * (ratio - 1)) + mean + amount * 0.6 * (target_mean - mean)
    return np.clip(moved, 0, 255).astype(np.uint8)


def _paste(scene: Array, total: Array, person: Person, rng: np.random.Generator) -> tuple[Array, Array]:
    image, alpha8 = _view(person, scene.shape[0], rng, pasted=True)
    alpha = alpha8.astype(np.float32) / 255
    colours = estimate_foreground(image, alpha, max(9, scene.shape[0] // 3) | 1)
    if rng.random() < 0.6:
        colours = jitter_colour(colours, rng, 0.8)
    if rng.random() < 0.5:
        colours = _match_light(colours, alpha, scene, rng)
    if rng.random() < 0.12:
        colours = uneven_light(colours, rng)
    a = alpha[..., None]
    return (colours * a + scene * (1 - a) + 0.5).astype(np.uint8), np.maximum(total, alpha)


def _occlude(image: Array, alpha: Array, store: Store, rng: np.random.Generator) -> tuple[Array, Array]:
    """Something that is no person in front of the picture: an ellipse or a box filled with background texture."""
    size = image.shape[0]
    mask = np.zeros((size, size), np.uint8)
    centre = (int(rng.integers(size)), int(rng.integers(size)))
    axes = (int(size * rng.uniform(0.05, 0.2)), int(size * rng.uniform(0.05, 0.25)))
    turn = float(rng.uniform(0, 180))
    if rng.random() < 0.5:
        cv2.ellipse(mask, centre, axes, turn, 0, 360, 255, -1, cv2.LINE_AA)
    else:
        corners = cv2.boxPoints((centre, (2 * axes[0], 2 * axes[1]), turn))
        cv2.fillConvexPoly(mask, corners.astype(np.int32), 255, cv2.LINE_AA)
    m = mask.astype(np.float32) / 255
    texture = background_view(store, size, rng)
    mixed = texture * m[..., None] + image * (1 - m[..., None])
    return (mixed + 0.5).astype(np.uint8), alpha * (1 - m)


def draw_sample(store: Store, size: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """One training picture: uint8 RGB ``[size,size,3]`` and float32 alpha ``[size,size]`` in 0..1."""
    kind = rng.random()
    if kind < 0.17:
        image, alpha = nobody_view(store, size, rng), np.zeros((size, size), np.float32)
    elif kind < 0.58:
        image, alpha8 = _view(store.draw(rng), size, rng, pasted=False)
        alpha = alpha8.astype(np.float32) / 255
    else:
        scene = background_view(store, size, rng)
        if rng.random() < 0.5:
            scene = jitter_colour(scene, rng)
        image, alpha = scene, np.zeros((size, size), np.float32)
        for _ in range(1 + (rng.random() < 0.22) + (rng.random() < 0.06)):
            image, alpha = _paste(image, alpha, store.draw(rng, cut_out=True), rng)
    if rng.random() < 0.07:
        image, alpha = _occlude(image, alpha, store, rng)
    if rng.random() < 0.7:
        image = jitter_colour(image, rng)
    return degrade(image, rng), alpha
