"""``/v1``: cut-out, matte and batch."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from pocketmatte.apps.server.body import Body, Upload, only, read_body
from pocketmatte.apps.server.engine import Engine, Models
from pocketmatte.apps.server.errors import RESPONSES, RefusedError
from pocketmatte.apps.server.metrics import Metrics
from pocketmatte.apps.server.options import MEDIA, CutoutRequest, MatteRequest, Result, cut, matte
from pocketmatte.apps.server.settings import ServerSettings
from pocketmatte.core import PocketmatteError

R = TypeVar("R", bound=BaseModel)
_FILE = {"type": "string", "format": "binary"}


def _documented(model: type[BaseModel], files: dict[str, Any], required: str, raw: bool) -> dict[str, Any]:
    """What OpenAPI says of the body: a form of files and the options, or the picture itself."""
    form = {
        "type": "object",
        "properties": {**files, **model.model_json_schema()["properties"]},
        "required": [required],
        "additionalProperties": False,
    }
    content: dict[str, Any] = {"multipart/form-data": {"schema": form}}
    if raw:
        content["image/*"] = content["application/octet-stream"] = {"schema": _FILE}
    return {"requestBody": {"required": True, "content": content}}


def _answers(*formats: str, extra: str | None = None) -> dict[int | str, dict[str, Any]]:
    kinds = [MEDIA[f] for f in formats] + ([extra] if extra else [])
    return {200: {"description": "The result.", "content": {kind: {"schema": _FILE} for kind in kinds}}, **RESPONSES}


def _options(model: type[R], query: R, fields: dict[str, str]) -> R:
    """Options of the address, overridden by those of the form."""
    return model.model_validate({**query.model_dump(exclude_unset=True), **fields})


def _picture(body: Body, others: set[str]) -> bytes:
    only(body.files, {"image", *others})
    data = body.raw if body.raw is not None else body.file("image")
    if data is None:
        raise RefusedError(422, "invalid_field", "image: expected a file of that name in the form")
    return data


def respond(result: Result, model: str) -> Response:
    """An image with how long it took (``Server-Timing``) and what was noticed (``X-Pocketmatte-Notes``)."""
    timing = ", ".join(f"{step};dur={1000 * seconds:.1f}" for step, seconds in result.seconds.items())
    headers = {"Server-Timing": timing, "X-Pocketmatte-Model": model}
    if result.notes:
        headers["X-Pocketmatte-Notes"] = "; ".join(result.notes).encode("ascii", "replace").decode()
    return Response(result.data, 200, headers, result.media)


def router(settings: ServerSettings, engine: Engine, metrics: Metrics) -> APIRouter:
    """The routes, bound to one engine."""
    api = APIRouter(prefix="/v1", tags=["cut-out"])

    async def one(work: Callable[[Models], Result]) -> Response:
        result = await engine.run(work)
        metrics.result(result)
        return respond(result, engine.model)

    @api.post(
        "/cutout",
        response_class=Response,
        responses=_answers("png", "webp", "jpeg", "tiff"),
        openapi_extra=_documented(CutoutRequest, {"image": _FILE, "background": _FILE}, "image", True),
    )
    async def cutout(request: Request, query: Annotated[CutoutRequest, Query()]) -> Response:
        """Cut the people out of one picture, or put them on another background."""
        with engine.admit():
            body = await read_body(request, settings)
            options = _options(CutoutRequest, query, body.fields)
            data, background = _picture(body, {"background"}), body.file("background")
            return await one(lambda models: cut(models, data, background, options, settings.max_pixels))

    @api.post(
        "/matte",
        response_class=Response,
        responses=_answers("png", "webp", "tiff", "npy"),
        openapi_extra=_documented(MatteRequest, {"image": _FILE}, "image", True),
    )
    async def matte_only(request: Request, query: Annotated[MatteRequest, Query()]) -> Response:
        """The matte of one picture: 255 or 1.0 where there is a person."""
        with engine.admit():
            body = await read_body(request, settings)
            options = _options(MatteRequest, query, body.fields)
            data = _picture(body, set())
            return await one(lambda models: matte(models, data, options, settings.max_pixels))

    @api.post(
        "/batch",
        response_class=Response,
        responses=_answers(extra="application/zip"),
        openapi_extra=_documented(
            CutoutRequest, {"images": {"type": "array", "items": _FILE}, "background": _FILE}, "images", False
        ),
    )
    async def batch(request: Request, query: Annotated[CutoutRequest, Query()]) -> Response:
        """Cut out several pictures alike: a ZIP of results and ``results.json``, which also says what failed.

        When nothing could be done, the answer is what the first picture alone would have got.
        """
        with engine.admit():
            body = await read_body(request, settings, raw=False)
            only(body.files, {"images", "background"})
            options = _options(CutoutRequest, query, body.fields)
            uploads, background = body.files.get("images", []), body.file("background")
            if not 1 <= len(uploads) <= settings.batch:
                raise RefusedError(
                    422, "invalid_field", f"images: expected 1 to {settings.batch} files, found {len(uploads)}"
                )
            archive, deadline = _Archive(options.format), engine.deadline()
            share = settings.max_pixels // len(uploads)
            for upload in uploads:
                try:
                    result = await engine.run(partial(_cut, upload.data, background, options, share), deadline)
                except (RefusedError, PocketmatteError) as error:
                    if isinstance(error, RefusedError) and error.status == 503:
                        raise
                    archive.fail(upload, error)
                else:
                    metrics.result(result)
                    archive.add(upload, result)
            if archive.empty:
                raise archive.errors[0]
            return Response(archive.close(), 200, {"X-Pocketmatte-Model": engine.model}, "application/zip")

    return api


def _cut(data: bytes, background: bytes | None, options: CutoutRequest, share: int, models: Models) -> Result:
    return cut(models, data, background, options, share)


class _Archive:
    """A ZIP in memory. Pictures are compressed already, so it only stores."""

    def __init__(self, form: str) -> None:
        self._files: dict[str, bytes] = {}
        self._rows: list[dict[str, Any]] = []
        self.errors: list[Exception] = []
        self._suffix = "jpg" if form == "jpeg" else form

    def add(self, upload: Upload, result: Result) -> None:
        stem = re.sub(r"[^\w.-]+", "_", Path(upload.name.replace("\\", "/")).stem).strip("._")[:80] or "picture"
        name = f"{len(self._rows) + 1:02d}-{stem}.{self._suffix}"
        self._files[name] = result.data
        self._rows.append({"input": upload.name, "state": "done", "file": name, "message": "; ".join(result.notes)})

    def fail(self, upload: Upload, error: Exception) -> None:
        self.errors.append(error)
        self._rows.append({"input": upload.name, "state": "failed", "file": None, "message": str(error)})

    @property
    def empty(self) -> bool:
        """Whether no picture could be done."""
        return not self._files

    def close(self) -> bytes:
        file = BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for name, data in self._files.items():
                archive.writestr(name, data)
            archive.writestr("results.json", json.dumps(self._rows, indent=1))
        return file.getvalue()
