"""Exponential moving average of a network's weights and statistics: what is validated and kept."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class Average:
    """``network`` is the averaged copy, in evaluation mode; ``decay`` is reached gradually."""

    def __init__(self, source: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(source).eval().requires_grad_(False)
        self.decay = decay
        self._pairs: tuple[list[Tensor], list[Tensor]] | None = None
        self._source = source

    def update(self, step: int) -> None:
        """Move towards the source after optimiser step ``step`` (1, 2, ...)."""
        if self._pairs is None:
            mine, theirs = self.network.state_dict(), self._source.state_dict()
            smooth = [name for name, tensor in mine.items() if tensor.is_floating_point()]
            self._pairs = [mine[name] for name in smooth], [theirs[name] for name in smooth]
        keep = min(self.decay, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(*self._pairs, 1 - keep)
