"""Going on with what an earlier transaction had no room for."""

from __future__ import annotations

from collections.abc import Iterable

from procession.engine import commands as c
from procession.engine.handling import (
    Handler,
    Target,
    handles,
    scopes_around,
    want_element,
    want_end,
    want_inside,
)
from procession.engine.reads import Reads
from procession.engine.records import TERMINATED
from procession.engine.run import Run


def want_steps(steps: Iterable[c.AnyStep], want: Reads) -> None:
    """Name what steps will read, as far as what is loaded tells."""
    for step in steps:
        if isinstance(step, c.Arrive):
            _want_arrival(step, want)
        elif isinstance(step, c.EndScope):
            want.get(want.unit.instances, step.instance_key)
            want_inside(want, step.scope_key)
            if step.scope_key != step.instance_key:
                want_element(want, step.scope_key)
        elif isinstance(step, c.Terminate):
            want_end(want, step.key)
        else:
            want_element(want, step.key)


def _want_arrival(step: c.Arrive, want: Reads) -> None:
    instance = want.get(want.unit.instances, step.instance_key)
    graph = want.graph(instance.definition_key) if instance is not None else None
    keys = [step.instance_key]
    if step.scope_key != step.instance_key:
        scope = want.get(want.unit.elements, step.scope_key)
        keys += [around.key for around in scopes_around(want, scope) if around.locals] if scope else []
    if graph is None:
        return
    node = graph.nodes[step.element_id]
    names = node.entry_reads | node.frontier.names
    want.get_all(want.unit.variables, [(key, name) for name in names for key in keys])
    if node.behaviour.joins:
        want.get(want.unit.joins, (step.scope_key, step.element_id))


class GoOn(Handler[c.Continue]):
    def target(self, command: c.Continue) -> Target:
        return ("process_instance", command.root_key)

    def reads(self, command: c.Continue, want: Reads) -> None:
        want.get(want.unit.instances, command.root_key)
        want_steps(command.steps, want)

    def execute(self, command: c.Continue, run: Run) -> None:
        root = run.unit.instances.get(command.root_key)
        if root is None or root.state == TERMINATED:
            return
        run.work_in(root)
        run.queue.extend(command.steps)
        run.settle.update(dict.fromkeys(command.settle))


handles(c.Continue, GoOn())
