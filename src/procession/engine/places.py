"""Where the elements of a process stand in another version of it: the mapping of a migration, checked."""

from __future__ import annotations

from typing import NoReturn

from procession.engine.commands import MigrateInstance
from procession.engine.graph import Graph, Node
from procession.engine.records import ProcessInstance
from procession.errors import InvalidInput, WrongState


class Places:
    """From nodes of the graph an instance runs on to nodes of the one it goes to."""

    def __init__(
        self,
        instance: ProcessInstance,
        old: Graph,
        new: Graph,
        command: MigrateInstance,
    ) -> None:
        self.old = old
        self.new = new
        self._instance = instance
        self._mapping = command.mapping
        self._equal_ids = command.equal_ids

    def check(self) -> None:
        """Refuse a mapping with elements that are not there.

        Raises:
            InvalidInput: the error names the first.
        """
        for source, target in self._mapping.items():
            for element_id, graph in ((source, self.old), (target, self.new)):
                if element_id not in graph.nodes and element_id != graph.process_id:
                    raise InvalidInput(
                        f"the mapping {source!r} to {target!r} cannot be followed: process "
                        f"{graph.process_id!r} version {graph.version} has no element {element_id!r}"
                    )

    def named(self, old_id: str) -> str | None:
        """Where the mapping sends an element."""
        return self._mapping.get(old_id)

    def of_event(self, old_id: str) -> str | None:
        """Where an event that is waited for goes; None if it is waited for no longer."""
        return self._mapping.get(old_id, old_id if self._equal_ids else None)

    def of(self, old: Node, scope: Node) -> Node:
        """Where an element with a token goes, `scope` being where the scope around it goes.

        Raises:
            WrongState: nowhere, or to an element that is too different.
        """
        target = self._mapping.get(old.id)
        if target is None and self._equal_ids and old.id in self.new.nodes:
            target = old.id
        if target is None:
            self.refuse(
                f"element {old.id!r} is active and has no place in version {self.new.version}: map it to one"
            )
        node = self.new.nodes.get(target)
        if node is None:
            self.refuse(f"element {old.id!r} cannot become the process itself")
        difference = _difference(old, node)
        if difference is not None:
            self.refuse(f"active element {old.id!r} cannot become {target!r}: {difference}")
        if node.scope is not scope:
            around = node.scope.id if node.scope is not None else None
            self.refuse(
                f"active element {old.id!r} cannot become {target!r}: that stands in {around!r}, "
                f"but what is around it becomes {scope.id!r}"
            )
        return node

    def refuse(self, why: str) -> NoReturn:
        raise WrongState(
            f"process instance {self._instance.key} stays on version {self.old.version}: {why}",
            key=self._instance.key,
        )


def _difference(old: Node, new: Node) -> str | None:
    """Why a token cannot change from one element to the other; None if it can."""
    if old.kind is not new.kind or old.kind is None or new.kind is None:
        return f"it is a {old.kind}, not a {new.kind}"
    events = _event_of(old), _event_of(new)
    if events[0] != events[1]:
        return f"it is a {old.kind} with {events[0]}, not with {events[1]}"
    if (old.job_type is None) != (new.job_type is None):
        return "only one of them is worked on by job workers"
    if old.loop is None or new.loop is None:
        return None if old.loop is new.loop else "only one of them is a multi-instance activity"
    if old.loop.spec.sequential != new.loop.spec.sequential:
        return "one is repeated in parallel, the other one after the other"
    return None


def _event_of(node: Node) -> str:
    events = node.model.events if node.model is not None else ()
    return type(events[0]).__name__.lower() if events else "no event"
