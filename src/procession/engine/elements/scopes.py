"""The process itself and embedded sub-processes: scopes that end with their last token."""

from __future__ import annotations

from procession.engine import lifecycle
from procession.engine.behaviour import Behaviour, register
from procession.engine.graph import Node
from procession.engine.records import ElementInstance
from procession.engine.run import Run
from procession.model import Kind


class SubProcess(Behaviour):
    """Starts its none start event (BPMN 2.0 section 10.3.5)."""

    def activate(self, run: Run, element: ElementInstance, node: Node) -> None:
        if node.start is None:
            raise LookupError(f"sub-process {node.id!r} has no start event")
        element.active = 1
        run.push((element, node.start, None))

    def terminate(self, run: Run, element: ElementInstance, node: Node) -> bool:
        if element.active == 0:
            return True
        lifecycle.terminate_children(run, element, element.instance_key)
        return False


register(SubProcess(), Kind.SUB_PROCESS, None)
