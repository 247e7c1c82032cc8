"""The incidents a remote server is known to have made: those of jobs that we failed for good."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypeGuard

from procession.broker import ActivatedJob, IncidentNotice
from procession.engine import commands as c
from procession.engine.records import IncidentType


def fails_for_good(command: c.Command) -> TypeGuard[c.FailJob]:
    """Whether a server that accepts this makes an incident."""
    return isinstance(command, c.FailJob) and command.retries <= 0


def notice(command: c.FailJob, job: ActivatedJob) -> IncidentNotice:
    """What is known of the incident. The protocol does not answer its key."""
    return IncidentNotice(
        kind=IncidentType.JOB_NO_RETRIES.name,
        message=command.message,
        at=datetime.now(UTC),
        process_id=job.record.process_id,
        instance_key=job.record.instance_key,
        element_id=job.record.element_id,
        job_key=job.key,
        job_type=job.record.type,
        retries=0,
    )
