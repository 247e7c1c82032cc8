"""The life of element instances and scopes: creating, entering, finishing, terminating.

Tokens are counted per scope: an active element, a flow being taken and a token waiting at a join
count one each. A scope whose count reaches zero ends. (BPMN 2.0 section 13; spec/engine.md 1.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from procession.engine import commands as c
from procession.engine import incidents, subscriptions, variables
from procession.engine.graph import Flow, Node
from procession.engine.records import (
    ACTIVATED,
    ACTIVATING,
    COMPLETED,
    COMPLETING,
    JOB_CANCELED,
    TERMINATED,
    TERMINATING,
    ElementInstance,
    ProcessInstance,
)
from procession.engine.run import (
    STEPS_PER_ROW,
    TRANSITIONS_PER_COMMAND,
    Run,
    Scope,
    Stuck,
    instance_of,
)


def create(
    run: Run, scope: Scope, node: Node, flow_id: str | None, *, loop_counter: int = 0
) -> ElementInstance:
    """A new element instance for a token that `scope.active` already counts."""
    key = run.new_key()
    return run.unit.elements.add_new(
        key,
        ElementInstance(
            key,
            scope.root_key,
            instance_of(scope),
            scope.key,
            node.graph.definition_key,
            node.id,
            flow_id,
            run.now,
            loop_counter=loop_counter,
        ),
    )


def pass_through(run: Run, scope: Scope, node: Node, flow_id: str | None) -> None:
    """Enter and leave at once an element without mappings, conditions, events or work of its own."""
    element = create(run, scope, node, flow_id)
    element.state = COMPLETED
    element.ended_at = run.now
    if node.outgoing:
        send(run, scope, element.instance_key, node, node.outgoing, spent=1)
    else:
        token_gone(run, scope, element.instance_key, node.scope)


def enter(run: Run, element: ElementInstance, node: Node) -> None:
    """Activate an element; what makes that impossible becomes an incident, with no event left open."""
    try:
        node.behaviour.enter(run, element, node)
    except Stuck as stuck:
        element.state = ACTIVATING
        if subscriptions.has_events(node, element):
            subscriptions.close_events(run, element)
        incidents.hold(run, element, stuck.type, stuck.message)


def leave(run: Run, element: ElementInstance, node: Node) -> None:
    """Complete an element; what makes that impossible becomes an incident."""
    try:
        node.behaviour.leave(run, element, node)
    except Stuck as stuck:
        incidents.hold(run, element, stuck.type, stuck.message)


def finish(run: Run, element: ElementInstance, node: Node, flows: Sequence[Flow]) -> None:
    """The element is done: its events close, its token goes on by each of `flows` or is consumed."""
    if node.boundaries and not element.loop_counter:
        subscriptions.close_events(run, element)
    element.state = COMPLETED
    element.ended_at = run.now
    scope = run.scope_of(element)
    if not flows:
        token_gone(run, scope, element.instance_key, node.scope)
        return
    send(run, scope, element.instance_key, node, flows, spent=1)


def send(run: Run, scope: Scope, instance_key: int, node: Node, flows: Sequence[Flow], *, spent: int) -> None:
    """Take flows: one token each, in place of `spent` tokens counted so far."""
    scope.active += len(flows) - spent
    for flow in flows:
        run.queue.append((scope, flow.target, flow.id))
    run.moved(node.scope, instance_key, scope.key)


def token_gone(run: Run, scope: Scope, instance_key: int, scope_node: Node | None, count: int = 1) -> None:
    """Tokens of the scope are consumed; without any left, it ends."""
    scope.active -= count
    if scope.active == 0:
        run.push(c.EndScope(instance_key, scope.key))
    else:
        run.moved(scope_node, instance_key, scope.key)


def arrive(run: Run, scope: Scope, node: Node, flow_id: str | None) -> None:
    """A token comes to an element, unless its scope is ending: then it is consumed."""
    if scope.state == ACTIVATED:
        node.behaviour.arrive(run, scope, node, flow_id)
    else:
        token_gone(run, scope, instance_of(scope), node.scope)


def arrive_step(run: Run, step: c.Arrive) -> None:
    scope = run.scope(step.instance_key, step.scope_key)
    arrive(run, scope, run.graph(scope.definition_key).nodes[step.element_id], step.flow_id)


def end_scope(run: Run, step: c.EndScope) -> None:
    """End a scope without tokens; in one that must end, terminate those left."""
    scope = run.scope(step.instance_key, step.scope_key)
    if scope.state in (COMPLETED, TERMINATED):
        return
    if scope.active > 0:
        if scope.state in (COMPLETING, TERMINATING):
            terminate_children(run, scope, step.instance_key)
    elif isinstance(scope, ProcessInstance):
        _end_instance(run, scope)
    elif scope.state == TERMINATING:
        finish_termination(run, scope, run.node(scope))
    elif scope.incident_key is None:
        leave(run, scope, run.node(scope))


def _end_instance(run: Run, instance: ProcessInstance) -> None:
    instance.state = TERMINATED if instance.state == TERMINATING else COMPLETED
    instance.ended_at = run.now
    if instance.start_key is not None:
        offer = c.OfferNext(instance.process_id, instance.start_key, instance.tenant)
        run.emit(offer, root_key=None, tenant=instance.tenant)
    if instance.parent_element_key is not None:
        caller = run.element(instance.parent_element_key)
        node = run.node(caller)
        node.behaviour.instance_ended(run, caller, node, instance)


def terminate_children(run: Run, scope: Scope, instance_key: int) -> None:
    """Terminate what is active in a scope that ends; beyond one load's worth, in later transactions."""
    children = run.unit.elements.find("children", scope.key)
    for child in children:
        if child.state != TERMINATING:
            run.push(c.Terminate(child.key))
    for join in run.unit.joins.find("scope", scope.key):
        waiting = sum(join_counts(join.waiting).values())
        run.unit.joins.remove(join)
        token_gone(run, scope, instance_key, None, waiting)
    if run.unit.elements.truncated("children", scope.key):
        again = c.Continue(run.root_key, (c.EndScope(instance_key, scope.key),))
        run.emit(again, root_key=run.root_key, tenant=run.tenant)


def join_counts(waiting: str) -> dict[str, int]:
    """Tokens per flow of a join record."""
    counts: dict[str, int] = variables.decode(waiting)
    return counts


def terminate(run: Run, element: ElementInstance) -> None:
    """End an element before its time, with everything it started."""
    if element.state in (COMPLETED, TERMINATED, TERMINATING):
        return
    node = run.node(element)
    element.state = TERMINATING
    cancel_job(run, element)
    incidents.drop(run, element)
    if subscriptions.has_events(node, element):
        subscriptions.close_events(run, element)
    if node.behaviour.terminate(run, element, node):
        finish_termination(run, element, node)


def cancel_job(run: Run, element: ElementInstance) -> None:
    """Take the element's job back: whoever works on it will be refused."""
    if element.job_key is None:
        return
    job = run.unit.jobs.get(element.job_key)
    if job is not None and job.ended_at is None:
        job.state = JOB_CANCELED
        job.due = None
        job.ended_at = run.now


def finish_termination(run: Run, element: ElementInstance, node: Node) -> None:
    """The element and all below it have ended; a boundary event that interrupted it goes on."""
    element.state = TERMINATED
    element.ended_at = run.now
    if element.interrupted_by is not None:
        run.push(c.Enter(element.interrupted_by))
    scope_node = None if element.loop_counter else node.scope
    token_gone(run, run.scope_of(element), element.instance_key, scope_node)


def trigger_boundary(run: Run, host: ElementInstance, boundary: Node, values: dict[str, str]) -> None:
    """A boundary event fires: interrupting ones end their host first (BPMN 2.0 section 10.5.6)."""
    if host.state not in (ACTIVATED, COMPLETING) or host.interrupted_by is not None:
        return  # it is ending, or about to: the first event that interrupts wins
    scope = run.scope_of(host)
    scope.active += 1
    event = create(run, scope, boundary, None)
    _keep(run, event, boundary, values)
    if boundary.interrupting:
        host.interrupted_by = event.key
        run.push(c.Terminate(host.key))
    else:
        enter(run, event, boundary)


def _keep(run: Run, event: ElementInstance, node: Node, values: dict[str, str]) -> None:
    """A message's variables spread as usual; an error's stay at its event (spec section 12)."""
    if node.error is None:
        variables.receive(run, event, node, values)
    else:
        for name, raw in values.items():
            variables.set_local(run, event.key, event.root_key, name, raw)


def resume(run: Run, step: c.Resume) -> None:
    element = run.element(step.key)
    node = run.node(element)
    node.behaviour.resume(run, element, node, step.work)


def enter_step(run: Run, step: c.Enter) -> None:
    element = run.element(step.key)
    if element.state == ACTIVATING:
        enter(run, element, run.node(element))


def leave_step(run: Run, step: c.Leave) -> None:
    element = run.element(step.key)
    if element.state in (ACTIVATED, COMPLETING):
        leave(run, element, run.node(element))


def terminate_step(run: Run, step: c.Terminate) -> None:
    terminate(run, run.element(step.key))


def settle(run: Run, instance_key: int, scope_key: int) -> None:
    """Let joins that wait for the rest of their scope see whether anything can still come.

    Only when no token of the scope is in flight: one that is will settle when it has arrived.
    """
    scope = run.scope(instance_key, scope_key)
    if scope.state != ACTIVATED:
        return
    graph = run.graph(scope.definition_key)
    node = graph.root if isinstance(scope, ProcessInstance) else graph.nodes[scope.element_id]
    for gateway in node.synchronizers:
        gateway.behaviour.settle(run, scope, gateway)


_STEPS: dict[type[c.Step], Callable[[Run, Any], None]] = {
    c.Arrive: arrive_step,
    c.Enter: enter_step,
    c.Leave: leave_step,
    c.Terminate: terminate_step,
    c.EndScope: end_scope,
    c.Resume: resume,
}


def drain(run: Run) -> None:
    """Run the queue until every token waits; past the bound the rest becomes command rows."""
    queue = run.queue
    left = TRANSITIONS_PER_COMMAND
    created = run.unit.elements.added
    most = len(created) + TRANSITIONS_PER_COMMAND  # one step may create many (multi-instance)
    while queue or run.settle:
        while queue:
            if not left or len(created) >= most:
                _spill(run)
                return
            step = queue.popleft()
            if isinstance(step, tuple):
                arrive(run, *step)
            else:
                _STEPS[step.__class__](run, step)
            left -= 1
        settling = list(run.settle)
        run.settle.clear()
        for instance_key, scope_key in settling:
            settle(run, instance_key, scope_key)


def _spill(run: Run) -> None:
    steps = tuple(run.steps())
    scopes = tuple(run.settle)
    run.queue.clear()
    run.settle.clear()
    for at in range(0, len(steps), STEPS_PER_ROW):
        rest = c.Continue(run.root_key, steps[at : at + STEPS_PER_ROW], scopes)
        run.emit(rest, root_key=run.root_key, tenant=run.tenant)
