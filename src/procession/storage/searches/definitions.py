"""Versions of processes: the latest ones, and all of them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from procession.storage.schema import tables
from procession.storage.searches.reading import moment, moment_or_none, reading
from procession.storage.searches.values import DefinitionStatus

_definition = tables["definition"].c
_COLUMNS = (
    _definition.key,
    _definition.process_id,
    _definition.version,
    _definition.name,
    _definition.deployed_at,
    _definition.deleted_at,
)


def definitions(
    engine: sa.Engine, *, process_id: str | None = None, include_deleted: bool = False, limit: int = 100
) -> list[DefinitionStatus]:
    """Versions of all processes (or of one), by process id and newest first."""
    query = sa.select(*_COLUMNS).order_by(_definition.process_id, _definition.version.desc()).limit(limit)
    if process_id is not None:
        query = query.where(_definition.process_id == process_id)
    if not include_deleted:
        query = query.where(_definition.deleted_at.is_(None))
    with reading(engine) as connection:
        return [_status(row) for row in connection.execute(query)]


def latest_definitions(connection: sa.Connection) -> list[DefinitionStatus]:
    """Of each process the version that runs when none is named."""
    newest = (
        sa.select(
            _definition.tenant, _definition.process_id, sa.func.max(_definition.version).label("version")
        )
        .where(_definition.deleted_at.is_(None))
        .group_by(_definition.tenant, _definition.process_id)
        .subquery()
    )
    query = (
        sa.select(*_COLUMNS)
        .join(
            newest,
            sa.and_(
                newest.c.tenant == _definition.tenant,
                newest.c.process_id == _definition.process_id,
                newest.c.version == _definition.version,
            ),
        )
        .order_by(_definition.process_id)
    )
    return [_status(row) for row in connection.execute(query)]


def _status(row: Any) -> DefinitionStatus:
    return DefinitionStatus(
        key=row.key,
        process_id=row.process_id,
        version=row.version,
        name=row.name,
        deployed_at=moment(row.deployed_at),
        deleted_at=moment_or_none(row.deleted_at),
    )
