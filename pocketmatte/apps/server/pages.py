"""What a browser sees: the API reference, and the web app with the headers that let it use threads."""

from __future__ import annotations

import html
import json
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from pocketmatte.apps.site import HEADERS, PAGE, site_files

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
h2{border-top:1px solid #ccc;padding-top:1rem}
code,pre{background:#f3f3f3;border-radius:4px}pre{padding:1rem;overflow:auto}
code{padding:.1rem .3rem}table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.3rem .6rem;text-align:left}
@media (prefers-color-scheme:dark){body{color:#ddd;background:#1b1b1b}code,pre{background:#2b2b2b}}
"""


class _Isolated(StaticFiles):
    """The page's folder, and beside it what lies elsewhere or has to be unpacked: models and network engines."""

    def __init__(self) -> None:
        super().__init__(directory=PAGE, html=True)
        self._beside = {
            name: content
            for name, content in site_files().items()
            if isinstance(content, bytes) or not content.is_relative_to(PAGE)
        }

    async def get_response(self, path: str, scope: MutableMapping[str, Any]) -> Response:
        content = self._beside.get(path) if scope["method"] in ("GET", "HEAD") else None
        if content is None:
            response = await super().get_response(path, scope)
        elif isinstance(content, Path):
            response = FileResponse(content, media_type="application/octet-stream")
        else:
            kind = "application/json" if path.endswith(".json") else "application/octet-stream"
            response = Response(content, media_type=kind)
        response.headers.update(HEADERS)
        response.headers["Cache-Control"] = "no-cache"  # revalidated by ETag; the service worker does the caching
        return response


def mount(app: FastAPI, web: bool) -> None:
    """The web app at ``/`` when it is wanted and installed, else a page that names the routes."""
    if web and (PAGE / "index.html").is_file():
        app.mount("/", _Isolated(), name="web")
        return

    @app.get("/", include_in_schema=False)
    async def index() -> Response:
        return HTMLResponse(reference(app.openapi()))


def reference(document: dict[str, Any]) -> str:
    """The OpenAPI document as one page that needs nothing from elsewhere."""
    info = document["info"]
    parts = [
        f"<h1>{html.escape(info['title'])} {html.escape(info['version'])}</h1>",
        f"<p>{html.escape(info['description'])}</p>",
    ]
    parts.append('<p>For programs: <a href="openapi.json">openapi.json</a></p>')
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts.append(f"<h2><code>{method.upper()} {html.escape(path)}</code></h2>")
            parts.append(f"<p>{html.escape(operation.get('description', operation.get('summary', '')))}</p>")
            fields = _fields(operation)
            if fields:
                rows = "".join(
                    f"<tr><td><code>{html.escape(n)}</code></td><td>{html.escape(t)}</td></tr>" for n, t in fields
                )
                parts.append(f"<table><tr><th>field</th><th>values</th></tr>{rows}</table>")
            answers = [
                f"<li><b>{code}</b> {html.escape(a['description'])}</li>" for code, a in operation["responses"].items()
            ]
            parts.append(f"<ul>{''.join(answers)}</ul>")
    example = "curl -F image=@photo.jpg -F look=blur http://HOST:PORT/v1/cutout -o out.png"
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(info['title'])}</title>"
        f"<meta name=viewport content='width=device-width'><style>{_STYLE}</style>"
        f"{''.join(parts)}<pre>{html.escape(example)}</pre></html>"
    )


def _fields(operation: dict[str, Any]) -> list[tuple[str, str]]:
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("multipart/form-data", {}).get("schema", {})
    rows = []
    for name, field in schema.get("properties", {}).items():
        values = (
            ", ".join(map(str, field["enum"])) if "enum" in field else ("file" if "binary" in json.dumps(field) else "")
        )
        default = f" (default {field['default']})" if "default" in field else ""
        rows.append((name, " ".join(filter(None, (values + default, field.get("description", ""))))))
    return rows
