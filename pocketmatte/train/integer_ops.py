"""Watches a network run and hands over every tensor and weight that an int8 graph would hold as integers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode

# operators that run on integers, and how many of their first arguments are tensors
_TENSORS = {
    "conv2d": 1,
    "conv_transpose2d": 1,
    "add": 2,
    "__add__": 2,
    "mul": 2,
    "__mul__": 2,
    "mean": 1,
    "interpolate": 1,
    "avg_pool2d": 1,
    "adaptive_avg_pool2d": 1,
    "max_pool2d": 1,
    "sigmoid": 1,
}
_SAME_SCALE = {"interpolate", "avg_pool2d", "max_pool2d"}  # their output has the scale of their input
_SITE, _DONE, _ROUNDED = "int8_site", "int8_done", "int8_tensor"  # notes left on tensors


class IntegerOps(TorchFunctionMode):
    """A tensor is handed to ``on_tensor`` by the first integer operator that reads it, under that operator's name; what
    an activation function, a padding or a joining of channels made of it on the way counts as fused, as in a
    converted graph. Weights go to ``on_weight`` under their name in ``weights`` (from ``id`` to name); a convolution
    whose weight is not there is ignored.
    """

    def __init__(self, weights: Mapping[int, str]) -> None:
        super().__init__()
        self.weights = weights
        self._counts: dict[str, int] = {}

    def on_tensor(self, site: str, x: Tensor) -> Tensor:
        """What takes the place of the tensor ``x`` ``[N,C,H,W]``."""
        raise NotImplementedError

    def on_weight(self, name: str, weight: Tensor, axis: int) -> Tensor:
        """What takes the place of ``weight``, whose output channels lie on ``axis``."""
        raise NotImplementedError

    def mark(self, x: Tensor) -> Tensor:
        """``x`` under a new object that is not handed over again."""
        fresh = x.view_as(x)
        setattr(fresh, _DONE, True)
        return fresh

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name, given = getattr(func, "__name__", ""), list(args)
        convolution = name.startswith("conv")
        if name not in _TENSORS or (convolution and id(given[1]) not in self.weights):
            return func(*args, **(kwargs or {}))
        if convolution:
            label = self.weights[id(given[1])]
            given[1] = self.on_weight(label, given[1], int(name == "conv_transpose2d"))
        else:
            self._counts[name] = self._counts.get(name, 0) + 1
            label = f"{name}-{self._counts[name]}"
        for position in range(min(_TENSORS[name], len(given))):
            x = given[position]
            if isinstance(x, Tensor) and x.ndim == 4:
                given[position] = self._handed(f"{label}.{position}", x)
        result = func(*given, **(kwargs or {}))
        if name in _SAME_SCALE and isinstance(result, Tensor):
            setattr(result, _SITE, getattr(given[0], _SITE, None))
        return result

    def _handed(self, site: str, x: Tensor) -> Tensor:
        if getattr(x, _DONE, False):
            return x
        known: Tensor | None = getattr(x, _ROUNDED, None)
        if known is not None:
            return known
        site = getattr(x, _SITE, None) or site
        rounded = self.on_tensor(site, x)
        if rounded is x:  # nobody may find its own reference on a tensor: that would never be freed
            rounded = x.view_as(x)
        setattr(rounded, _SITE, site)
        setattr(rounded, _DONE, True)
        setattr(x, _ROUNDED, rounded)
        return rounded
