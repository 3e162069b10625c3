"""Every failure as one JSON document with a code for programs and a message for people."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException

from pocketmatte.core import PocketmatteError

REMOVEBG = "/v1.0/"  # below it everything is as the remove.bg service has it


class Problem(BaseModel):
    """What went wrong."""

    code: str
    message: str


class ErrorBody(BaseModel):
    """The body of every answer that is not a result."""

    error: Problem


class RefusedError(Exception):
    """A request that gets no result: HTTP ``status``, ``code`` and ``message``, and when to try again in seconds."""

    def __init__(self, status: int, code: str, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.retry_after = status, code, message, retry_after


RESPONSES: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorBody, "description": "The picture or an option cannot be used."},
    401: {"model": ErrorBody, "description": "The API key is missing or wrong."},
    408: {"model": ErrorBody, "description": "The request did not arrive in time."},
    413: {"model": ErrorBody, "description": "The body or the picture is too large."},
    415: {"model": ErrorBody, "description": "A body of this type is not read here."},
    422: {"model": ErrorBody, "description": "A field is unknown, missing or has no known value."},
    429: {"model": ErrorBody, "description": "Too many requests are waiting; `Retry-After` says when to come back."},
    503: {
        "model": ErrorBody,
        "description": "The answer would have taken too long; `Retry-After` says when to come back.",
    },
}


def answer(refused: RefusedError, request: Request) -> Response:
    """The response for a :class:`RefusedError`, below ``/v1.0/`` in remove.bg's form."""
    headers = {"Retry-After": str(refused.retry_after)} if refused.retry_after is not None else None
    body: dict[str, Any] = ErrorBody(error=Problem(code=refused.code, message=refused.message)).model_dump()
    if request.url.path.startswith(REMOVEBG):
        body = {"errors": [{"title": refused.message, "code": refused.code}]}
    return JSONResponse(body, refused.status, headers)


def from_validation(errors: list[Any]) -> RefusedError:
    """Pydantic's findings as one line: which field, what was found."""
    parts = []
    for error in errors:
        where = ".".join(str(p) for p in error["loc"] if p not in ("query", "body"))
        parts.append(f"{where}: {error['msg']}")
    return RefusedError(422, "invalid_field", "; ".join(parts))


def install(app: FastAPI) -> None:
    """Make every exception of the routes such an answer."""

    @app.exception_handler(RefusedError)
    async def _refused(request: Request, error: RefusedError) -> Response:
        return answer(error, request)

    @app.exception_handler(PocketmatteError)
    async def _unusable(request: Request, error: PocketmatteError) -> Response:
        return answer(RefusedError(400, "unusable", str(error)), request)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        return answer(from_validation(list(error.errors())), request)

    @app.exception_handler(ValidationError)
    async def _invalid_form(request: Request, error: ValidationError) -> Response:
        return answer(from_validation(list(error.errors())), request)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        code = {404: "not_found", 405: "wrong_method"}.get(error.status_code, "bad_request")
        response = answer(RefusedError(error.status_code, code, str(error.detail)), request)
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(MemoryError)
    async def _memory(request: Request, _: MemoryError) -> Response:
        return answer(
            RefusedError(503, "out_of_memory", "not enough memory for this picture now; try later", 10), request
        )
