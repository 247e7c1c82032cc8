"""Gateways: how they decide, and what an event-based one may wait for."""

from __future__ import annotations

from collections.abc import Iterator

from procession.bpmn.quoting import quoted
from procession.bpmn.rules.scope import Scope
from procession.model import Fault, FlowNode, Kind, Message, Signal, Timer, TimerKind

_MIN_EVENTS = 2


def every_choice_has_a_condition(scope: Scope) -> Iterator[Fault]:
    for node in scope.of_kind(Kind.EXCLUSIVE_GATEWAY, Kind.INCLUSIVE_GATEWAY):
        if len(node.outgoing) < 2:
            continue
        for flow_id in node.outgoing:
            flow = scope.flows[flow_id]
            if flow.condition is None and flow_id != node.default_flow:
                yield scope.fault(
                    flow, f"a flow out of {quoted(node.id)} needs a condition, or make it the default flow"
                )


def a_default_has_no_condition(scope: Scope) -> Iterator[Fault]:
    for node in scope.of_kind(Kind.EXCLUSIVE_GATEWAY, Kind.INCLUSIVE_GATEWAY):
        flow = scope.flows.get(node.default_flow or "")
        if flow is not None and flow.condition is not None:
            message = "the condition of a default flow is ignored; remove it"
            yield scope.fault(flow, message, flow.condition.line, warning=True)


def events_follow_an_event_gateway(scope: Scope) -> Iterator[Fault]:
    for gateway in scope.of_kind(Kind.EVENT_BASED_GATEWAY):
        if len(gateway.outgoing) < _MIN_EVENTS:
            yield scope.fault(gateway, "an event-based gateway needs at least two outgoing flows")
        awaited: dict[tuple[str, str], str] = {}
        for target in _targets(scope, gateway):
            yield from _successor(scope, gateway, target, awaited)


def _targets(scope: Scope, gateway: FlowNode) -> Iterator[FlowNode]:
    for flow_id in gateway.outgoing:
        target = scope.nodes.get(scope.flows[flow_id].target)
        if target is not None:
            yield target


def _successor(
    scope: Scope, gateway: FlowNode, target: FlowNode, awaited: dict[tuple[str, str], str]
) -> Iterator[Fault]:
    if target.kind is not Kind.CATCH_EVENT:
        allowed = "only timer, message and signal catch events may follow"
        yield scope.fault(gateway, f"it leads to {target.kind} {quoted(target.id)}; {allowed}")
        return
    if len(target.incoming) > 1:
        yield scope.fault(target, f"it follows {quoted(gateway.id)}, so no other flow may lead to it")
    for event in target.events:
        if isinstance(event, Timer) and event.kind is TimerKind.CYCLE:
            yield scope.fault(
                target, f"after {quoted(gateway.id)} a timer fires once; use timeDate or timeDuration"
            )
        elif isinstance(event, Message | Signal) and isinstance(event.name, str):
            what = type(event).__name__.lower()
            other = awaited.setdefault((what, event.name), target.id)
            if other != target.id:
                yield scope.fault(
                    target, f"{quoted(other)} waits for {what} {quoted(event.name)} already; merge them"
                )


RULES = (every_choice_has_a_condition, a_default_has_no_condition, events_follow_an_event_gateway)
