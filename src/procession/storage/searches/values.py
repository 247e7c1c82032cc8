"""What searches answer: frozen values with aware datetimes (UTC), ready for `msgspec.json`."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from procession.model import Kind


class InstanceStatus(StrEnum):
    """Of a process instance or an element instance. What is completing or terminating is still active."""

    ACTIVE = "ACTIVE"
    COMPLETED = "COMPLETED"
    TERMINATED = "TERMINATED"


class IncidentKind(StrEnum):
    """The types of `procession.engine.records.IncidentType`, by name (spec: Zeebe's error types)."""

    UNKNOWN = "UNKNOWN"
    IO_MAPPING_ERROR = "IO_MAPPING_ERROR"
    JOB_NO_RETRIES = "JOB_NO_RETRIES"
    CONDITION_ERROR = "CONDITION_ERROR"
    EXTRACT_VALUE_ERROR = "EXTRACT_VALUE_ERROR"
    CALLED_ELEMENT_ERROR = "CALLED_ELEMENT_ERROR"
    UNHANDLED_ERROR_EVENT = "UNHANDLED_ERROR_EVENT"
    MESSAGE_SIZE_EXCEEDED = "MESSAGE_SIZE_EXCEEDED"
    CALLED_DECISION_ERROR = "CALLED_DECISION_ERROR"
    DECISION_EVALUATION_ERROR = "DECISION_EVALUATION_ERROR"
    FORM_NOT_FOUND = "FORM_NOT_FOUND"
    RESOURCE_NOT_FOUND = "RESOURCE_NOT_FOUND"


class InstanceInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One process instance."""

    key: int
    process_id: str
    version: int
    state: InstanceStatus
    business_key: str | None
    started_at: datetime
    ended_at: datetime | None
    incidents: int
    """Open ones."""


class IncidentInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One incident. Those of commands that reached no instance name none."""

    key: int
    type: IncidentKind
    message: str
    element_id: str | None
    instance_key: int | None
    process_id: str | None
    business_key: str | None
    job_key: int | None
    created_at: datetime
    ended_at: datetime | None
    """When it was resolved; None while it is open."""


class PathStep(msgspec.Struct, frozen=True, kw_only=True):
    """One visit to an element."""

    key: int
    element_id: str
    name: str | None
    kind: Kind
    state: InstanceStatus
    started_at: datetime
    ended_at: datetime | None
    flow_id: str | None
    """The sequence flow the token came by; None for starts, boundary events and loop children."""
    loop_counter: int
    """1-based position of a multi-instance child; 0 elsewhere."""
    scope_key: int
    """The sub-process or multi-instance body around it, or the process instance."""
    depth: int
    """How many element instances are around it; 0 in the process itself."""


class WaitingAt(msgspec.Struct, frozen=True, kw_only=True):
    """A place where tokens wait, and what for."""

    element_id: str
    name: str | None
    reason: str
    key: int | None
    """Of the element instance; None for tokens before a joining gateway."""


class InstanceDetail(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one process instance."""

    info: InstanceInfo
    path: list[PathStep]
    """In order of time."""
    path_truncated: bool
    """There are more steps than were asked for; the earliest are given."""
    waiting: list[WaitingAt]
    waiting_truncated: bool
    variables: dict[str, Any]
    """Those of the root scope, as JSON values."""
    incidents: list[IncidentInfo]
    """Open ones, newest first."""


class JobCounts(msgspec.Struct, frozen=True, kw_only=True):
    """The open jobs of one type."""

    type: str
    activatable: int
    """Wait for a worker, those with an expired lease included."""
    leased: int
    retrying: int
    """Failed, and wait for the end of their backoff."""
    failed: int
    """Wait for somebody to resolve their incident."""


class DefinitionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a process."""

    key: int
    process_id: str
    version: int
    name: str | None
    deployed_at: datetime
    deleted_at: datetime | None = None


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a database, in numbers."""

    schema_version: int
    instances: dict[InstanceStatus, int]
    open_incidents: int
    jobs: list[JobCounts]
    timers: int
    next_timer_due: datetime | None
    messages: int
    """Published, not expired, kept for subscriptions to come."""
    definitions: list[DefinitionStatus]
    """The latest version of each process."""
