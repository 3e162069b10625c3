"""Trained weights on the build side: one file that says itself which network it belongs to."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pocketmatte.core import PocketmatteError
from pocketmatte.models.registry import create_model


def save_weights(
    path: Path, state: dict[str, Tensor], architecture: str, options: dict[str, Any], training: dict[str, Any]
) -> None:
    """Write a checkpoint that :func:`load_weights` opens; ``training`` holds plain values for the model card."""
    part = path.with_suffix(".part")
    torch.save({"state": state, "architecture": architecture, "options": options, "training": training}, part)
    part.replace(path)


def _read(path: str | Path) -> dict[str, Any]:
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise PocketmatteError(f"no weights at {path}") from error
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise PocketmatteError(f"{path} holds no trained weights of this project: {_first_line(error)}") from error
    if not isinstance(stored, dict):
        raise PocketmatteError(f"{path} holds no trained weights of this project: found {type(stored).__name__}")
    return stored


def load_weights(path: str | Path) -> tuple[nn.Module, dict[str, Any]]:
    """The network in evaluation mode, and the ``training`` values. Raises :class:`PocketmatteError` on other files."""
    stored = _read(path)
    try:
        network = create_model(stored["architecture"], **stored["options"])
        network.load_state_dict(stored["state"])
        return network.eval(), {**stored["training"], "architecture": stored["architecture"]}
    except (KeyError, TypeError, RuntimeError) as error:
        raise PocketmatteError(f"{path} holds no trained weights of this project: {_first_line(error)}") from error


def read_options(path: str | Path) -> tuple[str, dict[str, Any]]:
    """Name of the architecture in a weight file and the options it was built with; empty where the file says none."""
    stored = _read(path)
    return str(stored.get("architecture", "")), dict(stored.get("options", {}))


@dataclass(frozen=True)
class Matched:
    """Which tensors a file gave a network. ``widened`` got more input channels, the new ones zero; ``skipped`` are
    tensors of the network that keep what they had, ``unused`` tensors of the file that found no place."""

    loaded: tuple[str, ...]
    widened: tuple[str, ...]
    skipped: tuple[str, ...]
    unused: tuple[str, ...]

    def __str__(self) -> str:
        text = f"{len(self.loaded)} tensors taken over"
        for word in ("widened", "skipped", "unused"):
            if names := getattr(self, word):
                shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
                text += f"; {word}: {shown}"
        return text


def load_matching(network: nn.Module, path: str | Path) -> Matched:
    """Copy every tensor of the weight file whose name and shape fit into ``network``.

    A convolution that lacks input channels in the file (a still network's first layer, for its video twin) is widened.
    Raises :class:`PocketmatteError` when nothing fits.
    """
    stored = _read(path)
    state = stored.get("state", stored)
    mine = network.state_dict()
    loaded, widened = [], []
    for name, tensor in mine.items():
        given = state.get(name)
        if not isinstance(given, Tensor):
            continue
        if given.shape == tensor.shape:
            tensor.copy_(given)
            loaded.append(name)
        elif _fewer_inputs(given, tensor):
            tensor.zero_()
            tensor[:, : given.shape[1]].copy_(given)
            widened.append(name)
    if not loaded and not widened:
        raise PocketmatteError(f"{path} has no tensor that fits this network")
    taken = {*loaded, *widened}
    skipped, unused = (tuple(n for n in names if n not in taken) for names in (mine, state))
    return Matched(tuple(loaded), tuple(widened), skipped, unused)


def _fewer_inputs(given: Tensor, mine: Tensor) -> bool:
    same = given.ndim == mine.ndim == 4 and given.shape[0] == mine.shape[0] and given.shape[2:] == mine.shape[2:]
    return same and given.shape[1] < mine.shape[1]


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
