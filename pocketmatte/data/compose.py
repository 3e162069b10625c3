"""Building training pictures: a person where the photo shows them, on a new background, two people, something in
front, a photo of people on the wall, nobody at all. Whole batches, in torch, on the device that holds the bank."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pocketmatte.data import framing
from pocketmatte.data.bank import Bank
from pocketmatte.data.camera import blur, degrade
from pocketmatte.data.motion import PriorMix, draw_priors, move, small_motion
from pocketmatte.data.photo import jitter_colour, match_light, on_device, rows, uneven_light
from pocketmatte.data.sampling import COLOUR, PERSON, SCENE, Views, read_views

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class SceneMix:
    """Shares of the kinds of picture, and probabilities of what is done to them.

    ``nobody`` and ``photo`` (a picture as it was taken) leave the rest to people pasted onto new backgrounds.
    ``single``: share of ``nobody`` that shows one large animal or thing whole, where the data has such pictures.
    ``group``: share of the pasted that show three to six people side by side; of the others, ``second`` and ``third``
    person. ``poster`` on the background, ``occluder`` in front. ``pairs``: share of the
    samples that come with an untouched earlier frame, for consistency and temporal losses. ``prior``: for video
    networks, the kinds of previous matte.
    """

    nobody: float = 0.17
    single: float = 0.5
    photo: float = 0.42
    group: float = 0.2
    second: float = 0.25
    third: float = 0.07
    poster: float = 0.06
    occluder: float = 0.07
    half_body: float = 0.6
    frame: float = 0.3
    degrade: float = 1.0
    pairs: float = 0.0
    prior: PriorMix | None = None


class Batch(NamedTuple):
    """uint8 tensors: ``image`` ``[N,3,S,S]``; ``alpha`` and ``trust`` ``[N,1,S,S]``, 255 = person, = sure.

    ``prior`` ``[N,1,S,S]``, ``[0,1,S,S]`` for still networks. The first ``m`` samples have an earlier frame: ``clean``,
    ``clean_alpha``, ``clean_trust`` and, in ``motion`` float ``[m,2,3]``, the map from it to the image (see
    :func:`pocketmatte.data.motion.move`); ``m`` may be 0.
    """

    image: Tensor
    alpha: Tensor
    trust: Tensor
    prior: Tensor
    clean: Tensor
    clean_alpha: Tensor
    clean_trust: Tensor
    motion: Tensor


def compose(bank: Bank, mix: SceneMix, n: int, size: int, seed: list[int]) -> Batch:
    """``n`` training samples of ``size`` pixels; the same ``seed`` gives the same samples on the same device."""
    rng = np.random.default_rng(seed)
    device = bank.pixels.device
    noise = torch.Generator(device).manual_seed(int(rng.integers(2**62)))
    kind = rng.random(n)
    photo = (kind >= mix.nobody) & (kind < mix.nobody + mix.photo)
    pasted = kind >= mix.nobody + mix.photo
    image, alpha, trust = _scenes(bank, mix, photo, kind < mix.nobody * mix.single, size, rng)
    change = rows(pasted & (rng.random(n) < 0.5), device)
    if len(change):
        image[change] = jitter_colour(image[change], rng).clamp(0, 255)
    group, pick = pasted & (rng.random(n) < mix.group), rng.random(n)
    for share in (1.0, mix.second, mix.third):
        _paste(bank, mix, pasted & ~group & (pick < share), image, alpha, trust, rng)
    groups = framing.draw_groups(n, rng)
    for number in range(framing.MOST):
        _paste(bank, mix, group & (number < groups.count), image, alpha, trust, rng, (groups, number))
    _occlude(bank, rng.random(n) < mix.occluder, image, alpha, trust, rng)

    m = round(mix.pairs * n)
    whole = torch.cat([image, alpha, trust], 1)
    before, theta = whole[:m], on_device(small_motion(m, rng), device)
    if m:
        whole = torch.cat([move(before, theta), whole[m:]])
        image, alpha, trust = whole[:, :3], whole[:, 3:4], whole[:, 4:]
    change = rows(rng.random(n) < 0.7, device)
    if len(change):
        image = image.index_copy(0, change, jitter_colour(image[change], rng))
    image = degrade(image, rng, noise, mix.degrade)
    prior = draw_priors(alpha, mix.prior, rng) if mix.prior else alpha[:0]
    return Batch(
        _to_bytes(image),
        _to_bytes(alpha),
        _to_bytes(trust),
        _to_bytes(prior),
        _to_bytes(before[:, :3]),
        _to_bytes(before[:, 3:4]),
        _to_bytes(before[:, 4:]),
        theta,
    )


def _to_bytes(x: Tensor) -> Tensor:
    return (x.clamp(0, 255) + 0.5).to(torch.uint8)


def _draw(weight: Array, n: int, rng: np.random.Generator) -> Array:
    total = np.cumsum(weight)
    return np.asarray(np.searchsorted(total, rng.random(n) * total[-1], side="right"))


def _scenes(
    bank: Bank, mix: SceneMix, photo: Array, single: Array, size: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """What everything else is built on: photos with their people, and backgrounds without."""
    n, device = len(photo), bank.pixels.device
    crops = framing.draw_crops(bank, _draw(bank.weight, n, rng), rng, mix.half_body, mix.frame)
    seen, scenery = framing.view_windows(crops, size, rng), framing.background_views(bank, n, size, rng)
    if len(bank.singles):
        alone = framing.single_views(bank, n, size, rng)
        scenery.picture[single], scenery.matrix[single] = alone.picture[single], alone.matrix[single]
    pick = photo[:, None, None]
    views = Views(
        np.where(photo, seen.picture, scenery.picture),
        np.where(pick, seen.matrix, scenery.matrix),
        np.full(n, 1e6),
    )
    scene = read_views(bank, views, size, SCENE)
    image, alpha, trust = scene[:, :3], scene[:, 3:4], scene[:, 4:]
    empty = rows(~photo, device)
    alpha[empty], trust[empty] = 0, 255  # also where a strip of a photo touches its person
    if (soft := ~photo & ~single & (rng.random(n) < 0.3)).any():
        index = rows(soft, device)
        image[index] = blur(image[index], rng.uniform(0.8, max(1.0, size / 40), int(soft.sum())))
    if (plain := ~photo & ~single & (rng.random(n) < 0.04)).any():  # a wall or a studio sweep
        colour = on_device(rng.uniform(0, 255, (int(plain.sum()), 3, 1, 1)), device)
        index = rows(plain, device)
        image[index] = uneven_light(colour.expand(-1, 3, size, size), rng).clamp(0, 255)
    _hang_posters(bank, mix, ~photo & ~single & (rng.random(n) < mix.poster), image, rng)
    return image, alpha, trust


def _hang_posters(bank: Bank, mix: SceneMix, mask: Array, image: Tensor, rng: np.random.Generator) -> None:
    """Framed photos of people on the background: they are no people in the room."""
    if not mask.any():
        return
    index, count = rows(mask, image.device), int(mask.sum())
    crops = framing.draw_crops(bank, _draw(bank.weight, count, rng), rng, mix.half_body, 0.0)
    views = framing.poster_views(bank, crops, image.shape[2], rng)
    photo = read_views(bank, views, image.shape[2], COLOUR)
    inside = _distance(views, crops.window, image.shape[2], image.device)
    border = on_device(rng.uniform(0, 5, (count, 1, 1, 1)), image.device)
    tone = rng.choice([20.0, 60.0, 230.0, 250.0], (count, 1, 1, 1)) + rng.uniform(-15, 5, (count, 3, 1, 1))
    colour = on_device(tone, image.device)
    scene = image[index]
    scene = torch.lerp(scene, colour.expand_as(scene), (inside + border + 0.5).clamp(0, 1))
    image[index] = torch.lerp(scene, photo, (inside + 0.5).clamp(0, 1))


def _distance(views: Views, window: Array, size: int, device: torch.device) -> Tensor:
    """``[n,1,size,size]``: distance in output pixels from each pixel to the edge of its window, positive inside."""
    scale = np.sqrt(np.abs(np.linalg.det(views.matrix[:, :2, :2])))
    numbers = np.column_stack([np.linalg.inv(views.matrix).reshape(-1, 9), window, scale])
    *h, top, bottom, left, right, factor = on_device(numbers, device)[:, :, None, None].unbind(1)
    axis = torch.arange(size, device=device) + 0.5
    x, y = axis[None, None, :], axis[None, :, None]
    z = h[6] * x + h[7] * y + h[8]
    u, v = (h[0] * x + h[1] * y + h[2]) / z, (h[3] * x + h[4] * y + h[5]) / z
    room = torch.minimum(torch.minimum(u - left, right - u), torch.minimum(v - top, bottom - v))
    return (room * factor)[:, None]


def _paste(
    bank: Bank,
    mix: SceneMix,
    mask: Array,
    image: Tensor,
    alpha: Tensor,
    trust: Tensor,
    rng: np.random.Generator,
    member: tuple[framing.Groups, int] | None = None,
) -> None:
    """Put one more person, or the ``member`` of a group of that number, in front of the pictures in ``mask``; changes
    the tensors."""
    if not mask.any():
        return
    device, size, count = image.device, image.shape[2], int(mask.sum())
    index = rows(mask, device)
    crops = framing.draw_crops(bank, _draw(bank.weight * bank.cut_out, count, rng), rng, mix.half_body, 0.0)
    if member is None:
        views = framing.paste_people(bank, crops, size, rng)
    else:
        groups = framing.Groups(*(values[mask] for values in vars(member[0]).values()))
        views = framing.paste_in_group(bank, crops, groups, member[1], size, rng)
    person = read_views(bank, views, size, PERSON)
    a, sure, colours = person[:, :1] / 255, person[:, 1:2], person[:, 2:]
    scene = image[index]
    changes: list[tuple[float, Callable[[Tensor, Tensor], Tensor]]] = [
        (0.6, lambda x, k: jitter_colour(x, rng, 0.8)),
        (0.5, lambda x, k: match_light(x, a[k], scene[k], rng)),
        (0.12, lambda x, k: uneven_light(x, rng)),
    ]
    for share, f in changes:
        some = rows(rng.random(count) < share, device)
        if len(some):
            colours = colours.index_copy(0, some, f(colours[some], some).clamp(0, 255))
    image[index] = torch.lerp(scene, colours, a)
    alpha[index] = torch.maximum(alpha[index], person[:, :1])
    # whatever of the person the label misses is not pasted either, so the new background is sure
    trust[index] = torch.lerp(trust[index], sure, a)


def _occlude(bank: Bank, mask: Array, image: Tensor, alpha: Tensor, trust: Tensor, rng: np.random.Generator) -> None:
    """Something that is no person in front: an ellipse or a box of background texture; changes the tensors."""
    if not mask.any():
        return
    device, size, count = image.device, image.shape[2], int(mask.sum())
    index = rows(mask, device)
    texture = read_views(bank, framing.background_views(bank, count, size, rng), size, COLOUR)
    turn = rng.uniform(0, np.pi, count)
    axes = size * np.stack([rng.uniform(0.05, 0.2, count), rng.uniform(0.05, 0.25, count)], 1)
    centre, box = rng.uniform(0, size, (2, count)), rng.random(count) < 0.5
    numbers = np.stack([np.cos(turn), np.sin(turn), *axes.T, *centre, axes.min(1), box], 1)
    c, s, a, b, x0, y0, smaller, boxed = on_device(numbers, device)[:, :, None, None].unbind(1)
    axis = torch.arange(size, device=device) + 0.5
    x, y = axis[None, None, :] - x0, axis[None, :, None] - y0
    u, v = (c * x + s * y) / a, (c * y - s * x) / b
    radius = torch.where(boxed > 0, torch.maximum(u.abs(), v.abs()), torch.hypot(u, v))
    cover = ((1 - radius) * smaller + 0.5).clamp(0, 1)[:, None]
    image[index] = torch.lerp(image[index], texture, cover)
    alpha[index] = alpha[index] * (1 - cover)
    trust[index] = trust[index] + (255 - trust[index]) * cover
