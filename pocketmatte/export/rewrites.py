"""Named rewrites that keep what a network computes and change how: for files, and for networks before export."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from pocketmatte.core import PocketmatteError
from pocketmatte.export.flatbuffer import read_model, write_model

# name -> (module, function); the torch ones are loaded only when asked for
FILE_REWRITES = {
    "expand-half": ("rewrites_flatbuffer", "expand_half"),
    "flat-bias": ("rewrites_flatbuffer", "flat_bias"),
    "fuse-prelu": ("rewrites_elementwise", "fuse_prelu"),
    "merge-affine": ("rewrites_elementwise", "merge_affine"),
    "merge-pad": ("rewrites_flatbuffer", "merge_pad"),
    "pair-pixels": ("rewrites_pairs", "pair_pixels"),
    "pool-to-convolution": ("rewrites_flatbuffer", "pool_to_convolution"),
    "prelu-to-max": ("rewrites_elementwise", "prelu_to_max"),
    "remove-transposes": ("rewrites_flatbuffer", "remove_transposes"),
    "short-names": ("rewrites_flatbuffer", "short_names"),
    "split-resize": ("rewrites_resize", "split_resize"),
    "split-prior": ("rewrites_flatbuffer", "split_prior"),
}
NETWORK_REWRITES = {
    "prelu-to-relu": ("rewrites_torch", "prelu_to_relu"),
    "fold-batch-norm": ("rewrites_torch", "fold_batch_norm"),
    "head-before-resize": ("rewrites_torch", "head_before_resize"),
    "true-dilation": ("rewrites_torch", "true_dilation"),
    "equalize": ("rewrites_equalize", "equalize"),
}


def apply_rewrites(model: Any, names: Sequence[str]) -> tuple[Any, dict[str, int]]:
    """Apply rewrites in the order of ``names``; returns the rewritten model and how often each applied.

    ``model`` is what :func:`~pocketmatte.export.flatbuffer.read_model` returns (changed in place) or a torch network
    in evaluation mode (copied; the copy may be a traced ``GraphModule``). Raises :class:`PocketmatteError` for a name
    that is unknown or meant for the other kind.
    """
    of_file = type(model).__name__ == "ModelT"
    known = FILE_REWRITES if of_file else NETWORK_REWRITES
    functions = {name: _function(name, known) for name in names}
    counts: dict[str, int] = {}
    for name, function in functions.items():
        if of_file:
            counts[name] = function(model)
        else:
            model, counts[name] = function(model)
    return model, counts


def rewrite_file(tflite: Path, out: Path, names: Sequence[str]) -> dict[str, int]:
    """Write ``tflite`` to ``out`` with the rewrites ``names`` applied; returns how often each did."""
    model, counts = apply_rewrites(read_model(tflite), names)
    write_model(model, out)
    return counts


def _function(name: str, known: Mapping[str, tuple[str, str]]) -> Callable[[Any], Any]:
    if name not in known:
        kind = "files" if known is FILE_REWRITES else "networks"
        raise PocketmatteError(f"unknown rewrite {name!r} for {kind}; known: {', '.join(sorted(known))}")
    module, function = known[name]
    found: Callable[[Any], Any] = getattr(import_module(f"pocketmatte.export.{module}"), function)
    return found
