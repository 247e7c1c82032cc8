"""What each kind of element does: the base of all behaviours, and the registry that finds them.

A new kind of element is a module in `elements/` with a `Behaviour` and a `register` line; nothing
else changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from procession.engine import lifecycle, subscriptions, variables
from procession.engine.graph import Flow, Node
from procession.engine.records import ACTIVATED, COMPLETING, ElementInstance, ProcessInstance
from procession.engine.run import Run, Scope
from procession.errors import ProcessionError
from procession.model import EventDefinition, Kind


class UnsupportedElement(ProcessionError):
    """A model uses an element this version has no behaviour for."""


class Behaviour:
    """The life of an element instance; subclasses override the moments that differ.

    arrive -> (enter -> activate) -> ... -> leave, or terminate. Raising `Stuck` from enter or leave
    makes an incident; resolving it calls the same method again.
    """

    waits = True
    """Whether the token stays after entering, until something outside lets it go on."""
    joins = False
    """Whether tokens may have to wait before the element activates."""

    def synchronizes(self, node: Node) -> bool:
        """Whether the element activates only when no further token can come (see `settle`)."""
        return False

    def arrive(self, run: Run, scope: Scope, node: Node, flow_id: str | None) -> None:
        """A token comes. It is already counted in `scope.active`."""
        lifecycle.enter(run, lifecycle.create(run, scope, node, flow_id), node)

    def enter(self, run: Run, element: ElementInstance, node: Node) -> None:
        """Activate: input mappings, then boundary events, then the element's own work."""
        self.open(run, element, node)
        self.activate(run, element, node)

    def open(self, run: Run, element: ElementInstance, node: Node) -> None:
        """Activate all but the element's own work: what a scope needs whose inside begins elsewhere."""
        if node.inputs:
            variables.apply_inputs(run, element, node)
        if node.boundaries:
            subscriptions.open_events(run, element, node.boundaries)
        element.state = ACTIVATED

    def activate(self, run: Run, element: ElementInstance, node: Node) -> None:
        """The element's own work on activation."""

    def leave(self, run: Run, element: ElementInstance, node: Node) -> None:
        """Complete: output mappings, then the flows."""
        element.state = COMPLETING
        if node.outputs:
            variables.apply_outputs(run, element, node)
        lifecycle.finish(run, element, node, self.choose(run, element, node))

    def choose(self, run: Run, element: ElementInstance, node: Node) -> Sequence[Flow]:
        """The flows to take on leaving."""
        return node.outgoing

    def terminate(self, run: Run, element: ElementInstance, node: Node) -> bool:
        """Begin to end whatever the element started. True when nothing is left to wait for."""
        return True

    def triggered(self, run: Run, element: ElementInstance, node: Node, event: Trigger) -> None:
        """An event fired that this element waits for; by default one of its boundary events."""
        lifecycle.trigger_boundary(run, element, event.target, event.variables)

    def settle(self, run: Run, scope: Scope, node: Node) -> None:
        """Tokens of the scope have moved and none is in flight: activate if none can come any more."""

    def resume(self, run: Run, element: ElementInstance, node: Node, work: str) -> None:
        """Go on with work that was pushed as a `Resume` step. The element may be ending by now."""

    def instance_ended(self, run: Run, element: ElementInstance, node: Node, called: ProcessInstance) -> None:
        """The process instance this element called has ended."""


class Trigger:
    """An event that fired: which, with what variables, and whether it will fire again."""

    __slots__ = ("more", "target", "variables")

    def __init__(self, target: Node, variables: dict[str, str], *, more: bool = False) -> None:
        self.target = target
        self.variables = variables
        self.more = more


Marker = Callable[[Behaviour, Node], Behaviour | None]
_behaviours: dict[tuple[Kind | None, type[EventDefinition] | None], Behaviour] = {}
_markers: list[Marker] = []


def register(behaviour: Behaviour, *kinds: Kind | None, event: type[EventDefinition] | None = None) -> None:
    """Let `behaviour` act for these kinds (with this event definition, if one matters)."""
    for kind in kinds:
        _behaviours[(kind, event)] = behaviour


def register_marker(marker: Marker) -> None:
    """`marker` may wrap the behaviour of any node (multi-instance, loops)."""
    _markers.append(marker)


def behaviour_for(node: Node) -> Behaviour:
    """The behaviour of a node.

    Raises:
        UnsupportedElement: none is registered.
    """
    event = type(node.model.events[0]) if node.model is not None and node.model.events else None
    behaviour = _behaviours.get((node.kind, event)) or _behaviours.get((node.kind, None))
    if behaviour is None:
        raise UnsupportedElement(f"{node.kind} {node.id!r} is not supported by this version")
    for marker in _markers:
        behaviour = marker(behaviour, node) or behaviour
    return behaviour
