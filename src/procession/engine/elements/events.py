"""Start, intermediate and boundary events (BPMN 2.0 section 10.5)."""

from __future__ import annotations

from procession.engine import lifecycle, subscriptions, variables
from procession.engine.behaviour import Behaviour, Trigger, register
from procession.engine.elements.tasks import PassThrough
from procession.engine.graph import Node
from procession.engine.records import ElementInstance
from procession.engine.run import Run
from procession.model import Error, Kind, Message, Signal, Timer


class Catch(Behaviour):
    """Waits for its own timer, message or signal: intermediate catch events and receive tasks."""

    def activate(self, run: Run, element: ElementInstance, node: Node) -> None:
        subscriptions.open_events(run, element, (node,))

    def triggered(self, run: Run, element: ElementInstance, node: Node, event: Trigger) -> None:
        if event.target is not node:
            super().triggered(run, element, node, event)
            return
        variables.receive(run, element, node, event.variables)
        if event.more:
            scope = run.scope_of(element)
            lifecycle.send(run, scope, element.instance_key, node, node.outgoing, spent=0)
        else:
            subscriptions.close_events(run, element)
            lifecycle.leave(run, element, node)


register(PassThrough(), Kind.START_EVENT, Kind.THROW_EVENT)
register(PassThrough(), Kind.START_EVENT, event=Message)
register(PassThrough(), Kind.START_EVENT, event=Signal)
register(PassThrough(), Kind.BOUNDARY_EVENT, event=Timer)
register(PassThrough(), Kind.BOUNDARY_EVENT, event=Message)
register(PassThrough(), Kind.BOUNDARY_EVENT, event=Signal)
register(PassThrough(), Kind.BOUNDARY_EVENT, event=Error)
register(Catch(), Kind.CATCH_EVENT, Kind.RECEIVE_TASK)
register(Catch(), Kind.CATCH_EVENT, event=Timer)
register(Catch(), Kind.CATCH_EVENT, Kind.RECEIVE_TASK, event=Message)
register(Catch(), Kind.CATCH_EVENT, event=Signal)
