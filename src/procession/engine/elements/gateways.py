"""Exclusive and parallel gateways (BPMN 2.0 sections 10.6.2 and 10.6.4)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from procession.engine import lifecycle, variables
from procession.engine.behaviour import register
from procession.engine.elements.tasks import PassThrough
from procession.engine.graph import Flow, Node
from procession.engine.records import ElementInstance, IncidentType, Join
from procession.engine.run import Run, Scope, Stuck
from procession.model import Kind


class ExclusiveGateway(PassThrough):
    """Takes the first flow, in document order, whose condition is true; otherwise the default."""

    def choose(self, run: Run, element: ElementInstance, node: Node) -> Sequence[Flow]:
        chain = variables.chain_of(run, element)
        for flow in node.outgoing:
            if flow is node.default:
                continue
            if flow.condition is None or variables.condition(run, flow.condition, chain):
                return (flow,)
        return default_flow(node)


def default_flow(node: Node) -> tuple[Flow, ...]:
    """The default flow, when no condition is true.

    Raises:
        Stuck: there is none, and the gateway has flows.
    """
    if node.default is not None:
        return (node.default,)
    if not node.outgoing:
        return ()
    raise Stuck(
        IncidentType.CONDITION_ERROR.value,
        f"no condition of gateway {node.id!r} is true and it has no default flow",
    )


class ParallelGateway(PassThrough):
    """Waits for a token on each incoming flow, then sends one along each outgoing flow."""

    joins = True

    def arrive(self, run: Run, scope: Scope, node: Node, flow_id: str | None) -> None:
        if node.incoming <= 1 or flow_id is None:
            super().arrive(run, scope, node, flow_id)
            return
        waiting = add_token(run, scope, node, flow_id)
        if len(waiting) == node.incoming:
            take_tokens(run, scope, node, waiting)
            super().arrive(run, scope, node, flow_id)


def add_token(run: Run, scope: Scope, node: Node, flow_id: str) -> dict[str, int]:
    """Let a token wait at a joining gateway. Answers the tokens now waiting, by flow."""
    joins = run.unit.joins
    join = joins.get((scope.key, node.id))
    waiting = lifecycle.join_counts(join.waiting) if join is not None else {}
    waiting[flow_id] = waiting.get(flow_id, 0) + 1
    _write(run, scope, node, join, waiting)
    return waiting


def take_tokens(run: Run, scope: Scope, node: Node, waiting: dict[str, int]) -> None:
    """One token of each flow that has any becomes the single token of the gateway."""
    scope.active -= len(waiting) - 1
    rest = {flow: count - 1 for flow, count in waiting.items() if count > 1}
    _write(run, scope, node, run.unit.joins.get((scope.key, node.id)), rest)


def _write(run: Run, scope: Scope, node: Node, join: Join | None, waiting: dict[str, int]) -> None:
    text = msgspec.json.encode(waiting).decode()
    if join is None:
        run.unit.joins.add(Join(scope.key, node.id, scope.root_key, text))
    elif waiting:
        join.waiting = text
    else:
        run.unit.joins.remove(join)


register(ExclusiveGateway(), Kind.EXCLUSIVE_GATEWAY)
register(ParallelGateway(), Kind.PARALLEL_GATEWAY)
