"""What a status of gRPC becomes."""

from __future__ import annotations

import grpc
import pytest
from grpc import StatusCode

from procession import (
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
from procession.client.remote.statuses import error_of


def failed(code: StatusCode, details: str = "no job 7") -> ProcessionError:
    metadata = grpc.aio.Metadata()
    return error_of(grpc.aio.AioRpcError(code, metadata, metadata, details), "CompleteJob")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (StatusCode.ABORTED, Aborted),
        (StatusCode.ALREADY_EXISTS, AlreadyExists),
        (StatusCode.CANCELLED, NotReady),
        (StatusCode.DEADLINE_EXCEEDED, DeadlineExceeded),
        (StatusCode.FAILED_PRECONDITION, WrongState),
        (StatusCode.INVALID_ARGUMENT, InvalidInput),
        (StatusCode.NOT_FOUND, NotFound),
        (StatusCode.PERMISSION_DENIED, NotAllowed),
        (StatusCode.RESOURCE_EXHAUSTED, ResourceExhausted),
        (StatusCode.UNAUTHENTICATED, NotAllowed),
        (StatusCode.UNAVAILABLE, NotReady),
        (StatusCode.UNIMPLEMENTED, Unsupported),
        (StatusCode.INTERNAL, ProcessionError),
        (StatusCode.UNKNOWN, ProcessionError),
    ],
)
def test_each_status_has_its_error_and_keeps_its_text(code: StatusCode, kind: type[Exception]) -> None:
    error = failed(code)
    assert type(error) is kind
    assert "no job 7" in error.message


def test_a_message_over_the_limit_is_not_an_overload() -> None:
    error = failed(StatusCode.RESOURCE_EXHAUSTED, "CLIENT: Received message larger than max (9 vs. 4)")
    assert type(error) is PayloadTooLarge


def test_a_status_without_text_names_the_call() -> None:
    assert "CompleteJob" in failed(StatusCode.NOT_FOUND, "").message
