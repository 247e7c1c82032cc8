"""What a node tells about the incidents it has committed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from procession.engine.records import IncidentRecord, IncidentType
from procession.engine.unit import Unit


class IncidentNotice(msgspec.Struct, frozen=True, kw_only=True):
    """An incident that has just been made. What is not known of it is None."""

    kind: str
    """Such as JOB_NO_RETRIES."""
    message: str
    at: datetime
    incident_key: int | None = None
    process_id: str | None = None
    instance_key: int | None = None
    element_id: str | None = None
    job_key: int | None = None
    job_type: str | None = None
    retries: int | None = None
    """Tries the job has left."""


def notices(unit: Unit) -> list[IncidentNotice]:
    """Those of the incidents that this unit of work made and left open."""
    return list(_notices(unit))


def _notices(unit: Unit) -> Iterator[IncidentNotice]:
    for incident in unit.incidents.added.values():
        if incident.ended_at is None:
            yield _notice(unit, incident)


def _notice(unit: Unit, incident: IncidentRecord) -> IncidentNotice:
    # What made it has read its instance and job; an incident of a command that failed may have neither.
    instance = unit.instances.live.get(incident.instance_key)
    job = unit.jobs.live.get(incident.job_key) if incident.job_key is not None else None
    return IncidentNotice(
        kind=IncidentType(incident.type).name,
        message=incident.message,
        at=datetime.fromtimestamp(incident.created_at / 1000, UTC),
        incident_key=incident.key,
        process_id=instance.process_id if instance is not None else None,
        instance_key=incident.instance_key or None,
        element_id=incident.element_id,
        job_key=incident.job_key,
        job_type=job.type if job is not None else None,
        retries=job.retries if job is not None else None,
    )
