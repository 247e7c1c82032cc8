"""From gRPC statuses to our errors."""

from __future__ import annotations

import re

import grpc

from procession.errors import (
    Aborted,
    AlreadyExists,
    DeadlineExceeded,
    InvalidInput,
    NotAllowed,
    NotFound,
    NotReady,
    PayloadTooLarge,
    ProcessionError,
    ResourceExhausted,
    Unsupported,
    WrongState,
)

_ERRORS: dict[grpc.StatusCode, type[ProcessionError]] = {
    grpc.StatusCode.ABORTED: Aborted,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExists,
    grpc.StatusCode.CANCELLED: NotReady,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.FAILED_PRECONDITION: WrongState,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidInput,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.OUT_OF_RANGE: InvalidInput,
    grpc.StatusCode.PERMISSION_DENIED: NotAllowed,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ResourceExhausted,
    grpc.StatusCode.UNAUTHENTICATED: NotAllowed,
    grpc.StatusCode.UNAVAILABLE: NotReady,
    grpc.StatusCode.UNIMPLEMENTED: Unsupported,
}
_TOO_LARGE = re.compile(r"larger than max|exceeds maximum", re.IGNORECASE)
"""What gRPC libraries say of messages past their limit; the status is that of an overload."""


def error_of(error: grpc.aio.AioRpcError, call: str) -> ProcessionError:
    """What a failed call means; `call` is its name."""
    code, details = error.code(), error.details() or ""
    kind = _ERRORS.get(code, ProcessionError)
    if kind is ResourceExhausted and _TOO_LARGE.search(details):
        kind = PayloadTooLarge
    if kind is ProcessionError:
        details = f"the server failed: {code.name} {details}"
    elif kind is NotReady:
        details = f"the server is not available: {details}"
    elif kind is Unsupported:
        details = f"the server does not know {call}: {details}"
    return kind(details or f"{call} was refused: {code.name}")
