"""Reading a request's body: bounded in bytes and in time, never to disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from pocketmatte.apps.server.errors import RefusedError
from pocketmatte.apps.server.settings import ServerSettings
from pocketmatte.io.image_formats import HEAD, sniff


@dataclass(frozen=True)
class Upload:
    """One file of a form."""

    name: str
    data: bytes


@dataclass(frozen=True)
class Body:
    """``raw`` of a body that is the picture itself; else ``fields`` and ``files`` of a form by name."""

    raw: bytes | None = None
    fields: dict[str, str] = field(default_factory=dict)
    files: dict[str, list[Upload]] = field(default_factory=dict)

    def file(self, name: str) -> bytes | None:
        """The one file called ``name``. Raises :class:`RefusedError` for several."""
        found = self.files.get(name, [])
        if len(found) > 1:
            raise RefusedError(422, "invalid_field", f"{name}: expected one file, found {len(found)}")
        return found[0].data if found else None


_FIELDS = 32  # most fields of a form
_MULTIPART, _ADDRESS = "multipart/form-data", "application/x-www-form-urlencoded"


class _InMemory(MultiPartParser):
    spool_max_size = 2**40  # bodies are bounded before; a read-only disk is all a server needs


async def read_body(request: Request, settings: ServerSettings, raw: bool = True) -> Body:
    """The body of a request. ``raw``: whether a picture without a form around it is welcome.

    Raises :class:`RefusedError`: 408 too slow, 413 too large, 415 another type, 400 not the form it claims to be.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    form = kind == _MULTIPART or (kind == _ADDRESS and not raw)  # the latter only holds base64
    if not form and not (raw and (kind.startswith("image/") or kind == "application/octet-stream")):
        raise _wrong_type(kind, raw)
    try:
        async with asyncio.timeout(settings.read_timeout):
            data = await _bytes(request, settings.max_bytes)
    except TimeoutError as error:
        raise RefusedError(408, "too_slow", f"the request did not arrive within {settings.read_timeout:g} s") from error
    if not form:
        return Body(raw=data)
    if kind == _ADDRESS and sniff(data[:HEAD]):
        raise _wrong_type(kind, raw)
    return await _form(request, data, kind, settings)


def _wrong_type(kind: str, raw: bool) -> RefusedError:
    wanted = f"expected {_MULTIPART}, as curl -F sends it"
    if raw:
        wanted = "send Content-Type: image/jpeg (or what the picture is), or a form (curl -F image=@photo.jpg)"
    return RefusedError(415, "wrong_type", f"found content type {kind or 'none'}: {wanted}")


async def _bytes(request: Request, most: int) -> bytes:
    too_large = RefusedError(413, "too_large", f"expected a body of at most {most / 2**20:.3g} MiB")
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > most:
        raise too_large
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > most:
            raise too_large
    return bytes(data)


async def _form(request: Request, data: bytes, kind: str, settings: ServerSettings) -> Body:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield data

    try:
        if kind == _MULTIPART:
            parser = _InMemory(
                request.headers,
                stream(),
                max_files=settings.batch + 1,
                max_fields=_FIELDS,
                max_part_size=settings.max_bytes,
            )
            items = (await parser.parse()).multi_items()
        else:  # not by Starlette's parser, which takes no field above 1 MB, and some releases any number of them
            pairs = parse_qsl(data.decode("latin-1"), keep_blank_values=True, max_num_fields=_FIELDS)
            items = [(name, value) for name, value in pairs]
    except MultiPartException as error:
        raise RefusedError(400, "bad_form", f"the form cannot be read: {error.message}") from error
    except (UnicodeDecodeError, KeyError, ValueError, AssertionError) as error:
        raise RefusedError(400, "bad_form", f"the form cannot be read: {type(error).__name__}: {error}") from error
    fields: dict[str, str] = {}
    files: dict[str, list[Upload]] = {}
    for name, value in items:
        if isinstance(value, UploadFile):
            files.setdefault(name, []).append(Upload(value.filename or "", await value.read()))
        elif name in fields:
            raise RefusedError(422, "invalid_field", f"{name}: given more than once")
        else:
            fields[name] = value
    return Body(fields=fields, files=files)


def only(given: dict[str, list[Upload]], known: set[str]) -> None:
    """Raise :class:`RefusedError` when there are files under other names than ``known``."""
    if unknown := sorted(set(given) - known):
        raise RefusedError(422, "invalid_field", f"unknown files {unknown}; expected {sorted(known)}")
