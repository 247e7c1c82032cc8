"""The event-based gateway: the first event that happens decides the path (BPMN 2.0 section 10.6.6)."""

from __future__ import annotations

from procession.engine import lifecycle, subscriptions, variables
from procession.engine.behaviour import Behaviour, Trigger, register
from procession.engine.graph import Node
from procession.engine.records import ACTIVATED, ElementInstance
from procession.engine.run import Run
from procession.model import Kind


class EventGateway(Behaviour):
    """Waits for the events behind it; the one that fires completes at once, the others close."""

    def activate(self, run: Run, element: ElementInstance, node: Node) -> None:
        subscriptions.open_events(run, element, [flow.target for flow in node.outgoing])

    def triggered(self, run: Run, element: ElementInstance, node: Node, event: Trigger) -> None:
        flow = next(flow for flow in node.outgoing if flow.target is event.target)
        scope = run.scope_of(element)
        subscriptions.close_events(run, element)
        scope.active += 1
        lifecycle.finish(run, element, node, ())
        target = lifecycle.create(run, scope, event.target, flow.id)
        target.state = ACTIVATED
        variables.receive(run, target, event.target, event.variables)
        lifecycle.leave(run, target, event.target)


register(EventGateway(), Kind.EVENT_BASED_GATEWAY)
