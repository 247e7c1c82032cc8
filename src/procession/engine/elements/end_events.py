"""End events: none, error, terminate (BPMN 2.0 section 10.5.3). Message end events are jobs."""

from __future__ import annotations

from procession.engine import lifecycle, variables
from procession.engine.behaviour import Behaviour, register
from procession.engine.elements.tasks import PassThrough
from procession.engine.graph import Node
from procession.engine.records import COMPLETING, ElementInstance, IncidentType
from procession.engine.run import Run, Stuck
from procession.engine.throwing import throw_error
from procession.model import Error, Kind, Terminate


class ErrorEnd(Behaviour):
    """Throws its error; what catches it ends this scope. Uncaught, it waits as an incident."""

    waits = False

    def activate(self, run: Run, element: ElementInstance, node: Node) -> None:
        if node.error_code is None:
            raise LookupError(f"error end event {node.id!r} has no code")
        code = variables.text(run, node.error_code, variables.chain_of(run, element), "the error code")
        if not throw_error(run, element, code, variables.own_values(run, element)):
            raise Stuck(
                IncidentType.UNHANDLED_ERROR_EVENT.value,
                f"nobody catches error {code!r}; add an error boundary event, or change the data and resolve",
            )


class TerminateEnd(Behaviour):
    """Ends its scope at once: everything else in it is terminated, then it completes."""

    waits = False

    def activate(self, run: Run, element: ElementInstance, node: Node) -> None:
        scope = run.scope_of(element)
        lifecycle.leave(run, element, node)
        if scope.active > 0:
            scope.state = COMPLETING
            lifecycle.terminate_children(run, scope, element.instance_key)


register(PassThrough(), Kind.END_EVENT)
register(ErrorEnd(), Kind.END_EVENT, event=Error)
register(TerminateEnd(), Kind.END_EVENT, event=Terminate)
