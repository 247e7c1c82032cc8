"""What is known of instances of step processes: where each is, in a few statements for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from procession.engine.records import (
    DEFAULT_TENANT,
    TERMINATED,
    IncidentType,
    Job,
    Variable,
)
from procession.storage.schema import tables
from procession.storage.searches.instances import INSTANCE_COLUMNS, instance_info
from procession.storage.searches.nodes import nodes_of
from procession.storage.searches.reading import now, reading
from procession.storage.searches.values import IncidentKind, InstanceInfo

_instance = tables["process_instance"].c
_element = tables["element_instance"].c
_definition = tables["definition"].c
_incident = tables["incident"].c
_variable = tables["variable"].c
_job = tables["job"].c
LIST_LIMIT = 500
"""Keys in one IN list."""


class OpenIncident(msgspec.Struct, frozen=True, kw_only=True):
    key: int
    kind: IncidentKind
    message: str
    job_key: int | None


class InstanceFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One instance, and the element its token is at; of several one with a job."""

    info: InstanceInfo
    now: int
    version_tag: str | None
    variables: dict[str, Any]
    """Those asked for, of the root scope."""
    element_id: str | None = None
    job: Job | None = None
    incident: OpenIncident | None = None
    local: Any = None
    """The local variable asked for, of that element."""


class TaggedDefinition(msgspec.Struct, frozen=True, kw_only=True):
    key: int
    version: int
    version_tag: str
    checksum: str


class StepVisit(msgspec.Struct, frozen=True, kw_only=True):
    """An element instance with the texts of its local variables."""

    element_id: str
    started_at: int
    ended_at: int | None
    variables: dict[str, str]


def instance_facts(
    engine: sa.Engine,
    process_ids: Sequence[str],
    *,
    names: Sequence[str],
    local: str,
    keys: Sequence[int] | None = None,
    business_key: str | None = None,
    before_key: int | None = None,
    open_only: bool = False,
    aborted_only: bool = False,
    limit: int = 100,
) -> list[InstanceFacts]:
    """Instances of some processes, highest key first, with variables `names` and where they are.

    The next page ends before the last key of this one: pass it as `before_key`. `keys` are at most
    LIST_LIMIT many.
    """
    query = (
        sa.select(*INSTANCE_COLUMNS, _definition.version_tag)
        .join_from(
            tables["process_instance"], tables["definition"], _definition.key == _instance.definition_key
        )
        .where(_instance.tenant == DEFAULT_TENANT, _instance.process_id.in_(process_ids))
    )
    if keys is not None:
        query = query.where(_instance.key.in_(keys))
    if business_key is not None:
        query = query.where(_instance.business_key == business_key)
    if before_key is not None:
        query = query.where(_instance.key < before_key)
    if open_only:
        query = query.where(_instance.ended_at.is_(None))
    if aborted_only:
        query = query.where(_instance.state == TERMINATED)
    with reading(engine) as connection:
        rows = connection.execute(query.order_by(_instance.key.desc()).limit(limit)).all()
        around = _Around(connection, [row.key for row in rows], names, local)
        return [around.facts(row) for row in rows]


class _Around:
    """What belongs to the instances in other tables."""

    def __init__(
        self, connection: sa.Connection, keys: Sequence[int], names: Sequence[str], local: str
    ) -> None:
        self._connection = connection
        self._now = now(connection) if keys else 0
        self._variables = self._values(keys, names)
        elements = self._rows(
            sa.select(_element.instance_key, _element.key, _element.element_id, _element.job_key).where(
                _element.ended_at.is_(None)
            ),
            _element.instance_key,
            keys,
        )
        elements.sort(key=lambda row: row.job_key is not None)
        self._elements = {row.instance_key: row for row in elements}
        """Of several the one with a job: it says most of how things are."""
        job_keys = [row.job_key for row in elements if row.job_key is not None]
        self._jobs = {row.key: Job(*row) for row in self._rows(sa.select(tables["job"]), _job.key, job_keys)}
        incidents = sa.select(
            _incident.instance_key, _incident.key, _incident.type, _incident.message, _incident.job_key
        ).where(_incident.ended_at.is_(None))
        self._incidents = {
            row.instance_key: row for row in self._rows(incidents, _incident.instance_key, keys)
        }
        self._local = self._values([row.key for row in elements], [local])

    def _rows(self, query: sa.Select[Any], column: sa.ColumnElement[int], keys: Sequence[int]) -> list[Any]:
        found: list[Any] = []
        for at in range(0, len(keys), LIST_LIMIT):
            found += self._connection.execute(query.where(column.in_(keys[at : at + LIST_LIMIT])))
        return found

    def _values(self, scopes: Sequence[int], names: Sequence[str]) -> dict[int, dict[str, Any]]:
        query = sa.select(tables["variable"]).where(_variable.name.in_(names))
        found: dict[int, dict[str, Any]] = {}
        for row in self._rows(query, _variable.scope_key, scopes):
            found.setdefault(row.scope_key, {})[row.name] = msgspec.json.decode(row.value)
        return found

    def facts(self, row: Any) -> InstanceFacts:
        element = self._elements.get(row.key)
        incident = self._incidents.get(row.key)
        held = None
        if incident is not None:
            held = OpenIncident(
                key=incident.key,
                kind=IncidentKind[IncidentType(incident.type).name],
                message=incident.message,
                job_key=incident.job_key,
            )
        return InstanceFacts(
            info=instance_info(row),
            now=self._now,
            version_tag=row.version_tag,
            variables=self._variables.get(row.key, {}),
            element_id=None if element is None else element.element_id,
            job=None if element is None else self._jobs.get(element.job_key),
            incident=held,
            local=None if element is None else next(iter(self._local.get(element.key, {}).values()), None),
        )


def step_visits(engine: sa.Engine, instance_key: int, prefix: str, *, limit: int = 10_000) -> list[StepVisit]:
    """The elements an instance went through, in order of time, with local variables that begin so."""
    elements = (
        sa.select(_element.key, _element.element_id, _element.started_at, _element.ended_at)
        .where(_element.instance_key == instance_key)
        .order_by(_element.started_at, _element.key)
        .limit(limit)
    )
    scopes = sa.select(_element.key).where(_element.instance_key == instance_key)
    runs = (
        sa.select(_variable.scope_key, _variable.name, _variable.value)
        .where(_variable.scope_key.in_(scopes), _variable.name.startswith(prefix, autoescape=True))
        .order_by(_variable.name)
    )
    with reading(engine) as connection:
        values: dict[int, dict[str, str]] = {}
        for row in connection.execute(runs):
            values.setdefault(row.scope_key, {})[row.name] = row.value
        return [
            StepVisit(
                element_id=row.element_id,
                started_at=row.started_at,
                ended_at=row.ended_at,
                variables=values.get(row.key, {}),
            )
            for row in connection.execute(elements)
        ]


def tagged_definitions(engine: sa.Engine, process_id: str) -> list[TaggedDefinition]:
    """The versions of a process that have a tag, newest first."""
    query = (
        sa.select(_definition.key, _definition.version, _definition.version_tag, _definition.checksum)
        .where(
            _definition.tenant == DEFAULT_TENANT,
            _definition.process_id == process_id,
            _definition.version_tag.is_not(None),
            _definition.deleted_at.is_(None),
        )
        .order_by(_definition.version.desc())
    )
    with reading(engine) as connection:
        return [
            TaggedDefinition(
                key=row.key, version=row.version, version_tag=row.version_tag, checksum=row.checksum
            )
            for row in connection.execute(query)
        ]


def tasks_of(engine: sa.Engine, definition_key: int) -> list[tuple[str, dict[str, str]]]:
    """The elements with a job of a deployed process in document order, with their task headers."""
    with reading(engine) as connection:
        nodes = nodes_of(connection, definition_key).values()
        return [(node.id, dict(node.job.headers)) for node in nodes if node.job is not None]


def running_versions(engine: sa.Engine, process_ids: Iterable[str]) -> list[tuple[str, str | None, int]]:
    """Of running instances: process id, version tag, and how many there are."""
    query = (
        sa.select(_instance.process_id, _definition.version_tag, sa.func.count())
        .join_from(
            tables["process_instance"], tables["definition"], _definition.key == _instance.definition_key
        )
        .where(
            _instance.tenant == DEFAULT_TENANT,
            _instance.process_id.in_(list(process_ids)),
            _instance.ended_at.is_(None),
        )
        .group_by(_instance.process_id, _definition.version_tag)
    )
    with reading(engine) as connection:
        return [(row[0], row[1], row[2]) for row in connection.execute(query)]


def running_on(engine: sa.Engine, process_id: str, versions: Sequence[int]) -> list[int]:
    """The keys of running instances of some versions of a process, oldest first."""
    query = sa.select(_instance.key).where(
        _instance.tenant == DEFAULT_TENANT,
        _instance.process_id == process_id,
        _instance.version.in_(versions),
        _instance.ended_at.is_(None),
    )
    with reading(engine) as connection:
        return list(connection.execute(query.order_by(_instance.key)).scalars())


def leased_job(engine: sa.Engine, key: int, names: Sequence[str]) -> tuple[Job, InstanceInfo, list[Variable]]:
    """A job with its instance and the variables `names` of that."""
    with reading(engine) as connection:
        job = Job(*connection.execute(sa.select(tables["job"]).where(_job.key == key)).one())
        row = connection.execute(sa.select(*INSTANCE_COLUMNS).where(_instance.key == job.instance_key)).one()
        query = sa.select(tables["variable"]).where(
            _variable.scope_key == job.instance_key, _variable.name.in_(names)
        )
        return job, instance_info(row), [Variable(*found) for found in connection.execute(query)]
