"""torch view of the store: an endless, reproducible stream of composed samples, and the fixed validation pictures."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from pocketmatte.data.compose import draw_sample
from pocketmatte.data.store import Store


class ComposedStream(IterableDataset[tuple[Tensor, Tensor]]):
    """Endless ``(image uint8 [3,size,size], alpha uint8 [1,size,size])``; the same ``seed`` gives the same stream
    for a given number of workers."""

    def __init__(self, store: Store, size: int, seed: int) -> None:
        self.store, self.size, self.seed = store, size, seed

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        worker = get_worker_info()
        rng = np.random.default_rng([self.seed, worker.id if worker else 0])
        while True:
            image, alpha = draw_sample(self.store, self.size, rng)
            yield to_tensors(image, (alpha * 255 + 0.5).astype(np.uint8))


def to_tensors(image: np.ndarray, alpha: np.ndarray) -> tuple[Tensor, Tensor]:
    """uint8 ``[H,W,3]`` and ``[H,W]`` -> uint8 ``[3,H,W]`` and ``[1,H,W]``."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))), torch.from_numpy(alpha[None].copy())


def stream(store: Store, size: int, batch: int, seed: int, workers: int) -> DataLoader[tuple[Tensor, Tensor]]:
    """Batches of :class:`ComposedStream`."""
    data = ComposedStream(store, size, seed)
    return DataLoader(data, batch_size=batch, num_workers=workers, prefetch_factor=4 if workers else None)


def validation_batches(store: Store, size: int, batch: int = 32) -> list[tuple[Tensor, Tensor]]:
    """Held-out people and backgrounds, squashed to ``size``; no randomness. Same types as :class:`ComposedStream`."""
    samples = [(p.image, p.alpha) for p in store.people]
    samples += [(b, np.zeros(b.shape[:2], np.uint8)) for b in store.backgrounds]
    area = cv2.INTER_AREA
    tensors = [
        to_tensors(cv2.resize(i, (size, size), interpolation=area), cv2.resize(a, (size, size), interpolation=area))
        for i, a in samples
    ]
    return [
        (torch.stack([i for i, _ in part]), torch.stack([a for _, a in part]))
        for part in (tensors[k : k + batch] for k in range(0, len(tensors), batch))
    ]
