"""``POST /v1.0/removebg``: the request and answer of the remove.bg service; its clients only change the host.

Read are ``image_file``, ``image_file_b64``, ``size``, ``format``, ``channels``, ``bg_color``, ``bg_image_file``,
``crop`` and ``crop_margin``. Fields that would have the server fetch an address (``image_url``, ``bg_image_url``) and
those without a counterpart here (``roi``, ``scale``, ``position``, shadows) are refused by name, never ignored.
"""

from __future__ import annotations

import base64
import binascii
import re

import numpy as np
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from PIL import Image, ImageColor

from pocketmatte.apps.jobs import cut_image
from pocketmatte.apps.server.body import Body, read_body
from pocketmatte.apps.server.engine import Engine, Models
from pocketmatte.apps.server.errors import RefusedError
from pocketmatte.apps.server.options import MEDIA, decode
from pocketmatte.apps.server.settings import ServerSettings
from pocketmatte.core import Alpha, Size, UInt8Image
from pocketmatte.effects.backdrop import fit_picture
from pocketmatte.effects.looks import Look
from pocketmatte.effects.render import Renderer
from pocketmatte.io.images import encode_image
from pocketmatte.ops.clean import DEFAULT_CLEAN
from pocketmatte.ops.composite import composite

_PIXELS = {"preview": 250_000, "small": 250_000, "regular": 250_000, "medium": 1_500_000, "hd": 4_000_000}
_FULL = {"auto", "full", "4k", "50MP"}
_REFUSED = ("image_url", "bg_image_url", "roi", "scale", "position", "add_shadow", "shadow_type", "shadow_opacity")
_NEUTRAL = {"scale": "original", "position": "original", "add_shadow": "false"}  # what these fields say by default
_IGNORED = {"type", "type_level", "semitransparency"}  # hints about what is in the picture
_KNOWN = {"size", "format", "channels", "bg_color", "crop", "crop_margin", "image_file_b64"}
_FILE = {"type": "string", "format": "binary"}
_FORM = {
    "type": "object",
    "properties": {
        "image_file": _FILE,
        "image_file_b64": {"type": "string"},
        "size": {"type": "string", "enum": sorted((*_PIXELS, *_FULL))},
        "format": {"type": "string", "enum": ["auto", "png", "jpg", "webp"]},
        "channels": {"type": "string", "enum": ["rgba", "alpha"]},
        "bg_color": {"type": "string", "description": "RGB or RRGGBB in hex digits, or a colour name; opaque."},
        "bg_image_file": _FILE,
        "crop": {"type": "string", "enum": ["true", "false"]},
        "crop_margin": {"type": "string", "description": "Pixels (`30px`) or per cent of the subject (`10%`)."},
    },
}


class _Wanted:
    """The parsed form. Raises :class:`RefusedError` for whatever is not understood."""

    def __init__(self, body: Body) -> None:
        fields = {name: value.strip() for name, value in body.fields.items() if value.strip()}
        for name in _REFUSED:
            if name in fields and fields[name].lower() != _NEUTRAL.get(name):
                raise RefusedError(
                    400, "unsupported_parameter", f"{name} is not supported: send pictures as files, unplaced"
                )
        unknown = set(fields) - _KNOWN - _IGNORED - set(_REFUSED)
        if unknown or (set(body.files) - {"image_file", "bg_image_file"}):
            raise RefusedError(400, "unknown_parameter", f"unknown fields {sorted(unknown) or sorted(body.files)}")
        self.size = fields.get("size", "auto")
        if self.size not in _PIXELS and self.size not in _FULL:
            raise RefusedError(
                400, "invalid_size", f"unknown size {self.size!r}: expected {', '.join((*_PIXELS, *_FULL))}"
            )
        self.format = fields.get("format", "auto")
        if self.format not in ("auto", "png", "jpg", "webp"):
            raise RefusedError(
                400, "invalid_format", f"unknown format {self.format!r}: expected auto, png, jpg or webp"
            )
        self.channels = fields.get("channels", "rgba")
        if self.channels not in ("rgba", "alpha"):
            raise RefusedError(400, "invalid_channels", f"unknown channels {self.channels!r}: expected rgba or alpha")
        self.color = _color(fields["bg_color"]) if "bg_color" in fields else None
        crop = fields.get("crop", "false").lower()
        if crop not in ("true", "false"):
            raise RefusedError(400, "invalid_crop", f"unknown crop {crop!r}: expected true or false")
        self.crop = crop == "true"
        self.margin = _margin(fields.get("crop_margin", "0"))
        self.background = body.file("bg_image_file")
        if self.background is not None and self.color is not None:
            raise RefusedError(400, "multiple_backgrounds", "expected bg_color or bg_image_file, found both")
        uploads = [body.file("image_file"), _base64(fields.get("image_file_b64"))]
        given = [data for data in uploads if data is not None]
        if len(given) != 1:
            code = "missing_source" if not given else "multiple_sources"
            raise RefusedError(400, code, f"expected one of image_file and image_file_b64, found {len(given)}")
        self.data = given[0]


def router(settings: ServerSettings, engine: Engine) -> APIRouter:
    """The route, bound to one engine. Errors have remove.bg's form, see :mod:`pocketmatte.apps.server.errors`."""
    api = APIRouter(prefix="/v1.0", tags=["remove.bg compatible"])
    errors = {
        "type": "object",
        "properties": {
            "errors": {
                "type": "array",
                "items": {"type": "object", "properties": {"title": {"type": "string"}, "code": {"type": "string"}}},
            }
        },
    }
    failed = {"description": "What went wrong.", "content": {"application/json": {"schema": errors}}}
    kinds = {kind: {"schema": _FILE} for kind in ("image/png", "image/jpeg", "image/webp")}
    done = {"description": "The result.", "content": {**kinds, "application/json": {"schema": {"type": "object"}}}}

    @api.post(
        "/removebg",
        response_class=Response,
        responses={200: done, **dict.fromkeys((400, 401, 408, 413, 415, 422, 429, 503), failed)},
        openapi_extra={"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}},
    )
    async def removebg(request: Request) -> Response:
        """Remove the background as remove.bg's service does. Nothing is charged, no address is fetched."""
        with engine.admit():
            wanted = _Wanted(await read_body(request, settings, raw=False))
            as_json = "application/json" in request.headers.get("accept", "")
            return await engine.run(lambda models: _work(models, wanted, settings.max_pixels, as_json))

    return api


def _work(models: Models, wanted: _Wanted, max_pixels: int, as_json: bool) -> Response:
    picture = decode(wanted.data, "image_file", max_pixels)
    pipeline = models.pipeline("guided", "fast" if wanted.channels == "rgba" else "none", DEFAULT_CLEAN, "all")
    rgba, _ = cut_image(picture, pipeline, Renderer(Look("rgba")))
    found = _box(rgba[..., 3])
    pixels = _on_background(rgba, wanted, max_pixels)
    if wanted.crop:
        top, left, bottom, right = _with_margin(found, wanted.margin, rgba.shape[0], rgba.shape[1])
        pixels = np.ascontiguousarray(pixels[top:bottom, left:right])
        found = (found[0] - top, found[1] - left, found[2] - top, found[3] - left)
    full = pixels.shape[:2]
    pixels = _scaled(pixels, _PIXELS.get(wanted.size))
    ratio = pixels.shape[0] / full[0], pixels.shape[1] / full[1]
    form = wanted.format
    if form == "auto":
        form = "png" if pixels.shape[2:] != (3,) else "jpg"
    if form == "jpg" and pixels.shape[2:] == (4,):  # as the service does: no transparency in JPEG, so white
        pixels = composite(pixels[..., :3], _unit(pixels[..., 3]), np.full_like(pixels[..., :3], 255))
    data = encode_image(pixels, ".jpeg" if form == "jpg" else f".{form}")
    place = {
        "foreground_top": round(found[0] * ratio[0]),
        "foreground_left": round(found[1] * ratio[1]),
        "foreground_width": round((found[3] - found[1]) * ratio[1]),
        "foreground_height": round((found[2] - found[0]) * ratio[0]),
    }
    if as_json:
        return JSONResponse({"data": {"result_b64": base64.b64encode(data).decode(), **place}})
    headers = {
        "X-Type": "person" if found[2] > found[0] else "other",
        "X-Width": str(pixels.shape[1]),
        "X-Height": str(pixels.shape[0]),
        "X-Credits-Charged": "0",
        **{f"X-{key.replace('_', '-').title()}": str(value) for key, value in place.items()},
    }
    return Response(data, 200, headers, MEDIA["jpeg" if form == "jpg" else form])


def _on_background(rgba: UInt8Image, wanted: _Wanted, max_pixels: int) -> UInt8Image:
    if wanted.channels == "alpha":
        return np.ascontiguousarray(rgba[..., 3])
    if wanted.background is not None:
        plate = fit_picture(decode(wanted.background, "bg_image_file", max_pixels).image, Size(*rgba.shape[:2]))
    elif wanted.color is not None:
        plate = np.broadcast_to(np.array(wanted.color, np.uint8), (*rgba.shape[:2], 3)).copy()
    else:
        return rgba
    return composite(np.ascontiguousarray(rgba[..., :3]), _unit(rgba[..., 3]), plate)


def _unit(alpha: UInt8Image) -> Alpha:
    return alpha.astype(np.float32) * np.float32(1 / 255)


def _box(alpha: UInt8Image) -> tuple[int, int, int, int]:
    """Top, left, bottom, right of what is at least half opaque; zeros when nothing is."""
    rows, columns = np.flatnonzero((alpha > 127).any(1)), np.flatnonzero((alpha > 127).any(0))
    if not rows.size:
        return 0, 0, 0, 0
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def _with_margin(
    box: tuple[int, int, int, int], margin: tuple[float, bool], height: int, width: int
) -> tuple[int, int, int, int]:
    top, left, bottom, right = box
    if bottom == top:
        return 0, 0, height, width
    amount, relative = margin
    down = round(amount * (bottom - top)) if relative else round(amount)
    aside = round(amount * (right - left)) if relative else round(amount)
    return max(top - down, 0), max(left - aside, 0), min(bottom + down, height), min(right + aside, width)


def _scaled(pixels: UInt8Image, most: int | None) -> UInt8Image:
    height, width = pixels.shape[:2]
    if most is None or height * width <= most:
        return pixels
    scale = (most / (height * width)) ** 0.5
    size = max(1, int(width * scale)), max(1, int(height * scale))
    picture = Image.fromarray(pixels)
    if picture.mode == "RGBA":  # averaged premultiplied: colours of transparent pixels must not bleed in
        return np.array(picture.convert("RGBa").resize(size, Image.Resampling.BOX).convert("RGBA"))
    return np.array(picture.resize(size, Image.Resampling.BOX))


def _color(text: str) -> tuple[int, int, int]:
    try:
        found = ImageColor.getrgb(text if not re.fullmatch(r"[0-9a-fA-F]{3}|[0-9a-fA-F]{6}", text) else f"#{text}")
    except ValueError as error:
        raise RefusedError(400, "invalid_bg_color", f"bg_color {text!r}: expected RRGGBB or a colour name") from error
    if len(found) != 3:
        raise RefusedError(400, "invalid_bg_color", f"bg_color {text!r}: half-transparent colours are not supported")
    return found


def _margin(text: str) -> tuple[float, bool]:
    found = re.fullmatch(r"(\d{1,5}(?:\.\d+)?)(px|%)?", text)
    if not found or (found[2] == "%" and float(found[1]) > 50):
        raise RefusedError(
            400, "invalid_crop_margin", f"crop_margin {text!r}: expected pixels (30px) or per cent up to 50%"
        )
    amount = float(found[1])
    return (amount / 100, True) if found[2] == "%" else (amount, False)


def _base64(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        return base64.b64decode(text.partition(",")[2] if text.startswith("data:") else text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RefusedError(400, "invalid_file", f"image_file_b64 is no base64: {error}") from error
