"""Golden vectors: a picture and the tensors and alpha it must give, shipped with every model.

Every client, in whatever language, is tested against the same vectors. The file is an ``.npz`` with ``image``
(uint8 RGB), ``tensor`` (the prepared input) and ``alpha`` (network size, float32), made by the trained network, and
``bound``: how far from that alpha a file of the shipped precision may be at any pixel.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pocketmatte.core import PocketmatteError, UInt8Image
from pocketmatte.pipeline.pipeline import Pipeline
from pocketmatte.pipeline.tensors import prepare
from pocketmatte.spec import ModelSpec


def write_golden(path: Path, image: UInt8Image, tensor: np.ndarray, alpha: np.ndarray, bound: float) -> None:
    """Store one vector; ``tensor`` in NHWC. In half precision, which is finer than a grey level and than any bound."""
    half = np.float16
    np.savez_compressed(
        path, image=image, tensor=tensor.astype(half), alpha=alpha.astype(half), bound=np.float64(bound)
    )


def read_golden(spec: ModelSpec) -> dict[str, np.ndarray]:
    """The vectors of a model. Raises :class:`PocketmatteError` when it has none."""
    path = (spec.folder or Path()) / (spec.golden or "")
    if not spec.golden or not path.is_file():
        raise PocketmatteError(f"model {spec.name} has no golden vectors beside its spec.json")
    with np.load(path) as arrays:
        return {name: arrays[name] for name in ("image", "tensor", "alpha", "bound")}


def check_golden(pipeline: Pipeline) -> tuple[float, float]:
    """Largest absolute difference of the pipeline's alpha from the golden one, in 0..1, and the bound it must keep.

    The difference is infinite if the input tensor already differs by more than one grey level."""
    vectors = read_golden(pipeline.spec)
    prepared = prepare(vectors["image"], pipeline.spec, "nhwc")
    level = 1 / (255 * min(pipeline.spec.input.std))
    bound = float(vectors["bound"])
    if np.abs(prepared.tensor - vectors["tensor"]).max() > 1.01 * level:
        return float("inf"), bound
    pipeline.reset()
    alpha, _ = pipeline.infer(vectors["image"])
    pipeline.reset()
    return float(np.abs(alpha - vectors["alpha"]).max()), bound
