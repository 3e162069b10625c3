"""The ``data`` verbs: look at training data, shrink it to carry it, improve its labels, see what training draws."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from pocketmatte.apps.build import need
from pocketmatte.core import PocketmatteError


def pack(out: Path, data: Path | None, side: int, max_mb: float) -> None:
    """Write a small copy of the data and, when they are installed, the ImageNet weights of the encoder."""
    need("train", "torch")
    from pocketmatte.data.pack import pack_data
    from pocketmatte.data.recipes import data_root
    from pocketmatte.models.efficientnet_lite import write_imagenet
    from pocketmatte.train.setup import PRETRAINED

    def tell(done: int, total: int) -> None:
        if done % 500 == 0 or done == total:
            print(f"{done}/{total} files", file=sys.stderr, flush=True)

    packed = pack_data(data_root(data), out, side, max_mb, tell)
    print(
        f"{packed.files} files, {packed.size / 1e6:.1f} MB, pictures at quality {packed.quality}, "
        f"labels in {packed.levels} levels"
    )
    weights = out / PRETRAINED
    weights.parent.mkdir()
    try:
        write_imagenet(weights)
        print(f"{weights}: {weights.stat().st_size / 1e6:.1f} MB")
    except ImportError as error:
        print(f"without ImageNet weights: {error}", file=sys.stderr)


def draw(out: Path, people: int, backgrounds: int, side: int) -> None:
    """Write drawn people, to try the training commands with."""
    need("train", "torch")
    from pocketmatte.data.drawn import draw_data

    draw_data(out, people, backgrounds, side)
    print(f"{out}: {people} people, {backgrounds} backgrounds")


def inspect(data: Path | None) -> None:
    """One line per set: pictures, held-out pictures, trust, share of the picture that is person."""
    need("train", "torch")
    import numpy as np

    from pocketmatte.data.recipes import data_root, is_validation, people_sets
    from pocketmatte.data.store import load_store

    root = data_root(data)
    people = [*load_store(root, 64).people, *load_store(root, 64, validation=True).people]
    writer = csv.writer(sys.stdout, delimiter="\t", lineterminator="\n")
    writer.writerow(["set", "label", "pictures", "held out", "trust", "person share", "soft share", "nobody"])
    for recipe in people_sets(root):
        mine = [p for p in people if p.recipe.name == recipe.name]
        held = sum(is_validation(*p.name.split("/", 1)) for p in mine)
        share = [float((p.alpha > 127).mean()) for p in mine]
        soft = [float(((p.alpha > 12) & (p.alpha < 243)).mean()) for p in mine]
        trust = np.mean([p.trust.mean() / 255 for p in mine])
        numbers = [f"{value:.3f}" for value in (trust, np.mean(share), np.mean(soft))]
        writer.writerow([recipe.name, recipe.label, len(mine), held, *numbers, sum(s < 0.005 for s in share)])


def compose(config: Path, out: Path, data: Path | None, count: int, seed: int) -> None:
    """A sheet of training samples with their mattes, as a run of ``config`` would draw them."""
    need("train", "torch", "yaml")
    import cv2
    import numpy as np

    from pocketmatte.data.bank import build_bank
    from pocketmatte.data.recipes import data_root
    from pocketmatte.data.store import load_store
    from pocketmatte.data.stream import Position, draw_batch
    from pocketmatte.train.config import read_config

    chosen = read_config(config)
    if out.exists():
        raise PocketmatteError(f"{out} exists; choose another name")
    store = load_store(data_root(data), chosen.data.side, only=chosen.data.only or 60)
    batch = draw_batch(build_bank(store), chosen.data.mix, chosen.stages[-1].size, count, Position(seed, 0, 0))
    images = batch.image.permute(0, 2, 3, 1).numpy()
    alphas = np.repeat(batch.alpha.permute(0, 2, 3, 1).numpy(), 3, 3)
    tiles = [np.hstack([i, a]) for i, a in zip(images, alphas, strict=True)]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % 4)
    sheet = np.vstack([np.hstack(tiles[k : k + 4]) for k in range(0, len(tiles), 4)])
    done, encoded = cv2.imencode(out.suffix or ".png", sheet[..., ::-1])
    if not done:
        raise PocketmatteError(f"cannot write pictures of the type {out.suffix!r}")
    out.write_bytes(encoded.tobytes())
    print(out)


def label(teacher: Path, data: Path | None, size: int) -> None:
    """Write ``soft/`` and ``trust/`` beside the labels of every set: the labels improved by a trained network."""
    need("train", "torch")
    from pocketmatte.train.relabel import improve_labels

    for name, count in improve_labels(teacher, data, size).items():
        print(f"{name}: {count} labels")
