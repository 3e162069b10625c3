"""The options of a request and the work they ask for; nothing here opens a file or an address that a client names."""

from __future__ import annotations

import time
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from pocketmatte.apps.jobs import NOBODY, CutOut, Settings, cut_image, somebody
from pocketmatte.apps.server.engine import Models
from pocketmatte.apps.server.errors import RefusedError
from pocketmatte.core import PocketmatteError
from pocketmatte.effects.backdrop import Fit, PictureBackdrop
from pocketmatte.effects.blend import parse_blend
from pocketmatte.effects.looks import Look, parse_look
from pocketmatte.effects.presets import parse_preset
from pocketmatte.effects.render import Renderer
from pocketmatte.io.images import LoadedImage, decode_image, encode_image
from pocketmatte.ops.clean import DEFAULT_CLEAN, Clean
from pocketmatte.ops.subject import Subject
from pocketmatte.pipeline.pipeline import Foreground, Refine

MEDIA = {
    "png": "image/png",
    "webp": "image/webp",
    "jpeg": "image/jpeg",
    "tiff": "image/tiff",
    "npy": "application/octet-stream",
}


class MatteOptions(BaseModel):
    """How the matte is made; the words are those of ``pocketmatte run``."""

    model_config = ConfigDict(extra="forbid")

    refine: Refine = Field("guided", description="How the small matte reaches full size.")
    clean: Clean = Field(DEFAULT_CLEAN, description="Fade what the network is not sure of; fill holes, remove islands.")
    subject: Subject = Field("all", description="All people in front, or the main one.")


class MatteRequest(MatteOptions):
    """Options of ``/v1/matte``."""

    format: Literal["png", "webp", "tiff", "npy"] = Field(
        "png", description="8-bit picture, or the float32 array [H,W] in 0..1 as a NumPy file."
    )


class CutoutRequest(MatteOptions):
    """Options of ``/v1/cutout``."""

    look: str = Field(
        "rgba",
        max_length=64,
        description="rgba, alpha, blur[:S], bokeh[:S], depth[:S], pixelate[:CELLS] or color:#RRGGBB; left out with a "
        "`background` file, which then is the look.",
    )
    blend: str = Field("alpha", max_length=200, description="Blend filter, with options as NAME:KEY=VALUE,...")
    fit: Fit = Field("cover", description="How the `background` file fills the frame.")
    preset: str = Field("none", max_length=200, description="Finish: none, sepia, curve, kuwahara.")
    foreground: Foreground = Field("fast", description="How the person's own colours are estimated at soft edges.")
    format: Literal["png", "webp", "jpeg", "tiff"] = Field("png", description="Type of the answer; JPEG is opaque.")


@dataclass(frozen=True)
class Result:
    """An answer: the file, its media type, the seconds each step took, notes on the picture."""

    data: bytes
    media: str
    seconds: dict[str, float]
    notes: tuple[str, ...] = ()


def decode(data: bytes, name: str, max_pixels: int) -> LoadedImage:
    """An uploaded picture. Raises :class:`RefusedError`: 413 for too many pixels, 400 for everything else."""
    if not data:
        raise RefusedError(400, "unusable", f"{name} is empty: expected a picture file")
    try:
        return decode_image(data, name, max_pixels)
    except PocketmatteError as error:
        large = "expected at most" in str(error) or "too large" in str(error)
        raise RefusedError(413 if large else 400, "too_large" if large else "unusable", str(error)) from error


def cut(models: Models, data: bytes, background: bytes | None, request: CutoutRequest, max_pixels: int) -> Result:
    """The work of ``/v1/cutout``. Raises :class:`RefusedError` or :class:`PocketmatteError`."""
    look = _look(request, background)
    if look.transparent and request.format == "jpeg":
        raise RefusedError(
            400, "unusable", "JPEG cannot hold transparency: use format png, webp or tiff, or another look"
        )
    settings = Settings(
        look,
        foreground=request.foreground,
        blend=parse_blend(request.blend),
        fit=request.fit,
        preset=parse_preset(request.preset),
    )
    settings.check_used("a `background` file")
    clock = _Clock()
    picture = decode(data, "image", max_pixels)
    backdrop = None
    if background is not None:
        backdrop = PictureBackdrop(decode(background, "background", max_pixels).image, request.fit)
    clock.lap("decode")
    harmonizer = models.harmonizer() if settings.blend.needs_harmonizer else None
    renderer = Renderer(look, backdrop, blend=settings.blend, preset=settings.preset, harmonizer=harmonizer)
    foreground = request.foreground if look.needs_foreground else "none"
    pipeline = models.pipeline(request.refine, foreground, request.clean, request.subject)
    cut = cut_image(picture, pipeline, renderer)
    clock.lap("cut")
    return _encoded(cut, request.format, clock)


def matte(models: Models, data: bytes, request: MatteRequest, max_pixels: int) -> Result:
    """The work of ``/v1/matte``. Raises :class:`RefusedError` or :class:`PocketmatteError`."""
    clock = _Clock()
    picture = decode(data, "image", max_pixels)
    clock.lap("decode")
    pipeline = models.pipeline(request.refine, "none", request.clean, request.subject)
    if request.format != "npy":
        cut = cut_image(picture, pipeline, Renderer(Look("alpha")))
        clock.lap("cut")
        return _encoded(cut, request.format, clock)
    from pocketmatte.core import Frame

    alpha = pipeline.step(Frame(picture.image)).alpha
    if picture.alpha is not None:
        alpha = alpha * (picture.alpha.astype(np.float32) * np.float32(1 / 255))
    clock.lap("cut")
    file = BytesIO()
    np.save(file, alpha)
    clock.lap("encode")
    notes = picture.notes if somebody(alpha) else (*picture.notes, NOBODY)
    return Result(file.getvalue(), MEDIA["npy"], clock.laps, notes)


def _look(request: CutoutRequest, background: bytes | None) -> Look:
    if background is not None:
        if "look" in request.model_fields_set:
            raise RefusedError(400, "unusable", "a background file is the look: leave `look` out")
        return Look("image", path=Path("background"))
    if request.look.partition(":")[0] in ("image", "video"):
        raise RefusedError(400, "unusable", "files of the server are not read: send the picture as `background`")
    return parse_look(request.look)


def _encoded(cut: CutOut, form: str, clock: _Clock) -> Result:
    data = encode_image(cut.pixels, f".{form}")
    clock.lap("encode")
    return Result(data, MEDIA[form], clock.laps, cut.notes)


class _Clock:
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name], self._last = now - self._last, now
