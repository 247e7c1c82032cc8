"""What is known of business cases besides what is known of all instances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from procession.storage.schema import tables
from procession.storage.searches.reading import reading

_instance = tables["process_instance"].c
_element = tables["element_instance"].c
_incident = tables["incident"].c
_job = tables["job"].c
_variable = tables["variable"].c
_LIST_LIMIT = 500


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """An element instance, in epoch milliseconds."""

    element_id: str
    started_at: int
    ended_at: int | None


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Changes whenever an instance goes on, fails a try, or is held."""

    ended: bool
    open_elements: int
    newest_element: int | None
    failures: int | None
    """Of the jobs it waits for."""
    incidents: int


def root_variables(engine: sa.Engine, instance_key: int) -> dict[str, Any]:
    """All variables of an instance's root scope."""
    query = sa.select(_variable.name, _variable.value).where(_variable.scope_key == instance_key)
    with reading(engine) as connection:
        return {row.name: msgspec.json.decode(row.value) for row in connection.execute(query)}


def visits(
    engine: sa.Engine, instance_key: int, element_ids: Sequence[str], *, limit: int = 10_000
) -> list[Visit]:
    """The instances of some elements, in order of time."""
    query = (
        sa.select(_element.element_id, _element.started_at, _element.ended_at)
        .where(_element.instance_key == instance_key, _element.element_id.in_(element_ids))
        .order_by(_element.started_at, _element.key)
        .limit(limit)
    )
    with reading(engine) as connection:
        return [
            Visit(element_id=row.element_id, started_at=row.started_at, ended_at=row.ended_at)
            for row in connection.execute(query)
        ]


def marks(engine: sa.Engine, keys: Sequence[int]) -> dict[int, Mark]:
    """A mark of each instance; those that are not there have none."""
    incidents = (
        sa.select(sa.func.count())
        .where(_incident.instance_key == _instance.key, _incident.ended_at.is_(None))
        .correlate(tables["process_instance"])
        .scalar_subquery()
    )
    open_elements = sa.and_(_element.instance_key == _instance.key, _element.ended_at.is_(None))
    query = (
        sa.select(
            _instance.key,
            _instance.ended_at,
            sa.func.count(_element.key).label("open_elements"),
            sa.func.max(_element.key).label("newest_element"),
            sa.func.sum(_job.failures).label("failures"),
            incidents.label("incidents"),
        )
        .select_from(
            tables["process_instance"]
            .outerjoin(tables["element_instance"], open_elements)
            .outerjoin(tables["job"], _job.key == _element.job_key)
        )
        .group_by(_instance.key, _instance.ended_at)
    )
    found: dict[int, Mark] = {}
    with reading(engine) as connection:
        for start in range(0, len(keys), _LIST_LIMIT):
            some = query.where(_instance.key.in_(keys[start : start + _LIST_LIMIT]))
            for row in connection.execute(some):
                found[row.key] = Mark(
                    ended=row.ended_at is not None,
                    open_elements=row.open_elements,
                    newest_element=row.newest_element,
                    failures=None if row.failures is None else int(row.failures),
                    incidents=row.incidents,
                )
    return found
