"""What is told of step processes: frozen values, ready for `msgspec.json`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from procession.process.recording import StepRun
from procession.process.status import Status


class ProcessInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One step process."""

    key: int
    process_id: str
    label: str
    class_version: int | None
    """None: its definition is not one of a step process."""
    processable: str | None
    """TYPE:ID."""
    channel: str
    status: Status
    step: str | None
    """Where it is; None once it has ended."""
    message: str | None
    """What it waits for, or why it is held or was abandoned."""
    started_at: datetime
    ended_at: datetime | None
    due_at: datetime | None
    """When a RETRY is tried again."""
    display: dict[str, Any]
    """`meta.display`: columns of the process's own."""
    incident_key: int | None = None
    job_key: int | None = None


class ProcessDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One step process with its history."""

    info: ProcessInfo
    meta: dict[str, Any]
    result: Any
    aborted: Aborted | None
    history: list[StepRun]
    """All runs of its steps, in order of time."""


class Aborted(msgspec.Struct, frozen=True, kw_only=True):
    """Who abandoned a process, when, from where and why."""

    by: str
    at: datetime
    origin: str
    reason: str
