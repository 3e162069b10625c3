"""A run's complete state as a folder of a few small files, whole or not at all.

Master weights are kept in single precision. When the folder would grow over its limit, the optimiser's moments go to
bfloat16 (16 to 12 bytes per parameter), then the averaged weights to half-precision differences from the weights (10).
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pocketmatte.core import PocketmatteError

MAX_SHARDS = 8
SHARD_BYTES = 15 * 2**20
_HEADER = 512  # bytes at the start of each shard
State = dict[str, Any]


def write_checkpoint(folder: Path, state: State, max_mb: float = 100.0) -> int:
    """Write ``state`` (with ``model``, ``average``, ``optimizer`` state dicts and plain values) to ``folder``.

    At most 8 files of at most 15 MiB, together at most ``max_mb`` MiB. An earlier checkpoint is replaced only when the
    new one is complete. Returns the number of shards; raises :class:`PocketmatteError` when it cannot be made to fit.
    """
    limit = min(int(max_mb * 2**20), MAX_SHARDS * SHARD_BYTES) - MAX_SHARDS * _HEADER
    for shape in (_exact, _short_moments, _short_average):
        data = _serialise(shape(state))
        if len(data) <= limit:
            break
    else:
        found, allowed = (f"{size / 2**20:.0f} MiB" for size in (len(data), limit))
        raise PocketmatteError(f"the checkpoint takes {found}, allowed are {allowed}; raise checkpoint_mb (most: 120)")
    room = SHARD_BYTES - _HEADER
    pieces = [data[at : at + room] for at in range(0, len(data), room)]
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    digest = hashlib.sha256(data).hexdigest()
    for number, piece in enumerate(pieces):
        header = json.dumps({"shard": number, "of": len(pieces), "sha256": digest}).encode().ljust(_HEADER)
        with (fresh / f"shard-{number}.bin").open("wb") as file:
            file.write(header)
            file.write(piece)
            file.flush()
            os.fsync(file.fileno())
    old = folder.with_name(folder.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
    return len(pieces)


def read_checkpoint(folder: Path) -> State | None:
    """What :func:`write_checkpoint` wrote, ``None`` when there is none.

    A kill between two renames leaves the state beside the folder; it is found there. Raises :class:`PocketmatteError`
    for an incomplete or damaged one.
    """
    for place in (folder, folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")):
        if (place / "shard-0.bin").exists() and (place == folder or _complete(place)):
            return _unpack(_join(place))
    return None


def _complete(folder: Path) -> bool:
    try:
        _join(folder)
    except PocketmatteError:
        return False
    return True


def _join(folder: Path) -> State:
    shards = sorted(folder.glob("shard-*.bin"), key=lambda p: int(p.stem.split("-")[1]))
    contents = [path.read_bytes() for path in shards]
    try:
        header = json.loads(contents[0][:_HEADER])
        data = b"".join(content[_HEADER:] for content in contents)
        if header["of"] != len(shards) or hashlib.sha256(data).hexdigest() != header["sha256"]:
            raise ValueError(f"found {len(shards)} of {header['of']} shards, or one was changed")
        stored: State = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except (ValueError, KeyError, RuntimeError, pickle.UnpicklingError) as error:
        raise PocketmatteError(f"the checkpoint in {folder} is damaged: {error}") from error
    return stored


def _serialise(state: State) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def _exact(state: State) -> State:
    return {**state, "form": "exact"}


def _short_moments(state: State) -> State:
    return {**_exact(state), "form": "moments", "optimizer": _moments(state["optimizer"], lambda t: t.bfloat16())}


def _short_average(state: State) -> State:
    model = state["model"]
    average = {
        name: (tensor - model[f"network.{name}"]).half() if tensor.is_floating_point() else tensor
        for name, tensor in state["average"].items()
    }
    return {**_short_moments(state), "form": "average", "average": average}


def _unpack(state: State) -> State:
    form = state.pop("form")
    if form != "exact":
        state["optimizer"] = _moments(state["optimizer"], lambda t: t.float())
    if form == "average":
        model = state["model"]
        state["average"] = {
            name: model[f"network.{name}"] + tensor.float() if tensor.is_floating_point() else tensor
            for name, tensor in state["average"].items()
        }
    return state


def _moments(optimizer: State, change: Callable[[Tensor], Tensor]) -> State:
    """The optimiser's state with ``change`` applied to its moments (not to the scalar step counts)."""
    state = {
        key: {name: change(value) if value.ndim else value for name, value in entry.items()}
        for key, entry in optimizer["state"].items()
    }
    return {**optimizer, "state": state}
