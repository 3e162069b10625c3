"""Trained weights on the build side: one file that says itself which network it belongs to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pocketmatte.core import PocketmatteError
from pocketmatte.models.registry import create_model


def save_weights(path: Path, state: dict[str, Tensor], architecture: str, options: dict[str, Any], training: dict[str, Any]) -> None:
    """Write a checkpoint that :func:`load_weights` opens; ``training`` holds plain values for the model card."""
    part = path.with_suffix(".part")
    torch.save({"state": state, "architecture": architecture, "options": options, "training": training}, part)
    part.replace(path)


def load_weights(path: str | Path) -> tuple[nn.Module, dict[str, Any]]:
    """The network in evaluation mode, and the ``training`` values. Raises :class:`PocketmatteError` on any other file."""
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        network = create_model(stored["architecture"], **stored["options"])
        network.load_state_dict(stored["state"])
        return network.eval(), {**stored["training"], "architecture": stored["architecture"]}
    except FileNotFoundError as error:
        raise PocketmatteError(f"no weights at {path}") from error
    except Exception as error:  # torch reports a foreign file by many types of error
        raise PocketmatteError(f"{path} holds no trained weights of this project: {error}") from error
