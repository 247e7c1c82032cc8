"""What an error means to a gRPC client: a status code, and a text that says what was wanted and why not."""

from __future__ import annotations

from grpc import StatusCode

from procession.errors import (
    Aborted,
    AlreadyExists,
    DeadlineExceeded,
    InvalidInput,
    NotFound,
    NotReady,
    PayloadTooLarge,
    ProcessionError,
    ResourceExhausted,
    StorageError,
    WrongState,
)

# The first that fits counts: the more special ones stand before their bases.
_CODES: tuple[tuple[type[ProcessionError], StatusCode], ...] = (
    (PayloadTooLarge, StatusCode.RESOURCE_EXHAUSTED),
    (InvalidInput, StatusCode.INVALID_ARGUMENT),
    (NotFound, StatusCode.NOT_FOUND),
    (WrongState, StatusCode.FAILED_PRECONDITION),
    (AlreadyExists, StatusCode.ALREADY_EXISTS),
    (Aborted, StatusCode.ABORTED),
    (DeadlineExceeded, StatusCode.DEADLINE_EXCEEDED),
    (ResourceExhausted, StatusCode.RESOURCE_EXHAUSTED),
    (NotReady, StatusCode.UNAVAILABLE),
    (StorageError, StatusCode.UNAVAILABLE),
)

LONGEST = 4000
"""Characters of a text: it travels in a trailer, and clients limit those to 8 KB."""


class Unimplemented(ProcessionError):
    """A call, or a part of it, that this version cannot carry out."""


def code_of(error: ProcessionError) -> StatusCode | None:
    """The status of an error; None if it is our own fault."""
    if isinstance(error, Unimplemented):
        return StatusCode.UNIMPLEMENTED
    return next((code for kind, code in _CODES if isinstance(error, kind)), None)


def text_of(command: str, goal: str, code: StatusCode, error: ProcessionError) -> str:
    """Why a command was refused.

    >>> text_of("COMPLETE", "complete job 7", StatusCode.NOT_FOUND, NotFound("there is none"))
    "Command 'COMPLETE' rejected with code 'NOT_FOUND': Expected to complete job 7, but there is none"
    """
    text = f"Command '{command}' rejected with code '{code.name}': Expected to {goal}, but {error.message}"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ..."
