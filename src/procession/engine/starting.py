"""Starting inside a process: at which elements tokens may begin, and the scopes around them.

As Zeebe's start instructions, but that input mappings of the scopes entered are applied.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from procession.engine import lifecycle
from procession.engine.graph import Graph, Node
from procession.engine.records import ElementInstance, ProcessInstance
from procession.engine.run import Run, Scope, Stuck
from procession.errors import InvalidInput
from procession.model import Kind

_NOT_A_PLACE = {
    Kind.START_EVENT: "a start event",
    Kind.BOUNDARY_EVENT: "a boundary event",
}


def start_places(graph: Graph, element_ids: Sequence[str]) -> tuple[Node, ...]:
    """The nodes of elements at which an instance is to start.

    Raises:
        InvalidInput: there is no such element, or nothing can start there.
    """
    places = {element_id: _place(graph, element_id) for element_id in dict.fromkeys(element_ids)}
    return tuple(places[element_id] for element_id in element_ids)


def _place(graph: Graph, element_id: str) -> Node:
    node = graph.nodes.get(element_id)
    if node is None:
        raise InvalidInput(f"process {graph.process_id!r} has no element {element_id!r} to start at")
    reason = _NOT_A_PLACE.get(node.kind) if node.kind is not None else None
    if reason is None and _after_event_gateway(node):
        reason = "an event behind an event-based gateway"
    if reason is None and any(scope.loop is not None for scope in _scopes(node)):
        reason = "inside a multi-instance activity"
    if reason is not None:
        raise InvalidInput(f"no instance of {graph.process_id!r} can start at {element_id!r}: it is {reason}")
    return node


def _after_event_gateway(node: Node) -> bool:
    siblings = node.scope.children if node.scope is not None else ()
    return any(
        flow.target is node
        for other in siblings
        if other.kind is Kind.EVENT_BASED_GATEWAY
        for flow in other.outgoing
    )


def _scopes(node: Node) -> Iterable[Node]:
    """The sub-processes around a node, innermost first, and the process."""
    scope = node.scope
    while scope is not None:
        yield scope
        scope = scope.scope


def place_tokens(run: Run, instance: ProcessInstance, starts: Sequence[Node]) -> None:
    """A token before each node of a new instance; those in the same sub-process share its instance.

    Raises:
        InvalidInput: a scope around one cannot be entered; nothing is left of the instance.
    """
    scopes: dict[Node, Scope] = {}
    for node in starts:
        scope = _scope_of(run, instance, scopes, node)
        scope.active += 1
        run.push((scope, node, None))


def _scope_of(run: Run, instance: ProcessInstance, scopes: dict[Node, Scope], node: Node) -> Scope:
    around = node.scope
    if around is None or around.scope is None:
        return instance
    if around not in scopes:
        scopes[around] = _enter(run, _scope_of(run, instance, scopes, around), around)
    return scopes[around]


def _enter(run: Run, scope: Scope, node: Node) -> ElementInstance:
    """Activate a sub-process without its start event."""
    scope.active += 1
    element = lifecycle.create(run, scope, node, None)
    try:
        node.behaviour.open(run, element, node)
    except Stuck as stuck:
        # Refused as on Zeebe: an incident here, resolved, would go on at the start event instead.
        run.queue.clear()
        run.unit.take_back(element.root_key)
        raise InvalidInput(f"{node.id!r} cannot be entered: {stuck.message}") from stuck
    return element
