"""Tasks the engine finishes itself, and those that wait for a message (BPMN 2.0 section 10.3.3)."""

from __future__ import annotations

from procession.engine import lifecycle, variables
from procession.engine.behaviour import Behaviour, register
from procession.engine.elements.jobs import JobWork
from procession.engine.graph import Node
from procession.engine.records import ElementInstance
from procession.engine.run import Run, Scope
from procession.model import Kind


class PassThrough(Behaviour):
    """Nothing to do: undefined and manual tasks complete at once (Zeebe behaviour)."""

    waits = False

    def arrive(self, run: Run, scope: Scope, node: Node, flow_id: str | None) -> None:
        if node.is_plain:
            lifecycle.pass_through(run, scope, node, flow_id)
        else:
            super().arrive(run, scope, node, flow_id)

    def activate(self, run: Run, element: ElementInstance, node: Node) -> None:
        lifecycle.leave(run, element, node)


class ScriptTask(JobWork):
    """A FEEL script runs here; one with a task definition is a job."""

    def activate(self, run: Run, element: ElementInstance, node: Node) -> None:
        script = node.model.script if node.model is not None else None
        if script is None or node.script is None:
            super().activate(run, element, node)
            return
        value = variables.evaluate(run, node.script, variables.chain_of(run, element))
        variables.receive(run, element, node, {script.result: variables.encode(value)})
        lifecycle.leave(run, element, node)


register(PassThrough(), Kind.TASK, Kind.MANUAL_TASK)
register(ScriptTask(), Kind.SCRIPT_TASK)
