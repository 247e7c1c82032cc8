"""The call activity: another process runs inside this one, under the same root (BPMN 2.0 10.3.6)."""

from __future__ import annotations

from procession.engine import commands as c
from procession.engine import lifecycle, variables
from procession.engine.behaviour import Behaviour, register
from procession.engine.graph import Node
from procession.engine.records import (
    ACTIVATED,
    COMPLETED,
    TERMINATED,
    TERMINATING,
    Definition,
    ElementInstance,
    IncidentType,
    ProcessInstance,
)
from procession.engine.run import Run, Stuck
from procession.model import CalledElement, Kind

MAX_DEPTH = 100
"""Calls nested deeper are taken for an endless recursion."""


class CallActivity(Behaviour):
    """Starts the latest version of the called process and waits for its end (Zeebe behaviour)."""

    def activate(self, run: Run, element: ElementInstance, node: Node) -> None:
        caller = run.instance(element.instance_key)
        definition = _called_definition(run, element, node, caller)
        start = run.graph(definition.key).root.start
        if start is None:
            raise _failed(f"process {definition.process_id!r} has no none start event")
        called = run.unit.instances.add(
            ProcessInstance(
                run.new_key(),
                element.root_key,
                definition.key,
                caller.tenant,
                definition.process_id,
                definition.version,
                element.key,
                caller.business_key,
                None,
                None,
                caller.depth + 1,
                run.now,
                active=1,
            )
        )
        for name, raw in _handed_in(run, element, _spec(node)).items():
            variables.set_local(run, called.key, called.root_key, name, raw)
        run.push((called, start, None))

    def terminate(self, run: Run, element: ElementInstance, node: Node) -> bool:
        ended = True
        for called in run.unit.instances.find("parent", element.key):
            if called.state not in (COMPLETED, TERMINATED):
                called.state = TERMINATING
                run.push(c.EndScope(called.key, called.key))
                ended = False
        return ended

    def instance_ended(self, run: Run, element: ElementInstance, node: Node, called: ProcessInstance) -> None:
        if element.state == TERMINATING:
            lifecycle.finish_termination(run, element, node)
        elif element.state == ACTIVATED and called.state == COMPLETED:
            if node.outputs or _spec(node).propagate_child:
                results = variables.local_values(run, called.key)
                variables.receive(run, element, node, results)
            lifecycle.leave(run, element, node)


def _spec(node: Node) -> CalledElement:
    if node.called is None:
        raise LookupError(f"call activity {node.id!r} names no process")
    return node.called


def _called_definition(run: Run, element: ElementInstance, node: Node, caller: ProcessInstance) -> Definition:
    chain = variables.chain_of(run, element)
    process_id = variables.text(run, node.called_process or "", chain, "the called process id")
    if caller.depth >= MAX_DEPTH:
        raise _failed(f"calls are nested {MAX_DEPTH} deep; is {process_id!r} calling itself without end?")
    versions = run.unit.definitions.find("process", (caller.tenant, process_id))
    if not versions:
        raise _failed(f"there is no process {process_id!r}; deploy it, then resolve this incident")
    return max(versions, key=lambda definition: definition.version)


def _failed(message: str) -> Stuck:
    return Stuck(IncidentType.CALLED_ELEMENT_ERROR.value, message)


def _handed_in(run: Run, element: ElementInstance, spec: CalledElement) -> dict[str, str]:
    if spec.propagate_parent:
        return variables.visible(run, variables.chain_of(run, element))
    return variables.own_values(run, element)


register(CallActivity(), Kind.CALL_ACTIVITY)
