"""Searching incidents."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from procession.engine.records import IncidentType
from procession.storage.schema import tables
from procession.storage.searches.reading import moment, moment_or_none, reading
from procession.storage.searches.values import IncidentInfo, IncidentKind

_incidents = tables["incident"]
_instances = tables["process_instance"]
_incident = _incidents.c
_instance = _instances.c

_QUERY = (
    sa.select(
        _incident.key,
        _incident.type,
        _incident.message,
        _incident.element_id,
        _incident.instance_key,
        _instance.process_id,
        _instance.business_key,
        _incident.job_key,
        _incident.created_at,
        _incident.ended_at,
    )
    # Incidents of commands that reached no instance must be seen too.
    .outerjoin_from(_incidents, _instances, _instance.key == _incident.instance_key)
    # Nodes take keys in blocks, so time goes before the key.
    .order_by(_incident.created_at.desc(), _incident.key.desc())
)


def incidents(
    engine: sa.Engine,
    *,
    instance_key: int | None = None,
    process_id: str | None = None,
    include_resolved: bool = False,
    limit: int = 100,
) -> list[IncidentInfo]:
    """Incidents that match all that is given, newest first; open ones only by default."""
    with reading(engine) as connection:
        return find_incidents(
            connection,
            instance_key=instance_key,
            process_id=process_id,
            include_resolved=include_resolved,
            limit=limit,
        )


def find_incidents(
    connection: sa.Connection,
    *,
    instance_key: int | None = None,
    process_id: str | None = None,
    include_resolved: bool = False,
    limit: int,
) -> list[IncidentInfo]:
    query = _QUERY.limit(limit)
    if instance_key is not None:
        query = query.where(_incident.instance_key == instance_key)
    if process_id is not None:
        query = query.where(_instance.process_id == process_id)
    if not include_resolved:
        query = query.where(_incident.ended_at.is_(None))
    return [_info(row) for row in connection.execute(query)]


def _info(row: Any) -> IncidentInfo:
    return IncidentInfo(
        key=row.key,
        type=IncidentKind[IncidentType(row.type).name],
        message=row.message,
        element_id=row.element_id,
        instance_key=row.instance_key or None,
        process_id=row.process_id,
        business_key=row.business_key,
        job_key=row.job_key,
        created_at=moment(row.created_at),
        ended_at=moment_or_none(row.ended_at),
    )
