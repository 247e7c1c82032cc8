"""Replaying one scope: each token that left an element by a flow arrived once at the flow's target.

A scope is a process instance, a sub-process or a multi-instance body. Complaints are texts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from .drawing import Drawing, Element, Flow
from .history import End, Visit

Facts = dict[str, int]
"""The variables that decide which flows are taken, as the instance was started with them."""


@dataclass(slots=True, kw_only=True)
class Scope:
    """What happened in one scope. `cut_short`: tokens may have vanished, because it was terminated."""

    where: str
    container: str
    cut_short: bool
    begun: Counter[str]
    """Elements where tokens began because the start said so; if there are none, at the start event."""
    visits: dict[str, list[Visit]]
    arrivals: dict[str, list[Visit]]
    """By flow."""


def scope_of(
    where: str,
    container: str,
    visits: list[Visit],
    *,
    terminated: bool,
    drawing: Drawing,
    elements: tuple[str, ...] = (),
) -> Scope:
    """`elements`: where the instance's tokens began, if the start said so."""
    by_element: dict[str, list[Visit]] = defaultdict(list)
    arrivals: dict[str, list[Visit]] = defaultdict(list)
    for visit in visits:
        by_element[visit.element_id].append(visit)
        if visit.flow_id is not None:
            arrivals[visit.flow_id].append(visit)
    stopped = any(
        visit.completed and drawing.elements[visit.element_id].event == "terminateEventDefinition"
        for visit in visits
        if visit.element_id in drawing.elements
    )
    return Scope(
        where=where,
        container=container,
        cut_short=terminated or stopped,
        begun=drawing.begins(container, elements),
        visits=by_element,
        arrivals=arrivals,
    )


def replay(scope: Scope, drawing: Drawing, facts: Facts) -> Iterator[str]:
    """Complaints about a scope, none if its tokens add up."""
    for visits in scope.visits.values():
        for visit in visits:
            yield from _in_its_place(scope, visit, drawing)
            yield from _ended(scope, visit)
    for element in drawing.inside(scope.container):
        yield from _tokens(scope, element, drawing, facts)
        yield from _beginnings(scope, element)
        yield from _timers(scope, element, drawing)
        if element.attached_to is not None:
            yield from _boundary(scope, element)


def _in_its_place(scope: Scope, visit: Visit, drawing: Drawing) -> Iterator[str]:
    element = drawing.elements.get(visit.element_id)
    if element is None or element.container != scope.container:
        yield f"{scope.where}: {visit.element_id} is not drawn in {scope.container}"
    elif visit.flow_id is None:
        if not element.starts and element.attached_to is None and element.id not in scope.begun:
            yield f"{scope.where}: {element.id} was reached by no flow"
    elif visit.flow_id not in {flow.id for flow in element.incoming}:
        yield f"{scope.where}: {element.id} was reached by {visit.flow_id}, which does not lead there"


def _ended(scope: Scope, visit: Visit) -> Iterator[str]:
    if visit.ended_at is None or visit.state not in (End.COMPLETED, End.TERMINATED):
        yield f"{scope.where}: {visit.element_id} has not ended (state {visit.state})"
    elif visit.ended_at < visit.started_at:
        yield f"{scope.where}: {visit.element_id} ended before it started"
    if visit.active:
        yield f"{scope.where}: {visit.element_id} still counts {visit.active} tokens"
    if visit.state == End.TERMINATED and not scope.cut_short and visit.interrupted_by is None:
        yield f"{scope.where}: {visit.element_id} was terminated by nobody"


def _tokens(scope: Scope, element: Element, drawing: Drawing, facts: Facts) -> Iterator[str]:
    """Completed visits against what arrived behind the element."""
    ends = sorted(v.ended_at or 0 for v in scope.visits.get(element.id, ()) if v.completed)
    if element.tag == "eventBasedGateway":
        arrived = sum(len(scope.arrivals.get(flow.id, ())) for flow in element.outgoing)
        if arrived != len(ends):
            yield f"{scope.where}: {element.id} completed {len(ends)} times, {arrived} events followed"
        return
    taken = _taken(element, facts)
    for flow in element.outgoing:
        left = len(ends) if flow in taken else 0
        least, most = _arrived(scope, flow, drawing)
        if left < least or (left > most and not scope.cut_short):
            yield f"{scope.where}: {left} tokens left by {flow.id}, {least} to {most} arrived"
        arrivals = scope.arrivals.get(flow.id, ())
        for end, arrival in zip(ends, arrivals, strict=False):
            if flow in taken and arrival.started_at < end:
                yield f"{scope.where}: {arrival.element_id} began before {element.id} had completed"


def _taken(element: Element, facts: Facts) -> list[Flow]:
    """The flows a completed visit sends a token along."""
    flows = element.outgoing
    if element.tag not in ("exclusiveGateway", "inclusiveGateway") or len(flows) == 1:
        return flows
    true = [flow for flow in flows if flow.holds(facts)]
    if element.tag == "exclusiveGateway":
        true = true[:1]
    return true or [flow for flow in flows if flow.id == element.default]


def _arrived(scope: Scope, flow: Flow, drawing: Drawing) -> tuple[int, int]:
    """The least and most tokens that arrived by a flow; a join tells only how often it went on."""
    target = drawing.elements[flow.target]
    arrived = len(scope.arrivals.get(flow.id, ()))
    if not target.joins:
        return arrived, arrived
    joined = len(scope.visits.get(target.id, ()))
    return (joined if target.tag == "parallelGateway" else arrived), joined


def _beginnings(scope: Scope, element: Element) -> Iterator[str]:
    if element.starts or element.id in scope.begun:
        count = sum(visit.flow_id is None for visit in scope.visits.get(element.id, ()))
        wanted = scope.begun[element.id] if scope.begun else 1
        if count > wanted or (count < wanted and (scope.begun or not scope.cut_short)):
            yield f"{scope.where}: {element.id} started {count} times"
    if element.tag == "inclusiveGateway" and element.joins:
        merged = scope.visits.get(element.id, ())
        if len(merged) > 1:
            yield f"{scope.where}: {element.id} merged {len(merged)} times"


def _boundary(scope: Scope, element: Element) -> Iterator[str]:
    fired = scope.visits.get(element.id, [])
    hosts = scope.visits.get(element.attached_to or "", [])
    if not element.interrupts:
        if fired and not hosts:
            yield f"{scope.where}: {element.id} fired without its host"
        return
    named = {visit.interrupted_by for visit in hosts if visit.state == End.TERMINATED}
    for visit in fired:
        if visit.key not in named:
            yield f"{scope.where}: {element.id} fired and interrupted nobody"
    keys = {v.key for visits in scope.visits.values() for v in visits}
    for host in hosts:
        if host.interrupted_by is not None and host.interrupted_by not in keys:
            yield f"{scope.where}: {host.element_id} was interrupted by an event that is not there"


def _timers(scope: Scope, element: Element, drawing: Drawing) -> Iterator[str]:
    """No timer fired early, or more often than drawn."""
    if element.timer is None:
        return
    fired = [visit for visit in scope.visits.get(element.id, ()) if visit.completed]
    if element.attached_to is not None:
        since = [visit.started_at for visit in scope.visits.get(element.attached_to, ())]
        times = [visit.started_at for visit in fired]
    else:
        source = drawing.elements[element.incoming[0].source]
        gated = source.tag == "eventBasedGateway"
        waited = scope.visits.get(source.id, []) if gated else fired
        since = [visit.started_at for visit in waited]
        times = [(visit.started_at if gated else visit.ended_at or 0) for visit in fired]
    if len(times) > len(since) * element.timer.repetitions:
        yield f"{scope.where}: {element.id} fired {len(times)} times"
    for number, time in enumerate(sorted(times)):
        repetition = number % element.timer.repetitions + 1
        if since and time < min(since) + repetition * element.timer.milliseconds:
            early = min(since) + repetition * element.timer.milliseconds - time
            yield f"{scope.where}: {element.id} fired {early} ms early"
