"""Where the tokens of an instance wait, and what for, in words an operator understands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from procession.engine.records import (
    ACTIVATING,
    TERMINATING,
    ElementInstance,
    IncidentRecord,
    IncidentType,
    Job,
    JobState,
    Join,
    MessageSubscription,
    Record,
    SignalSubscription,
    Timer,
)
from procession.model import FlowNode, Kind
from procession.storage.schema import tables
from procession.storage.searches.nodes import Nodes
from procession.storage.searches.reading import moment, now
from procession.storage.searches.values import WaitingAt

R = TypeVar("R", bound=Record)
E = TypeVar("E", Timer, MessageSubscription, SignalSubscription)

_element = tables["element_instance"].c
_instance = tables["process_instance"].c


class _Around(msgspec.Struct):
    """The records that say what active elements wait for, by element key."""

    now: int
    jobs: dict[int, Job]
    incidents: dict[int, IncidentRecord]
    timers: dict[int, list[Timer]]
    messages: dict[int, list[MessageSubscription]]
    signals: dict[int, list[SignalSubscription]]
    called: dict[int, list[int]]


def waiting_at(connection: sa.Connection, instance_key: int, nodes: Nodes, limit: int) -> list[WaitingAt]:
    """At most `limit` places: active elements in order of time, then joins that wait for more tokens."""
    active = sa.select(_element.key).where(_element.instance_key == instance_key, _element.ended_at.is_(None))
    query = sa.select(tables["element_instance"]).where(_element.key.in_(active))
    rows = connection.execute(query.order_by(_element.started_at, _element.key).limit(limit))
    elements = [ElementInstance(*row) for row in rows]
    around = _look_around(connection, active.order_by(_element.started_at, _element.key).limit(limit))
    places = [_place(element, nodes[element.element_id], around) for element in elements]
    scopes = sa.or_(
        tables["join_token"].c.scope_key == instance_key, tables["join_token"].c.scope_key.in_(active)
    )
    joins = [Join(*row) for row in connection.execute(sa.select(tables["join_token"]).where(scopes))]
    return [*places, *(_join(join, nodes[join.element_id]) for join in joins)][:limit]


def _look_around(connection: sa.Connection, keys: sa.Select[Any]) -> _Around:
    return _Around(
        now=now(connection),
        jobs={job.element_key: job for job in _records(connection, "job", Job, "key", _job_keys(keys))},
        incidents={
            incident.element_key: incident
            for incident in _records(connection, "incident", IncidentRecord, "key", _incident_keys(keys))
            if incident.element_key is not None
        },
        timers=_grouped(_records(connection, "timer", Timer, "element_key", keys)),
        messages=_grouped(
            _records(connection, "message_subscription", MessageSubscription, "element_key", keys)
        ),
        signals=_grouped(
            _records(connection, "signal_subscription", SignalSubscription, "element_key", keys)
        ),
        called=_called(connection, keys),
    )


def _job_keys(keys: sa.Select[Any]) -> sa.Select[Any]:
    return sa.select(_element.job_key).where(_element.key.in_(keys))


def _incident_keys(keys: sa.Select[Any]) -> sa.Select[Any]:
    return sa.select(_element.incident_key).where(_element.key.in_(keys))


def _records(
    connection: sa.Connection, table: str, record: type[R], column: str, keys: sa.Select[Any]
) -> list[R]:
    query = sa.select(tables[table]).where(tables[table].c[column].in_(keys)).order_by(tables[table].c.key)
    return [record(*row) for row in connection.execute(query)]


def _grouped(records: Iterable[E]) -> dict[int, list[E]]:
    groups: dict[int, list[E]] = {}
    for record in records:
        groups.setdefault(record.element_key, []).append(record)
    return groups


def _called(connection: sa.Connection, keys: sa.Select[Any]) -> dict[int, list[int]]:
    query = sa.select(_instance.parent_element_key, _instance.key).where(
        _instance.parent_element_key.in_(keys), _instance.ended_at.is_(None)
    )
    called: dict[int, list[int]] = {}
    for element_key, instance_key in connection.execute(query):
        called.setdefault(element_key, []).append(instance_key)
    return called


def _place(element: ElementInstance, node: FlowNode, around: _Around) -> WaitingAt:
    return WaitingAt(
        element_id=element.element_id,
        name=node.name,
        reason=_reason(element, node, around),
        key=element.key,
    )


def _reason(element: ElementInstance, node: FlowNode, around: _Around) -> str:
    incident = around.incidents.get(element.key)
    if incident is not None:
        return f"incident {IncidentType(incident.type).name}: {incident.message}"
    if element.state == TERMINATING:
        return "is being terminated"
    own = list(_own_work(element, node, around))
    events = list(_events(element, around))
    if not own and not events:
        what = "entered" if element.state == ACTIVATING else "left"
        return f"waits to be {what} by a running node"
    return ", or ".join([*own, *events])


def _own_work(element: ElementInstance, node: FlowNode, around: _Around) -> Iterable[str]:
    job = around.jobs.get(element.key)
    if job is not None:
        yield f"job {job.type}: {_job_reason(job, around.now)}"
    for key in around.called.get(element.key, ()):
        yield f"called instance {key}"
    if node.loop is not None and not element.loop_counter:
        yield f"inside: {element.active} active, {element.loop_completed} of {element.loop_total} completed"
    elif node.kind is Kind.SUB_PROCESS:
        yield f"inside: {element.active} active"


def _job_reason(job: Job, at: int) -> str:
    due = job.due or 0
    if job.state == JobState.ACTIVATED.value and due > at:
        return f"leased to worker {job.worker} until {_time(due)}"
    after = f" after: {job.error_message}" if job.failures and job.error_message else ""
    if due > at:
        return f"retries at {_time(due)} ({job.retries} left){after}"
    if job.state == JobState.ACTIVATED.value:
        return f"waits for a worker; the lease of {job.worker} ended {_time(due)}"
    return f"waits for a worker ({job.retries} left){after}" if after else "waits for a worker"


def _events(element: ElementInstance, around: _Around) -> Iterable[str]:
    """Messages, signals and timers: of the element itself, or of its boundary events and successors."""
    for subscription in around.messages.get(element.key, ()):
        yield _at(
            subscription.target_id,
            element,
            f"message {subscription.name} with correlation key {subscription.correlation_key}",
        )
    for signal in around.signals.get(element.key, ()):
        yield _at(signal.target_id, element, f"signal {signal.name}")
    for timer in around.timers.get(element.key, ()):
        yield _at(timer.target_id, element, f"timer due {_time(timer.due)}")


def _at(target_id: str, element: ElementInstance, text: str) -> str:
    return text if target_id == element.element_id else f"{target_id}: {text}"


def _join(join: Join, node: FlowNode) -> WaitingAt:
    present = list(msgspec.json.decode(join.waiting, type=dict[str, int]))
    missing: Sequence[str] = [flow for flow in node.incoming if flow not in present]
    awaited = f"tokens on {', '.join(missing)}"
    if node.kind is Kind.INCLUSIVE_GATEWAY:
        awaited = "tokens that may still come"
    reason = f"joins: waits for {awaited} (has {', '.join(present)})"
    return WaitingAt(element_id=node.id, name=node.name, reason=reason, key=None)


def _time(milliseconds: int) -> str:
    return f"{moment(milliseconds):%Y-%m-%dT%H:%M:%SZ}"
