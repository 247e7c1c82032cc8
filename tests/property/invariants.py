"""What must hold after every transaction, whatever happened."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

from procession.engine import commands as c
from procession.engine import records as r
from procession.model import Body, FlowNode, Process, SequenceFlow

from .rows import Rows
from .world import World

ENDED = {r.COMPLETED, r.TERMINATED}
Scope = r.ProcessInstance | r.ElementInstance
JOB_ENDED = {r.JobState.COMPLETED.value, r.JobState.CANCELED.value}


def check(world: World) -> None:
    """All invariants, on what is committed."""
    rows = world.rows()
    for invariant in (
        _tokens_are_counted,
        _states_and_end_times_agree,
        _nothing_waits_for_what_has_ended,
        _incidents_and_elements_agree,
        _everything_active_waits_for_something,
        _variables_belong_somewhere,
        _deliveries_are_on_their_way,
    ):
        invariant(rows)
    _paths_follow_the_model(rows, world)


def _steps(rows: Rows) -> Iterator[c.AnyStep]:
    """What is left to do, as stored."""
    for row in rows.commands:
        command = c.decode(row.payload)
        if isinstance(command, c.Continue):
            yield from command.steps


def _all_scopes(rows: Rows) -> list[Scope]:
    return [*rows.instances, *rows.elements]


def _scopes(rows: Rows) -> list[Scope]:
    return [one for one in _all_scopes(rows) if one.ended_at is None]


def _tokens_are_counted(rows: Rows) -> None:
    tokens = Counter(element.scope_key for element in rows.elements if element.ended_at is None)
    for join in rows.joins:
        tokens[join.scope_key] += sum(json.loads(join.waiting).values())
    for step in _steps(rows):
        if isinstance(step, c.Arrive):
            tokens[step.scope_key] += 1
        elif isinstance(step, c.Resume):
            tokens[step.key] += 1
    for scope in _scopes(rows):
        assert scope.active == tokens[scope.key], f"counts {scope.active}, has {tokens[scope.key]}: {scope}"


def _states_and_end_times_agree(rows: Rows) -> None:
    for scope in _all_scopes(rows):
        assert (scope.ended_at is not None) == (scope.state in ENDED), scope
        if scope.ended_at is not None:
            assert scope.ended_at >= scope.started_at, scope
            assert scope.active == 0, scope
    for job in rows.jobs:
        if job.state in JOB_ENDED:
            assert job.ended_at is not None, job
        if job.ended_at is not None:
            assert job.due is None, job
        if job.state == r.JobState.ACTIVATABLE.value:
            assert job.due is not None, job


def _nothing_waits_for_what_has_ended(rows: Rows) -> None:
    instances = {one.key: one for one in rows.instances}
    elements = {one.key: one for one in rows.elements}
    for element in rows.elements:
        if element.ended_at is None:
            around = instances if element.scope_key == element.instance_key else elements
            assert around[element.scope_key].ended_at is None, element
            assert instances[element.instance_key].ended_at is None, element
    for instance in rows.instances:
        if instance.parent_element_key is not None and instance.ended_at is None:
            assert elements[instance.parent_element_key].ended_at is None, instance
    open_jobs = [job for job in rows.jobs if job.ended_at is None]
    waiting_ones: list[r.Job | r.Timer | r.MessageSubscription | r.SignalSubscription]
    waiting_ones = [*open_jobs, *rows.timers, *rows.subscriptions, *rows.signals]
    for waiting in waiting_ones:
        assert elements[waiting.element_key].ended_at is None, waiting
    held_ones: list[r.Join | r.Item] = [*rows.joins, *rows.items]
    for held in held_ones:
        scope = instances.get(held.scope_key) or elements[held.scope_key]
        assert scope.ended_at is None, held


def _incidents_and_elements_agree(rows: Rows) -> None:
    open_incidents = {one.key: one for one in rows.incidents if one.ended_at is None}
    holding = {one.incident_key: one for one in rows.elements if one.incident_key is not None}
    assert open_incidents.keys() == holding.keys()
    for key, element in holding.items():
        assert element.ended_at is None, element
        assert open_incidents[key].element_key == element.key
    jobs = {job.key: job for job in rows.jobs}
    for element in rows.elements:
        if element.job_key is not None and element.ended_at is None:
            assert jobs[element.job_key].ended_at is None or element.state == r.TERMINATING, element
    for job in rows.jobs:
        if job.ended_at is None and job.state not in (1, 2):
            assert any(one.job_key == job.key for one in open_incidents.values()), job


def _everything_active_waits_for_something(rows: Rows) -> None:
    waited_for = {
        *(job.element_key for job in rows.jobs if job.ended_at is None),
        *(timer.element_key for timer in rows.timers),
        *(subscription.element_key for subscription in rows.subscriptions),
        *(subscription.element_key for subscription in rows.signals),
        *(incident.element_key for incident in rows.incidents if incident.ended_at is None),
        *(instance.parent_element_key for instance in rows.instances if instance.ended_at is None),
        *(element.scope_key for element in rows.elements if element.ended_at is None),
        *(element.interrupted_by for element in rows.elements if element.ended_at is None),
        *(join.scope_key for join in rows.joins),
    }
    for step in _steps(rows):
        waited_for.add(step.scope_key if isinstance(step, c.Arrive | c.EndScope) else step.key)
    scopes = {scope.key: scope for scope in _scopes(rows)}
    for scope in scopes.values():
        around = list(_around(scope, scopes))
        moves = any(one.state in _ENDING or getattr(one, "interrupted_by", None) for one in around)
        assert moves or scope.key in waited_for, f"nothing will ever move {scope}"


_ENDING = (r.COMPLETING, r.TERMINATING)


def _around(scope: Scope, scopes: dict[int, Scope]) -> Iterator[Scope]:
    """Whose end would end a scope too, from the inside outwards."""
    while True:
        key = scope.parent_element_key if isinstance(scope, r.ProcessInstance) else scope.scope_key
        if key is None:
            return
        scope = scopes[key]
        yield scope


def _variables_belong_somewhere(rows: Rows) -> None:
    roots = {one.key: one.root_key for one in _all_scopes(rows)}
    values: list[r.Variable | r.VariableChange] = [*rows.variables, *rows.changes]
    for variable in values:
        assert roots[variable.scope_key] == variable.root_key, variable
        assert variable.name
        json.loads(variable.value)


def _deliveries_are_on_their_way(rows: Rows) -> None:
    """A subscription is closed to other messages just as long as one is on its way to it."""
    commands = [c.decode(row.payload) for row in rows.commands]
    messages = Counter(
        (command.subscription_key, command.message_key)
        for command in commands
        if isinstance(command, c.CorrelateMessage)
    )
    assert messages == Counter((one.subscription_key, one.message_key) for one in rows.deliveries)


def _paths_follow_the_model(rows: Rows, world: World) -> None:
    left: set[tuple[int, str]] = {(one.scope_key, one.element_id) for one in rows.elements}
    for element in rows.elements:
        if element.flow_id is not None:
            flow = _flows(world.model_of(element.definition_key))[element.flow_id]
            assert flow.target == element.element_id, element
            assert (element.scope_key, flow.source) in left, f"it came from nowhere: {element}"
    events: list[r.Timer | r.MessageSubscription | r.SignalSubscription]
    events = [*rows.timers, *rows.subscriptions, *rows.signals]
    for waiting in events:
        element = next(one for one in rows.elements if one.key == waiting.element_key)
        assert waiting.target_id in _events_of(world.model_of(element.definition_key), element.element_id)


def _bodies(body: Body) -> Iterator[Body]:
    yield body
    for node in body.nodes:
        if node.body is not None:
            yield from _bodies(node.body)


def _flows(process: Process) -> dict[str, SequenceFlow]:
    return {flow.id: flow for body in _bodies(process.body) for flow in body.flows}


def _nodes(process: Process) -> list[FlowNode]:
    return [node for body in _bodies(process.body) for node in body.nodes]


def _events_of(process: Process, element_id: str) -> set[str]:
    """What may happen to a token that waits at an element."""
    boundaries = {node.id for node in _nodes(process) if node.attached_to == element_id}
    behind = {flow.target for flow in _flows(process).values() if flow.source == element_id}
    return {element_id} | boundaries | behind
