"""The validation pictures as tensors: squashed to the network's size, nothing random."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from pocketmatte.data.bank import build_bank
from pocketmatte.data.compose import SceneMix, compose
from pocketmatte.data.store import Store

_GROUPS = SceneMix(nobody=0.0, photo=0.0, group=1.0, poster=0.0, occluder=0.0, degrade=0.0)


@dataclass(frozen=True)
class HeldOut:
    """uint8 ``images`` ``[N,3,S,S]`` and ``alphas`` ``[N,1,S,S]``; the last ``empty`` of them show nobody."""

    images: Tensor
    alphas: Tensor
    empty: int

    def to(self, device: torch.device) -> HeldOut:
        """The same on ``device``."""
        return HeldOut(self.images.to(device), self.alphas.to(device), self.empty)


def hold_out(store: Store, size: int) -> HeldOut:
    """Every person and background of ``store`` at ``size``."""
    pictures = [*(p.image for p in store.people), *store.backgrounds]
    images = [cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA) for picture in pictures]
    alphas = [cv2.resize(p.alpha, (size, size), interpolation=cv2.INTER_AREA) for p in store.people]
    alphas += [np.zeros((size, size), np.uint8)] * len(store.backgrounds)
    return HeldOut(
        torch.from_numpy(np.stack(images).transpose(0, 3, 1, 2).copy()),
        torch.from_numpy(np.stack(alphas)[:, None].copy()),
        len(store.backgrounds),
    )


def hold_out_groups(store: Store, size: int, count: int = 128) -> HeldOut:
    """``count`` groups of three to six people of ``store`` on its backgrounds, always the same ones: no data set here
    shows groups."""
    batch = compose(build_bank(store), _GROUPS, count, size, [0])
    return HeldOut(batch.image, batch.alpha, 0)
