"""The state of scenarios, from our own database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from procession.engine.records import ElementState, IncidentType, JobState
from procession.storage.schema import tables
from procession.storage.searches import open_reader
from procession.storage.searches.reading import reading
from tests.oracle.state import Element, Incident, Job, State, Subscription, Timer

_INSTANCE_STATES = {1: "ACTIVATED", 2: "COMPLETING", 3: "COMPLETED", 4: "TERMINATING", 5: "TERMINATED"}
_JOB_STATES = {
    JobState.ACTIVATABLE.value: "OPEN",
    JobState.ACTIVATED.value: "OPEN",
    JobState.FAILED.value: "FAILED",
    JobState.ERROR_THROWN.value: "ERROR_THROWN",
}


class Database:
    def __init__(self, url: str) -> None:
        self._engine = open_reader(url)

    def close(self) -> None:
        self._engine.dispose()

    def state(self, suffix: str) -> State:
        with reading(self._engine) as connection:  # one moment for all tables
            return _Reading(connection, suffix).state()


class _Reading:
    def __init__(self, connection: sa.Connection, suffix: str) -> None:
        self._connection = connection
        process_id = tables["process_instance"].c.process_id
        chosen = sa.select(tables["process_instance"]).where(process_id.endswith(suffix, autoescape=True))
        self._instances = connection.execute(chosen).all()
        self._keys = [row.key for row in self._instances]
        self._roots = sorted({row.root_key for row in self._instances})

    def _rows(self, table: str, *, open_only: bool = False) -> Iterable[Any]:
        columns = tables[table].c
        query = sa.select(tables[table]).where(columns.root_key.in_(self._roots)).order_by(*_key(table))
        if open_only:
            query = query.where(columns.ended_at.is_(None))
        return self._connection.execute(query)

    def state(self) -> State:
        state = State(
            instances={row.key: _instance(row) for row in self._instances},
            elements={row.key: _element(row) for row in self._rows("element_instance")},
            incidents={row.key: _incident(row) for row in self._rows("incident", open_only=True)},
            jobs={},
            timers={row.key: _timer(row) for row in self._rows("timer")},
            subscriptions={row.key: _subscription(row) for row in self._rows("message_subscription")},
        )
        for row in self._rows("job", open_only=True):  # where it is now, its element says
            state.jobs[row.key] = _job(row, state.elements[row.element_key].element)
        for row in self._rows("variable"):
            state.variables.setdefault(row.scope_key, {})[row.name] = row.value
        return state


def _key(table: str) -> tuple[Any, ...]:
    columns = tables[table].c
    return (columns.scope_key, columns.name) if table == "variable" else (columns.key,)


def _instance(row: Any) -> Element:
    return Element(key=row.key, instance=row.key, element=row.process_id, state=_INSTANCE_STATES[row.state])


def _element(row: Any) -> Element:
    return Element(
        key=row.key, instance=row.instance_key, element=row.element_id, state=ElementState(row.state).name
    )


def _incident(row: Any) -> Incident:
    return Incident(
        key=row.key, instance=row.instance_key, element=row.element_id, type=IncidentType(row.type).name
    )


def _job(row: Any, element: str) -> Job:
    return Job(
        key=row.key,
        instance=row.instance_key,
        element=element,
        type=row.type,
        retries=row.retries,
        state=_JOB_STATES[row.state],
    )


def _timer(row: Any) -> Timer:
    return Timer(instance=row.instance_key, target=row.target_id, due=row.due)


def _subscription(row: Any) -> Subscription:
    return Subscription(
        instance=row.instance_key, name=row.name, key=row.correlation_key, target=row.target_id
    )
