"""What a run starts from: pictures on the device, the network with its first weights, the teachers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from pocketmatte.core import PocketmatteError
from pocketmatte.data.bank import Bank, build_bank
from pocketmatte.data.held_out import HeldOut, hold_out
from pocketmatte.data.soften import soften_store
from pocketmatte.data.store import Store, load_store
from pocketmatte.models import create_model
from pocketmatte.models.checkpoint import load_matching
from pocketmatte.train.config import TrainConfig
from pocketmatte.train.teacher import load_teacher, opinion_of

PRETRAINED = Path("pretrained") / "efficientnet-lite0.pt"  # in the data folder, for machines without the package
Note = Callable[[str], None]


@dataclass
class Pictures:
    """``bank`` to train on, ``people`` in it, and the held-out pictures, made for each input size when asked."""

    bank: Bank
    held_store: Store
    _held: dict[int, HeldOut] = field(default_factory=dict)

    @property
    def people(self) -> int:
        """Samples of one epoch."""
        return self.bank.people

    def held_out(self, size: int) -> HeldOut:
        """The validation pictures at ``size``, on the bank's device."""
        if size not in self._held:
            self._held = {size: hold_out(self.held_store, size).to(self.bank.pixels.device)}
        return self._held[size]


def load_pictures(
    config: TrainConfig, root: Path, device: torch.device, autocast: AbstractContextManager[object], note: Note
) -> Pictures:
    """Decode, let the label teacher improve the labels, lay out on ``device``."""
    settings = config.data
    threads = torch.get_num_threads() if device.type == "cpu" else 16
    held = load_store(root, settings.side, validation=True, only=settings.only, threads=threads)
    if not held.people:
        raise PocketmatteError(f"{root} holds no people for validation: about every sixteenth picture is held out")
    store = load_store(root, settings.side, only=settings.only, threads=threads)
    if config.label_teacher:
        expert = load_teacher(config.label_teacher, device)
        with autocast:
            store = soften_store(store, opinion_of(expert, device), config.label_size, threads=threads)
        note(f"labels improved by {config.label_teacher}")
    bank = build_bank(store, device, threads)
    note(
        f"{len(store.people)} people and {len(store.backgrounds)} backgrounds to learn from, {len(held.people)} and "
        f"{len(held.backgrounds)} held out; {bank.pixels.numel() * 8 / 1e9:.1f} GB on {device.type}"
    )
    return Pictures(bank, held)


def start_network(config: TrainConfig, root: Path, fresh: bool, note: Note) -> nn.Module:
    """The configured architecture; a ``fresh`` one with ImageNet weights in its encoder and the tensors of ``init``."""
    try:
        network = create_model(config.architecture, **config.options)
    except (KeyError, TypeError) as error:
        raise PocketmatteError(str(error.args[0])) from error
    if not fresh:
        return network
    load = getattr(network, "load_pretrained_encoder", None)
    if config.pretrained_encoder and load is not None and not config.options.get("pruned"):
        path = root / PRETRAINED
        try:
            load(path if path.is_file() else None)
        except ImportError as error:
            raise PocketmatteError(f"{error}; or put {PRETRAINED} into the data folder") from error
    if config.init:
        note(f"from {config.init}: {load_matching(network, config.init)}")
    return network
