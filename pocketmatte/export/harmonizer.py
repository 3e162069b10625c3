"""A trained harmoniser -> a folder with .tflite, ``spec.json`` and golden vectors, proven before it is kept."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from pocketmatte.core import PocketmatteError, Size
from pocketmatte.data.recipes import PEOPLE
from pocketmatte.export.litert import halve_weights
from pocketmatte.export.wrap import count_parameters
from pocketmatte.models.harmonizer import Harmonizer, load_harmonizer_weights
from pocketmatte.pipeline.harmonizer import check_harmonizer
from pocketmatte.spec import DataSource, InputSpec, Licences, ModelSpec, OutputSpec, WeightFile, sha256_of

BOUND = 2e-3  # largest difference of a number of the transform: half a grey level
LICENCE_DATE = "2026-11-22"  # when the terms of the data sets were looked up
FILE = "harmonizer.tflite"


class TransformNet(nn.Module):
    """The graph that is exported: ``composite [1,H,W,4]`` -> ``transform [1,66]``."""

    def __init__(self, network: Harmonizer) -> None:
        super().__init__()
        self.network = network

    def forward(self, composite: Tensor) -> dict[str, Tensor]:
        return {"transform": self.network(composite.permute(0, 3, 1, 2))}


def write_harmonizer(weights: Path, out: Path, *, force: bool = False) -> str:
    """Export ``weights`` (half precision) into ``out``; returns a line about the check.

    Raises :class:`PocketmatteError` when a file exists and ``force`` is off, or when the exported file strays from
    the trained network by more than ``BOUND``; nothing is left in ``out`` then.
    """
    network, training = load_harmonizer_weights(weights)
    names = (FILE, "golden.npz", "spec.json")
    if taken := [name for name in names if (out / name).exists() and not force]:
        raise PocketmatteError(f"{out} already holds {', '.join(taken)}; choose another folder or add --force")
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".export-") as temporary:
        folder = Path(temporary)
        side = int(training["config"]["size"])
        _convert(network, side, folder / FILE)
        spec = _describe(network, side, training, folder)
        (folder / "spec.json").write_text(spec.to_json())
        _write_vectors(network, side, folder / "golden.npz")
        worst, bound = check_harmonizer(spec)
        if not worst <= bound:
            raise PocketmatteError(
                f"{FILE} strays from the trained network by {worst:.2g}, allowed {bound:.2g}; not kept"
            )
        size = (folder / FILE).stat().st_size
        for name in names:
            (folder / name).replace(out / name)
    return f"{FILE}: {size / 1e6:.2f} MB, largest difference from the trained network {worst:.1e}"


def _convert(network: Harmonizer, side: int, path: Path) -> None:
    import litert_torch

    example = {"composite": torch.zeros(1, side, side, 4)}
    converted = litert_torch.convert(TransformNet(network).eval(), sample_kwargs=example)
    plain = path.with_suffix(".fp32.tflite")
    converted.export(str(plain))
    halve_weights(plain, path)
    plain.unlink()


def golden_composites(side: int) -> np.ndarray:
    """Drawn people before drawn scenes, uint8 ``[5,side,side,4]``: dark, bright, flat, tinted and very small ones."""
    rng = np.random.default_rng(11)
    found = []
    for light, size in ((0.25, 0.3), (1.0, 0.28), (0.6, 0.3), (0.5, 0.2), (0.7, 0.06)):
        scene = cv2.resize(
            rng.integers(30, 256, (6, 6, 3)).astype(np.uint8), (side, side), interpolation=cv2.INTER_CUBIC
        )
        alpha = np.zeros((side, side), np.uint8)
        body, radius = (side // 2, side), int(side * size)
        cv2.ellipse(alpha, body, (2 * radius, int(1.6 * radius)), 0, 0, 360, 255, -1, cv2.LINE_AA)
        cv2.circle(alpha, (side // 2, side - 2 * radius), radius, 255, -1, cv2.LINE_AA)
        person = np.full_like(scene, tuple(int(c * light) for c in rng.permutation([210, 160, 130])))
        person[side - radius :] = rng.integers(0, int(255 * light), 3)
        if light == 0.6:
            scene[:] = (120, 130, 140)
        a = alpha[..., None] / 255
        found.append(np.dstack([(person * a + scene * (1 - a) + 0.5).astype(np.uint8), alpha]))
    return np.stack(found)


def _write_vectors(network: Harmonizer, side: int, path: Path) -> None:
    inputs = (golden_composites(side) / 255).astype(np.float16)
    with torch.no_grad():
        answers = network(torch.from_numpy(inputs.astype(np.float32)).permute(0, 3, 1, 2).contiguous()).numpy()
    np.savez_compressed(path, composite=inputs, transform=answers, bound=np.float64(BOUND))


def _describe(network: Harmonizer, side: int, training: dict[str, Any], folder: Path) -> ModelSpec:
    return ModelSpec(
        name="harmonizer",
        version=date.today().strftime("%Y.%m.%d"),
        summary="Recolours a person for a new background: small composite and matte in, one colour transform out.",
        architecture="harmonizer",
        files=(WeightFile(FILE, "litert", sha256_of(folder / FILE), "fp16", "nhwc"),),
        input=InputSpec("composite", Size(side, side)),
        output=OutputSpec("transform", "color-transform"),
        parameters=count_parameters(network),
        macs=_count_macs(network, side),
        licences=Licences(
            code="Apache-2.0",
            weights="research use: several training sets allow no more",
            permissive=False,
            data=tuple(DataSource(p.name, p.licence, p.link, LICENCE_DATE) for p in PEOPLE if p.cut_out),
        ),
        training=training,
        golden="golden.npz",
        task="harmonize",
        folder=folder,
    )


def _count_macs(network: Harmonizer, side: int) -> int:
    total = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        weight = module.weight
        assert isinstance(weight, Tensor)
        total += output[0, 0].numel() * weight.numel()

    handles = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    try:
        with torch.no_grad():
            network(torch.zeros(1, 4, side, side))
    finally:
        for handle in handles:
            handle.remove()
    return total
