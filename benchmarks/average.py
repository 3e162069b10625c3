"""Averages the weights of two runs of one network, the second of which began with the weights of the first.

Run:  python -m benchmarks.average FIRST.pt SECOND.pt [--shares 0,0.25,0.5,0.75,1] [--size 256] [--data FOLDER]
      python -m benchmarks.average FIRST.pt SECOND.pt --shares 0.5 --out MIXED.pt
      python -m benchmarks.average FIRST.pt SECOND.pt --shares 1 --twin TWIN.pt --out NEW.pt
Both ends lie in one valley of the loss, and between them is often a better place than either (Wortsman et al. 2022,
"Model soups"; Izmailov et al. 2018). Every share is scored on the held-out pictures of the training sets, and on groups
composed of the people in them (``groups``: mIoU). ``--out`` writes the one with the best score. With ``--twin``, a
network that was fine-tuned from FIRST gets what SECOND learned since: TWIN + share x (SECOND - FIRST) (Ilharco et al.
2023, "Editing models with task arithmetic").
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from torch import Tensor

from benchmarks.command import launch, shares
from pocketmatte.data.held_out import hold_out, hold_out_groups
from pocketmatte.data.recipes import data_root
from pocketmatte.data.store import load_store
from pocketmatte.models.checkpoint import load_weights, read_options, save_weights
from pocketmatte.train.validate import validate

State = dict[str, Tensor]


def moved(start: State, first: State, second: State, share: float) -> State:
    """``start`` + ``share`` x (``second`` - ``first``); input channels that only ``start`` has keep their weights."""
    result = {}
    for name, value in start.items():
        result[name] = value = value.clone()
        if not value.is_floating_point() or name not in first or name not in second:
            continue
        change = share * (second[name].float() - first[name].float())
        if change.shape == value.shape:
            result[name] = value.float() + change
        else:
            result[name] = value.float()
            result[name][:, : change.shape[1]] += change
        if name.endswith("running_var"):
            result[name].clamp_(min=1e-5)
    return result


def main() -> None:
    """Parse options, average, score, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("--twin", type=Path)
    parser.add_argument("--shares", type=shares, default="0,0.25,0.5,0.75,1")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--name", help="name of the model that --out holds")
    options = parser.parse_args()
    (older, before), (newer, since) = (load_weights(path) for path in (options.first, options.second))
    first, second = older.state_dict(), newer.state_dict()
    base = options.twin or options.second
    network, training = load_weights(base)
    own = {name: value.clone() for name, value in network.state_dict().items()}  # not what is scored share by share
    start = own if options.twin else {name: first.get(name, value) for name, value in own.items()}
    store = load_store(data_root(options.data), options.size, validation=True, threads=1)
    held, groups = hold_out(store, options.size), hold_out_groups(store, options.size)
    best: tuple[float, State, dict[str, Any]] | None = None
    for share in options.shares:
        state = moved(start, first, second, share)
        network.load_state_dict(state)
        found = {name: round(value, 5) for name, value in validate(network, held).items()}
        found["groups"] = round(validate(network, groups)["miou"], 5)
        print(f"{share:5.2f}  " + "  ".join(f"{name} {value:.4f}" for name, value in found.items()), flush=True)
        if best is None or found["score"] > best[0]:
            best = (found["score"], state, {"validation": found})
    if options.out and best is not None:
        architecture, built = read_options(base)
        for key in ("samples", "minutes"):
            training[key] += (since if options.twin else before)[key]
        training |= {**best[2], **({"name": options.name} if options.name else {})}
        training.pop("architecture")
        save_weights(options.out, best[1], architecture, built, training)


if __name__ == "__main__":
    launch(main)
