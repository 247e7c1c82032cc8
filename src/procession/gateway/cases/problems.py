"""Errors as HTTP answers: problem details (RFC 9457)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException

from procession.errors import (
    InvalidInput,
    NotFound,
    NotReady,
    PayloadTooLarge,
    ProcessionError,
    ResourceExhausted,
    StorageError,
    Unsupported,
    WrongState,
)

log = logging.getLogger("procession.http")

# The first that fits counts: the more special ones stand before their bases.
_STATUSES: tuple[tuple[type[ProcessionError], HTTPStatus], ...] = (
    (PayloadTooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (InvalidInput, HTTPStatus.BAD_REQUEST),
    (NotFound, HTTPStatus.NOT_FOUND),
    (WrongState, HTTPStatus.CONFLICT),
    (ResourceExhausted, HTTPStatus.SERVICE_UNAVAILABLE),
    (NotReady, HTTPStatus.SERVICE_UNAVAILABLE),
    (StorageError, HTTPStatus.SERVICE_UNAVAILABLE),
    (Unsupported, HTTPStatus.NOT_IMPLEMENTED),
)
RETRY_AFTER_SECONDS = 1


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request was not carried out."""

    title: str
    status: int
    detail: str
    type: str = "about:blank"


def of_procession(request: Request[Any, Any, Any], error: ProcessionError) -> Response[Problem]:
    """What an error of ours means to a client."""
    status = next(
        (status for kind, status in _STATUSES if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR
    )
    return _response(status, error.message)


def of_framework(request: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    """What Litestar refuses: unknown paths, methods, bodies that are no JSON."""
    detail = f"{error.detail} ({error.extra})" if error.extra else str(error.detail)
    return _response(HTTPStatus(error.status_code), detail, dict(error.headers or {}))


def of_fault(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """A fault of our own; what it was is in the log only."""
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _response(HTTPStatus.INTERNAL_SERVER_ERROR, "the server failed; its log says why")


def _response(status: HTTPStatus, detail: str, headers: dict[str, str] | None = None) -> Response[Problem]:
    headers = headers or {}
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return Response(
        Problem(title=status.phrase, status=status, detail=detail),
        status_code=status,
        media_type="application/problem+json",
        headers=headers,
    )


HANDLERS: dict[int | type[Exception], Callable[[Request[Any, Any, Any], Any], Response[Problem]]] = {
    ProcessionError: of_procession,
    HTTPException: of_framework,
    Exception: of_fault,
}
