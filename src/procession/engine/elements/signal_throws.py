"""Events that throw a signal: intermediate and end (BPMN 2.0 section 10.5.5)."""

from __future__ import annotations

from procession.engine import commands as c
from procession.engine import lifecycle, variables
from procession.engine.behaviour import Behaviour, register
from procession.engine.graph import Node
from procession.engine.records import ElementInstance, IncidentType
from procession.engine.run import Run, Stuck
from procession.engine.throwing import around
from procession.model import Kind, Signal


class SignalThrow(Behaviour):
    """Broadcasts its signal and goes on; what its input mappings made travels along (Zeebe behaviour)."""

    waits = False

    def activate(self, run: Run, element: ElementInstance, node: Node) -> None:
        if node.signal_name is None:
            raise LookupError(f"signal event {node.id!r} has no signal")
        name = variables.text(run, node.signal_name, variables.chain_of(run, element), "the signal name")
        if not name:
            raise Stuck(IncidentType.EXTRACT_VALUE_ERROR.value, "the signal name is empty")
        values = variables.own_values(run, element)
        tenant = run.instance(element.instance_key).tenant
        key = run.new_key()
        reached = _reach_around(run, element, name, values)
        broadcast = c.BroadcastSignal(name, values, tenant, key, run.now, reached=reached)
        run.emit(broadcast, root_key=None, tenant=tenant)
        lifecycle.leave(run, element, node)


def _reach_around(run: Run, thrower: ElementInstance, name: str, values: dict[str, str]) -> tuple[int, ...]:
    """Let boundary events of what is around the thrower hear it before it goes on: what it stands in may
    end with it. Answers the keys of their subscriptions."""
    reached: list[int] = []
    host = around(run, thrower)
    while host is not None:
        node = run.node(host)
        if node.awaits_signals and not host.loop_counter:
            for subscription in run.unit.signals.find("element", host.key):
                if subscription.name == name:
                    reached.append(subscription.key)
                    boundary = node.graph.nodes[subscription.target_id]
                    lifecycle.trigger_boundary(run, host, boundary, values)
        host = around(run, host)
    return tuple(reached)


register(SignalThrow(), Kind.THROW_EVENT, Kind.END_EVENT, event=Signal)
