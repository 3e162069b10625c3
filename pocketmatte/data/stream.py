"""Endless training batches. Every batch is drawn from its own seed, so a run can be taken up at any position."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from pocketmatte.data.bank import Bank
from pocketmatte.data.compose import Batch, SceneMix, compose

_CHUNK = {"cpu": 8}  # small enough for the caches; elsewhere as many as keep the device busy
_LARGE_CHUNK = 256


@dataclass(frozen=True)
class Position:
    """``seed`` and ``rank`` name a stream; ``seen`` is the number of samples that all ``ranks`` drew before."""

    seed: int
    rank: int
    seen: int
    ranks: int = 1


class _Composed(IterableDataset[Batch]):
    def __init__(self, bank: Bank, mix: SceneMix, size: int, batch: int, position: Position) -> None:
        self.bank, self.mix, self.size, self.batch, self.position = bank, mix, size, batch, position

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        step, start = (worker.num_workers, worker.id) if worker else (1, 0)
        number = start
        while True:  # worker k makes batches k, k + workers ...: the loader hands them out in order
            seen = self.position.seen + number * self.batch * self.position.ranks
            yield draw_batch(self.bank, self.mix, self.size, self.batch, replace(self.position, seen=seen))
            number += step


def draw_batch(bank: Bank, mix: SceneMix, size: int, batch: int, position: Position) -> Batch:
    """The batch at ``position``; the same on every call with the same arguments and kind of device."""
    limit = _CHUNK.get(bank.pixels.device.type, _LARGE_CHUNK)
    seed = [position.seed, position.rank, position.seen]
    counts = [min(limit, batch - done) for done in range(0, batch, limit)]
    parts = [compose(bank, mix, n, size, [*seed, k]) for k, n in enumerate(counts)]
    if len(parts) == 1:
        return parts[0]
    return _pairs_first(parts)


def _pairs_first(parts: list[Batch]) -> Batch:
    """Join chunks so that the samples with an earlier frame still come first."""
    pairs = [len(part.clean) for part in parts]

    def joined(tensors: list[Tensor]) -> Tensor:
        heads = [t[:m] for t, m in zip(tensors, pairs, strict=True)]
        return torch.cat(heads + [t[m:] for t, m in zip(tensors, pairs, strict=True) if len(t) > m])

    return Batch(*(joined(list(tensors)) for tensors in zip(*parts, strict=True)))


def stream(bank: Bank, mix: SceneMix, size: int, batch: int, position: Position, workers: int = 0) -> Iterator[Batch]:
    """Batches from ``position`` on. ``workers`` processes compose when the bank lies on the CPU; the order and content
    do not depend on their number."""
    data = _Composed(bank, mix, size, batch, position)
    if bank.pixels.device.type != "cpu" or not workers:
        return iter(data)
    loader = DataLoader(data, None, num_workers=workers, prefetch_factor=3, worker_init_fn=_outlive_signals)
    return iter(loader)


def _outlive_signals(worker: int) -> None:
    """A signal to the whole process group must reach the run alone, which still wants to write its checkpoint."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
