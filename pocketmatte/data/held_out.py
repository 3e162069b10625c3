"""The validation pictures as tensors: squashed to the network's size, nothing random."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from pocketmatte.data.store import Store


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
