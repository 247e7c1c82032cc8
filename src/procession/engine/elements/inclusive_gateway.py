"""The inclusive gateway (BPMN 2.0 sections 10.6.3 and 13.4.3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from procession.engine import lifecycle, variables
from procession.engine.behaviour import register
from procession.engine.elements.gateways import add_token, default_flow, take_tokens
from procession.engine.elements.tasks import PassThrough
from procession.engine.graph import Flow, Node
from procession.engine.records import ElementInstance
from procession.engine.run import Run, Scope, instance_of
from procession.model import Kind


class InclusiveGateway(PassThrough):
    """Splits along every true condition; merges when no token that is missing can still come."""

    joins = True

    def synchronizes(self, node: Node) -> bool:
        return node.incoming > 1

    def arrive(self, run: Run, scope: Scope, node: Node, flow_id: str | None) -> None:
        if node.incoming <= 1 or flow_id is None:
            super().arrive(run, scope, node, flow_id)
            return
        add_token(run, scope, node, flow_id)
        run.moved(node.scope, instance_of(scope), scope.key)

    def settle(self, run: Run, scope: Scope, node: Node) -> None:
        join = run.unit.joins.get((scope.key, node.id))
        if join is None:
            return
        waiting = lifecycle.join_counts(join.waiting)
        places = list(_other_tokens(run, scope, node))
        counted = sum(waiting.values()) + sum(count for _, count in places)
        if counted < scope.active:
            return  # a token is in flight, in a command that waits: it settles when it has arrived
        if not any(_may_come(place, node, waiting) for place, _ in places):
            flow_id = next(iter(waiting))
            take_tokens(run, scope, node, waiting)
            super().arrive(run, scope, node, flow_id)

    def choose(self, run: Run, element: ElementInstance, node: Node) -> Sequence[Flow]:
        chain = variables.chain_of(run, element)
        chosen = [
            flow
            for flow in node.outgoing
            if flow is not node.default
            and (flow.condition is None or variables.condition(run, flow.condition, chain))
        ]
        return chosen or default_flow(node)


def _other_tokens(run: Run, scope: Scope, gateway: Node) -> Iterator[tuple[Node, int]]:
    """Where the other tokens of the scope are, and how many at each place."""
    nodes = gateway.graph.nodes
    for element in run.unit.elements.find("tokens", scope.key):
        yield nodes[element.element_id], 1
    for join in run.unit.joins.find("scope", scope.key):
        if join.element_id != gateway.id:
            yield nodes[join.element_id], sum(lifecycle.join_counts(join.waiting).values())


def _may_come(place: Node, gateway: Node, waiting: dict[str, int]) -> bool:
    """Whether a token at `place` can reach an empty incoming flow, and none that has a token."""
    reached = _reached_flows(place, gateway)
    return bool(reached) and not any(flow_id in waiting for flow_id in reached)


def _reached_flows(place: Node, gateway: Node) -> set[str]:
    """The gateway's incoming flows that a token can come to without passing the gateway."""
    reached: set[str] = set()
    seen = {place.id}
    todo = [place]
    while todo:
        node = todo.pop()
        reached.update(flow.id for flow in node.outgoing if flow.target is gateway)
        for target in node.successors():
            if target is not gateway and target.id not in seen:
                seen.add(target.id)
                todo.append(target)
    return reached


register(InclusiveGateway(), Kind.INCLUSIVE_GATEWAY)
