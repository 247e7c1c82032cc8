"""Sequence flows: what they may connect, and where conditions may stand."""

from __future__ import annotations

from collections.abc import Iterator

from procession.bpmn.quoting import quoted
from procession.bpmn.rules.scope import Scope
from procession.model import Fault, Kind, SequenceFlow

_DECIDING = frozenset({Kind.EXCLUSIVE_GATEWAY, Kind.INCLUSIVE_GATEWAY})
_NO_INCOMING = {
    Kind.START_EVENT: "a start event is where the path begins; it takes no incoming flow",
    Kind.BOUNDARY_EVENT: "a boundary event is triggered by its activity; it takes no incoming flow",
}


def ends_exist(scope: Scope) -> Iterator[Fault]:
    for flow in scope.body.flows:
        yield from _end(scope, flow, "sourceRef", flow.source)
        yield from _end(scope, flow, "targetRef", flow.target)


def _end(scope: Scope, flow: SequenceFlow, name: str, node_id: str) -> Iterator[Fault]:
    if node_id in scope.nodes or node_id in scope.incomplete:
        return
    if not node_id:
        yield scope.fault(flow, f"{name} is missing; connect the flow at both ends")
    elif node_id in scope.everywhere:
        yield scope.fault(
            flow,
            f"{name} {quoted(node_id)} stands in another scope; a flow may not cross a sub-process border",
        )
    else:
        yield scope.fault(flow, f"{name} names {quoted(node_id)}, which is no flow node of this process")


def nothing_enters_a_start(scope: Scope) -> Iterator[Fault]:
    for node in scope.of_kind(*_NO_INCOMING):
        if node.incoming:
            yield scope.fault(node, _NO_INCOMING[node.kind])


def nothing_leaves_an_end(scope: Scope) -> Iterator[Fault]:
    for node in scope.of_kind(Kind.END_EVENT):
        if node.outgoing:
            yield scope.fault(node, "an end event is where the path ends; it has no outgoing flow")


def conditions_stand_at_gateways(scope: Scope) -> Iterator[Fault]:
    for flow in scope.body.flows:
        source = scope.nodes.get(flow.source)
        if flow.condition is None or source is None or source.kind in _DECIDING:
            continue
        if source.kind is Kind.PARALLEL_GATEWAY:
            message = "a parallel gateway takes every flow; this condition is ignored"
            yield scope.fault(flow, message, flow.condition.line, warning=True)
        else:
            message = f"a condition on a flow out of {source.kind} is not supported by this version"
            yield scope.fault(flow, f"{message}; put an exclusive gateway in between", flow.condition.line)


def defaults_leave_their_node(scope: Scope) -> Iterator[Fault]:
    for node in scope.body.nodes:
        if node.default_flow is None:
            continue
        if node.kind not in _DECIDING:
            yield scope.fault(node, f"a default flow out of {node.kind} is not supported by this version")
        elif node.default_flow not in node.outgoing:
            yield scope.fault(
                node, f"the default flow {quoted(node.default_flow)} does not leave this element"
            )


RULES = (
    ends_exist,
    nothing_enters_a_start,
    nothing_leaves_an_end,
    conditions_stand_at_gateways,
    defaults_leave_their_node,
)
