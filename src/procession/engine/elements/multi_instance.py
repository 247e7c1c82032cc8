"""Multi-instance activities: a body with one child per item (BPMN 2.0 section 10.3.8, as Zeebe).

Children are created in chunks, so a body of 10,000 fits many transactions; each chunk that is still
to come counts as one token of the body. Collected outputs are rows until the body ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from procession.engine import commands as c
from procession.engine import lifecycle, subscriptions, variables
from procession.engine.behaviour import Behaviour, Trigger, register_marker
from procession.engine.graph import Loop, Node
from procession.engine.records import (
    ACTIVATED,
    COMPLETED,
    COMPLETING,
    ElementInstance,
    IncidentType,
    Item,
    ProcessInstance,
)
from procession.engine.run import Run, Stuck
from procession.engine.unit import Missed

CHUNK = 200
AHEAD = 50
"""Items of a sequential body that are loaded at once: children that never wait need one after the other."""
_work = msgspec.json.Decoder(tuple[int, list[str]])


class MultiInstance(Behaviour):
    """Wraps the behaviour of the activity: instances without a loop counter are bodies."""

    def __init__(self, inner: Behaviour, loop: Loop) -> None:
        self.inner = inner
        self.loop = loop

    def enter(self, run: Run, element: ElementInstance, node: Node) -> None:
        if element.loop_counter:
            if node.inputs:
                variables.apply_inputs(run, element, node)
            element.state = ACTIVATED
            self.inner.activate(run, element, node)
        else:
            self._enter_body(run, element, node)

    def _enter_body(self, run: Run, body: ElementInstance, node: Node) -> None:
        items = self._items(run, body)
        subscriptions.open_events(run, body, node.boundaries)
        body.state = ACTIVATED
        body.loop_total = len(items)
        if not items:
            lifecycle.leave(run, body, node)
        elif self.loop.spec.sequential:
            body.active = 1
            for position, item in enumerate(items[1:], 2):
                run.unit.items.add(Item(body.key, -position, body.root_key, item))
            self._spawn(run, body, node, 1, items[:1])
        else:
            for at in range(0, len(items), CHUNK):
                work = msgspec.json.encode((at + 1, items[at : at + CHUNK])).decode()
                body.active += 1
                run.push(c.Resume(body.key, work))

    def _items(self, run: Run, body: ElementInstance) -> list[str]:
        """The JSON texts of the input items, `null` each where only a number is given."""
        chain = variables.chain_of(run, body)
        if self.loop.collection is not None:
            items = variables.evaluate(run, self.loop.collection, chain)
            if not isinstance(items, list):
                raise Stuck(
                    IncidentType.EXTRACT_VALUE_ERROR.value,
                    f"the input collection of {body.element_id!r} must be a list, but is {items!r}",
                )
            return [variables.encode(item) for item in items]
        count = variables.integer(run, self.loop.cardinality or "", chain, "the loop cardinality")
        if count < 0:
            raise Stuck(IncidentType.EXTRACT_VALUE_ERROR.value, f"the loop cardinality is {count}, below 0")
        return ["null"] * count

    def resume(self, run: Run, element: ElementInstance, node: Node, work: str) -> None:
        if element.state == ACTIVATED:
            first, items = _work.decode(work)
            element.active += len(items)
            self._spawn(run, element, node, first, items)
        lifecycle.token_gone(run, element, element.instance_key, None)

    def _spawn(self, run: Run, body: ElementInstance, node: Node, first: int, items: Sequence[str]) -> None:
        for counter, item in enumerate(items, first):
            child = lifecycle.create(run, body, node, None, loop_counter=counter)
            local = {"loopCounter": str(counter)}
            if self.loop.spec.input_element:
                local[self.loop.spec.input_element] = item
            name = self._collected_name()
            if name is not None:
                local.setdefault(name, "null")
            for key, raw in local.items():
                variables.set_local(run, child.key, child.root_key, key, raw)
            lifecycle.enter(run, child, node)

    def _collected_name(self) -> str | None:
        """The variable that is collected: kept local, so that children do not overwrite each other's."""
        output = self.loop.output_element
        if output is None or isinstance(output, str) or len(output.reads) != 1:
            return None
        name = next(iter(output.reads))
        return name if output.text == name or output.text.startswith(f"{name}.") else None

    def leave(self, run: Run, element: ElementInstance, node: Node) -> None:
        if element.loop_counter:
            self._leave_child(run, element, node)
        else:
            self._leave_body(run, element, node)

    def _leave_child(self, run: Run, child: ElementInstance, node: Node) -> None:
        child.state = COMPLETING
        if node.outputs:
            variables.apply_outputs(run, child, node)
        body = run.element(child.scope_key)
        chain = variables.chain_of(run, child)
        output = (
            variables.encode(variables.evaluate(run, self.loop.output_element, chain))
            if self.loop.output_element is not None
            else None
        )
        enough = self._is_enough(run, body, chain)
        if output is not None and body.state == ACTIVATED:
            run.unit.items.add(Item(body.key, child.loop_counter, child.root_key, output))
        child.state = COMPLETED
        child.ended_at = run.now
        body.loop_completed += 1
        self._go_on(run, body, node, enough=enough)

    def _is_enough(self, run: Run, body: ElementInstance, chain: variables.Chain) -> bool:
        if self.loop.condition is None or isinstance(self.loop.condition, str):
            return False
        return variables.condition(run, self.loop.condition, chain, self._numbers(body))

    def _numbers(self, body: ElementInstance) -> dict[str, Any]:
        completed = body.loop_completed + 1
        left = body.loop_total - completed
        return {
            "numberOfInstances": body.loop_total,
            "numberOfActiveInstances": min(left, 1) if self.loop.spec.sequential else left,
            "numberOfCompletedInstances": completed,
            "numberOfTerminatedInstances": 0,
        }

    def _go_on(self, run: Run, body: ElementInstance, node: Node, *, enough: bool) -> None:
        """After a child: the next one, or the end of those left, or just one token less."""
        if enough and body.state == ACTIVATED:
            body.state = COMPLETING
            if body.active > 1:
                lifecycle.terminate_children(run, body, body.instance_key)
        elif self.loop.spec.sequential and body.state == ACTIVATED:
            position = body.loop_completed + 1
            item = _waiting_item(run, body, position) if position <= body.loop_total else None
            if item is not None:
                run.unit.items.remove(item)
                body.active += 1
                run.push(c.Resume(body.key, msgspec.json.encode((position, [item.value])).decode()))
        lifecycle.token_gone(run, body, body.instance_key, None)

    def _leave_body(self, run: Run, body: ElementInstance, node: Node) -> None:
        body.state = COMPLETING
        items = run.unit.items.find("scope", body.key)
        if self.loop.spec.output_collection:
            values = ["null"] * body.loop_total
            for item in items:
                if item.position > 0:
                    values[item.position - 1] = item.value
            collected = {self.loop.spec.output_collection: f"[{','.join(values)}]"}
            variables.propagate(run, variables.outer_chain(run, body), body.root_key, collected)
        for item in items:
            run.unit.items.remove(item)
        lifecycle.finish(run, body, node, self.inner.choose(run, body, node))

    def terminate(self, run: Run, element: ElementInstance, node: Node) -> bool:
        if element.loop_counter:
            return self.inner.terminate(run, element, node)
        for item in run.unit.items.find("scope", element.key):
            run.unit.items.remove(item)
        if element.active == 0:
            return True
        lifecycle.terminate_children(run, element, element.instance_key)
        return False

    def triggered(self, run: Run, element: ElementInstance, node: Node, event: Trigger) -> None:
        if element.loop_counter:
            self.inner.triggered(run, element, node, event)
        else:
            super().triggered(run, element, node, event)

    def instance_ended(self, run: Run, element: ElementInstance, node: Node, called: ProcessInstance) -> None:
        self.inner.instance_ended(run, element, node, called)


def _waiting_item(run: Run, body: ElementInstance, position: int) -> Item | None:
    """An item of a sequential body whose turn has come."""
    items = run.unit.items
    key = (body.key, -position)
    if not items.known(key):
        raise Missed(items.name, None, key, ((body.key, -position - ahead) for ahead in range(1, AHEAD)))
    return items.get(key)


def _mark(behaviour: Behaviour, node: Node) -> Behaviour | None:
    return MultiInstance(behaviour, node.loop) if node.loop is not None else None


register_marker(_mark)
