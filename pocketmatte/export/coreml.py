"""PyTorch -> Core ML (.mlpackage, ML program): an app hands over a picture as it is and gets the alpha."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pocketmatte.export.wrap import AlphaNet, example_inputs

MINIMUM = "iOS15"  # the first system with ML programs


class PictureNet(nn.Module):
    """``image`` ``[N,3,H,W]`` in grey levels 0..255 -> alpha ``[N,1,H,W]``: the normalisation is part of the graph."""

    scale: Tensor
    offset: Tensor

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.alpha = AlphaNet(network, nhwc=False)
        mean, std = float(getattr(network, "mean", 0.0)), float(getattr(network, "std", 1.0))
        self.register_buffer("scale", torch.tensor(1 / (255 * std)))
        self.register_buffer("offset", torch.tensor(mean / std))

    def forward(self, image: Tensor, prior: Tensor | None = None) -> Tensor:
        x = image * self.scale - self.offset
        alpha: Tensor = self.alpha(x) if prior is None else self.alpha(x, prior)
        return alpha


def to_coreml(
    network: nn.Module, size: tuple[int, int], path: Path, precision: str = "fp16", *, batch: int = 1, text: str = ""
) -> None:
    """Write an ML program for iOS 15 and macOS 12 upwards whose input ``image`` is an RGB picture of ``size``.

    A video network also has ``prior`` ``[N,1,H,W]``; feed ``alpha`` back as it. ``precision`` ``fp16`` computes in half
    precision, which the Neural Engine needs; ``fp32`` in single. With ``batch`` over 1 the picture is an array
    ``[N,3,H,W]`` of grey levels instead, because Core ML's picture inputs hold one. Raises ``ValueError`` for
    another precision.
    """
    if precision not in ("fp32", "fp16"):
        raise ValueError(f"precision {precision!r}: expected fp32 or fp16")
    ct = load_coremltools()
    examples = example_inputs(network, size, batch=batch)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trace: Any = torch.jit.trace  # has no types
        traced = trace(PictureNet(network).eval(), tuple(examples.values()))
        inputs = [
            ct.ImageType("image", shape=tuple(tensor.shape), color_layout=ct.colorlayout.RGB)
            if name == "image" and batch == 1
            else ct.TensorType(name, shape=tuple(tensor.shape))
            for name, tensor in examples.items()
        ]
        model = ct.convert(
            traced,
            inputs=inputs,
            outputs=[ct.TensorType("alpha")],
            convert_to="mlprogram",
            minimum_deployment_target=getattr(ct.target, MINIMUM),
            compute_precision=ct.precision.FLOAT16 if precision == "fp16" else ct.precision.FLOAT32,
            skip_model_load=True,
        )
    model.short_description = text
    model.input_description["image"] = f"RGB picture, {size[1]} wide, {size[0]} high"
    model.output_description["alpha"] = "how much each pixel belongs to a person, 0..1"
    if "prior" in examples:
        model.input_description["prior"] = "alpha of the previous frame; zeros at the start"
    model.save(str(path))


def load_coremltools() -> Any:
    """The package, without its remarks: off macOS it cannot run models, and torch is newer than it was tested with."""
    logging.getLogger("coremltools").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import coremltools
    return coremltools
