"""The application: routes, limits and pages put together."""

from __future__ import annotations

import hmac
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, Response
from pydantic import BaseModel
from starlette.middleware.cors import CORSMiddleware

import pocketmatte
from pocketmatte.apps.server import errors, pages, removebg, v1
from pocketmatte.apps.server.engine import Engine
from pocketmatte.apps.server.errors import RefusedError
from pocketmatte.apps.server.metrics import Metrics
from pocketmatte.apps.server.settings import ServerSettings

_GUARDED = (
    "/v1/",
    errors.REMOVEBG,
)  # what an API key guards; health, figures and pages tell nothing of anybody's pictures


class Health(BaseModel):
    """The answer of ``/healthz``."""

    status: str
    version: str
    model: str


def create_app(settings: ServerSettings) -> FastAPI:
    """The ASGI application. Raises :class:`pocketmatte.PocketmatteError` for a model or device that cannot be had."""
    engine = Engine(settings)
    metrics = Metrics(engine)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        engine.close()

    app = FastAPI(
        title="pocketmatte",
        version=pocketmatte.__version__,
        description="Cuts people out of pictures. Nothing that is sent is kept, and nothing is fetched from elsewhere.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    errors.install(app)
    app.include_router(v1.router(settings, engine, metrics))
    app.include_router(removebg.router(settings, engine))

    @app.get("/healthz", tags=["operation"])
    async def healthz() -> Health:
        """Whether the server is up, and with which model."""
        return Health(status="ok", version=pocketmatte.__version__, model=engine.model)

    @app.get("/metrics", tags=["operation"], response_class=PlainTextResponse)
    async def figures() -> Response:
        """Figures for Prometheus."""
        return PlainTextResponse(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(pages.reference(app.openapi()))

    @app.middleware("http")
    async def watch(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
        started = time.perf_counter()
        path = request.url.path
        if path.startswith(_GUARDED) and not _allowed(request, settings.api_key):
            refused = RefusedError(401, "no_key", "send the server's API key as X-Api-Key or bearer token")
            response = errors.answer(refused, request)
        else:
            response = await proceed(request)
        route = getattr(request.scope.get("route"), "path", None)
        metrics.request(route or "other", response.status_code, time.perf_counter() - started)
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.origins),
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=["Server-Timing", "X-Pocketmatte-Model", "X-Pocketmatte-Notes"],
        )
    pages.mount(app, settings.web)
    return app


def _allowed(request: Request, key: str | None) -> bool:
    if key is None or request.method == "OPTIONS":
        return True
    given = request.headers.get("x-api-key") or ""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if not given and scheme.lower() == "bearer":
        given = token.strip()
    return hmac.compare_digest(given.encode(), key.encode())
