"""Where a scope begins, and what cannot be reached from there."""

from __future__ import annotations

from collections.abc import Iterator

from procession.bpmn.quoting import quoted
from procession.bpmn.rules.scope import Scope
from procession.model import Fault, FlowNode, Kind, Message, Signal


def has_a_start(scope: Scope) -> Iterator[Fault]:
    if not any(scope.of_kind(Kind.START_EVENT)):
        yield scope.fault(scope.owner, "there is no start event; add one")


def at_most_one_none_start(scope: Scope) -> Iterator[Fault]:
    plain = [node for node in _known_starts(scope) if not node.events]
    for node in plain[1:]:
        yield scope.fault(node, f"{quoted(plain[0].id)} is a none start event already; keep one of them")


def sub_process_starts_plainly(scope: Scope) -> Iterator[Fault]:
    if not scope.is_embedded:
        return
    for node in _known_starts(scope):
        if node.events:
            yield scope.fault(node, "a sub-process is started by its parent; make this a none start event")


def each_message_and_signal_starts_once(scope: Scope) -> Iterator[Fault]:
    first: dict[tuple[str, str], str] = {}
    for node in _known_starts(scope):
        for event in node.events:
            if isinstance(event, Message | Signal) and isinstance(event.name, str):
                what = type(event).__name__.lower()
                other = first.setdefault((what, event.name), node.id)
                if other != node.id:
                    yield scope.fault(
                        node, f"{quoted(other)} starts on {what} {quoted(event.name)} already; merge them"
                    )


def _known_starts(scope: Scope) -> Iterator[FlowNode]:
    return (node for node in scope.of_kind(Kind.START_EVENT) if node.id not in scope.incomplete)


def everything_is_reachable(scope: Scope) -> Iterator[Fault]:
    if scope.incomplete or not any(scope.of_kind(Kind.START_EVENT)):
        return  # faults already, and nothing to learn from what they leave
    reached = _reached(scope)
    for node in scope.body.nodes:
        if node.id not in reached:
            yield scope.fault(node, "no path from a start event leads here; it will never run", warning=True)


def _reached(scope: Scope) -> set[str]:
    after: dict[str, list[str]] = {}
    for flow in scope.body.flows:
        after.setdefault(flow.source, []).append(flow.target)
    for node in scope.of_kind(Kind.BOUNDARY_EVENT):
        after.setdefault(node.attached_to or "", []).append(node.id)
    reached: set[str] = set()
    waiting = [node.id for node in scope.of_kind(Kind.START_EVENT)]
    while waiting:
        node_id = waiting.pop()
        if node_id not in reached:
            reached.add(node_id)
            waiting.extend(after.get(node_id, ()))
    return reached


RULES = (
    has_a_start,
    at_most_one_none_start,
    sub_process_starts_plainly,
    each_message_and_signal_starts_once,
    everything_is_reachable,
)
