"""What is told of business cases: frozen values, ready for `msgspec.json`; hidden fields are `***`."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from procession.process.cases.progress import CaseFailure


class CaseStatus(StrEnum):
    RUNNING = "RUNNING"
    """A stage runs, or is about to."""
    WAITING = "WAITING"
    """For the reply of a service, or for a time."""
    RETRY = "RETRY"
    """A stage failed and is tried again."""
    HELD = "HELD"
    """A stage has failed for good and nothing catches that: see its incident."""
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


ENDED = frozenset({CaseStatus.FINISHED, CaseStatus.FAILED, CaseStatus.CANCELLED})


class CaseInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One business case."""

    key: int
    case_id: str
    api: str
    label: str
    status: CaseStatus
    stage: str | None
    """That runs, or runs next; None once it has ended."""
    message: str | None
    """What it waits for, or why it is tried again, held or failed."""
    business_key: str | None
    started_at: datetime
    ended_at: datetime | None
    due_at: datetime | None = None
    """When a RETRY is tried again."""
    incident_key: int | None = None


class StageRun(msgspec.Struct, frozen=True, kw_only=True):
    """One visit of a stage, with all its tries."""

    stage: str
    started_at: datetime
    ended_at: datetime | None


class CaseDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One business case with its data and the stages it went through."""

    info: CaseInfo
    payload: Any
    data: dict[str, Any]
    result: Any
    error: CaseFailure | None
    stages: list[StageRun]
