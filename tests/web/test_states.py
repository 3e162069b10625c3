"""A model with a state in a real browser: each frame gets the alpha of the one before, and a cut forgets it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from playwright.sync_api import Page
from torch import nn

from pocketmatte.apps.site import HEADERS, site_files
from pocketmatte.core import Alpha, Frame, Size, UInt8Image
from pocketmatte.export.convert import Workshop
from pocketmatte.export.describe import draft_spec
from pocketmatte.export.request import Job, Request
from pocketmatte.models import create_model
from pocketmatte.ops.clean import clean_matte
from pocketmatte.pipeline.pipeline import Pipeline, load
from pocketmatte.spec import ModelSpec, WeightFile, sha256_of
from tests.web.clip import frames
from tests.web.server import serving

pytestmark = [pytest.mark.system, pytest.mark.build]

NAME = "random-video"
SIZE = Size(128, 128)
ARCHITECTURE = "matte-nano-video"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelSpec:
    """A video network that was never trained, stored in half precision, with answers that vary over the picture."""
    torch.manual_seed(3)
    network = create_model(ARCHITECTURE).eval()
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None
        norm.train()
        nn.init.uniform_(norm.weight, 0.8, 1.6)
        nn.init.normal_(norm.bias, std=0.3)
    picture = cv2.resize(frames(1)[0], SIZE, interpolation=cv2.INTER_AREA)
    image = torch.from_numpy(picture).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.no_grad():  # without statistics of its own every answer of such a network is nearly the same
        network(torch.cat([torch.cat([image, prior * torch.rand(1, 1, *SIZE)], 1) for prior in (0, 1)]))
    network.eval()
    folder, file = tmp_path_factory.mktemp(NAME), f"{NAME}.tflite"
    request = Request(("litert",), ("fp16",), SIZE)
    draft = draft_spec(network, {"name": NAME, "architecture": ARCHITECTURE}, SIZE, request)
    Workshop(network, SIZE, request, draft, folder, lambda _: None).make(Job("litert", "fp16", file))
    entry = WeightFile(file, "litert", sha256_of(folder / file), "fp16", "nhwc")
    spec = replace(draft, files=(entry,), golden=None, folder=folder)
    (folder / "spec.json").write_text(spec.to_json())
    return spec


def scenes() -> list[UInt8Image]:
    """Six frames; before each of the last two there is a cut."""
    clip = frames(6)
    return [*clip[:4], 255 - clip[4], clip[5]]


def follow(pipeline: Pipeline, pictures: list[UInt8Image], forget: bool = False) -> list[Alpha]:
    found = []
    for picture in pictures:
        if forget:
            pipeline.reset()
        found.append(pipeline.look(Frame(picture)).alpha)
    return found


def test_state_as_in_python(open_app: Callable[..., Page], model: ModelSpec) -> None:
    pictures = scenes()
    assert model.folder
    with load(model.folder / "spec.json", temporal="auto") as pipeline:
        wanted = follow(pipeline, pictures)
        forgetful = follow(pipeline, pictures, forget=True)
    remembered = [float(np.abs(a - b).max()) for a, b in zip(wanted, forgetful, strict=True)]
    assert remembered[0] == remembered[4] == remembered[5] == 0  # the first frames of their scenes
    assert min(remembered[1:4]) > 20 / 255

    files = site_files((model,))
    for index, picture in enumerate(pictures):
        files[f"frame{index}.png"] = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes()
    with serving(files, HEADERS) as address:
        page = open_app("?accelerator=wasm", address)
        page.evaluate("name => app.loadModel(name)", NAME)
        found = page.evaluate(
            "async count => { const mattes = []; for (let i = 0; i < count; i++) {"
            "  const frame = await createImageBitmap(await (await fetch(`frame${i}.png`)).blob());"
            "  const seen = await app.engine.ask({ kind: 'see', frame, live: true }, [frame]);"
            "  mattes.push([...seen.alpha]); } return mattes; }",
            len(pictures),
        )
    # The state is the network's own matte; what is shown is cleaned.
    cleaned = [clean_matte(alpha, "unsure") for alpha in wanted]
    assert max(np.abs(clean - alpha).max() for clean, alpha in zip(cleaned, wanted, strict=True)) > 20 / 255
    for index, (alpha, matte) in enumerate(zip(cleaned, found, strict=True)):
        assert np.abs(alpha - np.array(matte, np.float32).reshape(alpha.shape)).max() <= 2 / 255, index
