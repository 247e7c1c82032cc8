"""Searching and counting process instances."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from procession.engine.records import COMPLETED, DEFAULT_TENANT, TERMINATED
from procession.storage.schema import tables
from procession.storage.searches.reading import moment, moment_or_none, reading, status_of
from procession.storage.searches.values import InstanceInfo, InstanceStatus

_instance = tables["process_instance"].c
_incident = tables["incident"].c

_open_incidents = (
    sa.select(sa.func.count())
    .where(_incident.instance_key == _instance.key, _incident.ended_at.is_(None))
    .correlate(tables["process_instance"])
    .scalar_subquery()
)
INSTANCE_COLUMNS = (
    _instance.key,
    _instance.process_id,
    _instance.version,
    _instance.state,
    _instance.business_key,
    _instance.started_at,
    _instance.ended_at,
    _open_incidents.label("incidents"),
)
_STATES = {
    InstanceStatus.ACTIVE: _instance.ended_at.is_(None),
    InstanceStatus.COMPLETED: _instance.state == COMPLETED,
    InstanceStatus.TERMINATED: _instance.state == TERMINATED,
}


def instances(
    engine: sa.Engine,
    *,
    process_id: str | None = None,
    state: InstanceStatus | None = None,
    business_key: str | None = None,
    limit: int = 100,
    after_key: int | None = None,
) -> list[InstanceInfo]:
    """Process instances that match all that is given, highest key first, called ones included.

    The next page starts after the last key of this one: pass it as `after_key`.
    """
    query = sa.select(*INSTANCE_COLUMNS).where(_instance.tenant == DEFAULT_TENANT)
    if process_id is not None:
        query = query.where(_instance.process_id == process_id)
    if state is not None:
        query = query.where(_STATES[state])
    if business_key is not None:
        query = query.where(_instance.business_key == business_key)
    if after_key is not None:
        query = query.where(_instance.key < after_key)
    with reading(engine) as connection:
        rows = connection.execute(query.order_by(_instance.key.desc()).limit(limit))
        return [instance_info(row) for row in rows]


def instance_info(row: Any) -> InstanceInfo:
    """The value of a row of `INSTANCE_COLUMNS`."""
    return InstanceInfo(
        key=row.key,
        process_id=row.process_id,
        version=row.version,
        state=status_of(row.state),
        business_key=row.business_key,
        started_at=moment(row.started_at),
        ended_at=moment_or_none(row.ended_at),
        incidents=row.incidents,
    )


def count_instances(engine: sa.Engine, process_id: str | None = None) -> dict[InstanceStatus, int]:
    """How many process instances (of one process) are in each state; every state is named."""
    with reading(engine) as connection:
        return count_by_state(connection, process_id)


def count_by_state(connection: sa.Connection, process_id: str | None = None) -> dict[InstanceStatus, int]:
    query = sa.select(_instance.state, sa.func.count()).group_by(_instance.state)
    if process_id is not None:
        query = query.where(_instance.process_id == process_id)
    counts = dict.fromkeys(InstanceStatus, 0)
    for state, count in connection.execute(query):
        counts[status_of(state)] += count
    return counts
