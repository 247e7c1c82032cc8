"""Going on with what an earlier transaction had no room for."""

from __future__ import annotations

from procession.engine import commands as c
from procession.engine.handling import Handler, handles, want_element
from procession.engine.records import TERMINATED
from procession.engine.run import Run
from procession.engine.unit import Reads


class GoOn(Handler[c.Continue]):
    def reads(self, command: c.Continue, want: Reads) -> None:
        unit = want.unit
        want.get(unit.instances, command.root_key)
        for step in command.steps:
            if isinstance(step, c.Arrive):
                self._want_arrival(step, want)
            elif isinstance(step, c.EndScope):
                want.get(unit.instances, step.instance_key)
                want.find(unit.elements, "children", step.scope_key)
                want.find(unit.joins, "scope", step.scope_key)
                if step.scope_key != step.instance_key:
                    want_element(want, step.scope_key)
            else:
                want_element(want, step.key)

    def _want_arrival(self, step: c.Arrive, want: Reads) -> None:
        instance = want.get(want.unit.instances, step.instance_key)
        scope = None
        if step.scope_key != step.instance_key:
            scope = want.get(want.unit.elements, step.scope_key)
        if instance is None:
            return
        graph = want.graph(instance.definition_key)
        if graph is None:
            return
        node = graph.nodes[step.element_id]
        for name in (*node.entry_reads, *node.frontier.names):
            for key in {step.scope_key, step.instance_key} | ({scope.scope_key} if scope else set()):
                want.get(want.unit.variables, (key, name))
        if node.behaviour.joins:
            want.get(want.unit.joins, (step.scope_key, step.element_id))

    def execute(self, command: c.Continue, run: Run) -> None:
        root = run.unit.instances.get(command.root_key)
        if root is None or root.state == TERMINATED:
            return
        run.work_in(root)
        run.queue.extend(command.steps)
        run.settle.update(dict.fromkeys(command.settle))


handles(c.Continue, GoOn())
