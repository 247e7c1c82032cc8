"""Boundary events: where they may sit, and which of them exclude each other."""

from __future__ import annotations

from collections.abc import Iterator

from procession.bpmn.quoting import quoted
from procession.bpmn.rules.scope import Scope
from procession.model import Error, Fault, FlowNode, Kind, Message, Signal


def hosts_are_activities(scope: Scope) -> Iterator[Fault]:
    for node in scope.of_kind(Kind.BOUNDARY_EVENT):
        if node.attached_to in scope.incomplete:
            continue
        if node.attached_to is None:
            yield scope.fault(node, "attachedToRef is missing; attach the event to an activity")
            continue
        host = scope.nodes.get(node.attached_to)
        if host is None:
            yield scope.fault(
                node, f"attachedToRef names {quoted(node.attached_to)}, which is no activity of this scope"
            )
        elif not host.kind.is_activity:
            yield scope.fault(
                node, f"it sits on {host.kind} {quoted(host.id)}; a boundary event belongs on an activity"
            )


def errors_interrupt(scope: Scope) -> Iterator[Fault]:
    for node in scope.of_kind(Kind.BOUNDARY_EVENT):
        if not node.interrupting and any(isinstance(event, Error) for event in node.events):
            yield scope.fault(node, "an error always interrupts; set cancelActivity to true")


def one_boundary_for_each_trigger(scope: Scope) -> Iterator[Fault]:
    first: dict[tuple[str | None, str, object], str] = {}
    for node in scope.of_kind(Kind.BOUNDARY_EVENT):
        if (trigger := _trigger(node)) is None:
            continue
        other = first.setdefault((node.attached_to, *trigger), node.id)
        if other != node.id:
            what = f"{trigger[0]} {quoted(trigger[1])}" if trigger[1] else f"every {trigger[0]}"
            yield scope.fault(
                node, f"{quoted(other)} on the same activity catches {what} already; keep one of them"
            )


def _trigger(node: FlowNode) -> tuple[str, object] | None:
    for event in node.events:
        if isinstance(event, Error):
            return "error", event.code
        if isinstance(event, Message) and isinstance(event.name, str):
            return "message", event.name
        if isinstance(event, Signal) and isinstance(event.name, str):
            return "signal", event.name
    return None


RULES = (hosts_are_activities, errors_interrupt, one_boundary_for_each_trigger)
