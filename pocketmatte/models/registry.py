"""Architecture name -> constructor; filled by the explicit imports in ``pocketmatte/models/__init__.py``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from torch import nn

from pocketmatte.models.narrow import narrow

T = TypeVar("T", bound=Callable[..., nn.Module])
_ARCHITECTURES: dict[str, Callable[..., nn.Module]] = {}


def register(name: str) -> Callable[[T], T]:
    """Class or function decorator that enters a model constructor under ``name``.

    Raises ``ValueError`` when the name is taken: two files must never fight for one name.
    """

    def enter(constructor: T) -> T:
        if name in _ARCHITECTURES:
            raise ValueError(f"architecture {name!r} is registered twice")
        _ARCHITECTURES[name] = constructor
        return constructor

    return enter


def create_model(name: str, *, pruned: Mapping[str, Sequence[int]] | None = None, **options: Any) -> nn.Module:
    """Build the architecture ``name`` with fresh weights; ``options`` go to its constructor.

    ``pruned``: channel counts of the layers that have fewer (see :func:`pocketmatte.models.narrow.narrow`).
    Raises ``KeyError`` with the known names when ``name`` is not one of them.
    """
    if name not in _ARCHITECTURES:
        raise KeyError(f"unknown architecture {name!r}; known: {', '.join(list_architectures())}")
    network = _ARCHITECTURES[name](**options)
    return narrow(network, pruned) if pruned else network


def list_architectures() -> list[str]:
    """All registered architecture names, sorted."""
    return sorted(_ARCHITECTURES)
