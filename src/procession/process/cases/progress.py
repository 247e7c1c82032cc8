"""What the diagram and the stages of a case tell each other: its variables besides the data."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Any

import msgspec

CASE, PAYLOAD, REQUEST, REPLY, RESULT, ERROR = "case", "payload", "request", "reply", "result", "error"
RESERVED = (CASE, PAYLOAD, REQUEST, REPLY, RESULT, ERROR)
"""Names that data cannot have; all other variables of a case are its data."""


class Move(StrEnum):
    """How the last stage ended, and so where the case goes in its diagram."""

    NEXT = "next"
    DELAY = "delay"
    REQUEST = "request"
    FINISH = "finish"
    FAIL = "fail"


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """The variable `case`."""

    stage: str
    """That runs next."""
    move: Move = Move.NEXT
    ordinal: int = 0
    """Requests made so far."""
    asked: str | None = None
    """The stage whose reply the next one gets."""
    delay: timedelta | None = None
    priority: int | None = None
    retries: int | None = None
    timeout: timedelta | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The variable `request`."""

    task: str
    """The task id, and the id of the message."""
    service: str
    command: str
    payload: Any
    wait: timedelta


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """The variable `reply`."""

    body: Any = None
    late: bool = False
    """It did not come in time."""


class CaseFailure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a case went to its `@catch`, or failed: the variable `error`."""

    code: str
    """`reply-late` when a service did not answer in time; else a `CaseError`'s, or `failed`."""
    message: str
    stage: str | None = None
    """That failed."""
    attempts: int = 0


REPLY_LATE = "reply-late"
FAILED = "failed"
