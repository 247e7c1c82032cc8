"""The registry of command handlers, and the read sets they have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from procession.engine import commands as c
from procession.engine.graph import Graph, Node
from procession.engine.reads import Reads
from procession.engine.records import ElementInstance, ProcessInstance
from procession.engine.run import Run
from procession.engine.subscriptions import has_events
from procession.engine.unit import Unit

C = TypeVar("C", bound=c.Command)


Target = tuple[str, int]
"""(table, key) of a record; its root process instance is what a command works in."""


class Handler(ABC, Generic[C]):
    """Carries out one kind of command."""

    def target(self, command: C) -> Target | None:
        """The record whose root must be locked; None if the command works in no existing root."""
        return None

    def expects_to_know(self, command: C, unit: Unit) -> bool:
        """For a command without target: whether what it will read is most likely known already."""
        return False

    def reads(self, command: C, want: Reads) -> bool | None:
        """Name what the command will read, as far as what is loaded tells.

        Called again after loading, until it names nothing new or answers True: what it has named
        by then is all.
        """

    @abstractmethod
    def execute(self, command: C, run: Run) -> Any:
        """Change the records and answer. Refusals are raised before anything is changed.

        Raises:
            ProcessionError: the command is refused.
            Missed: something was not loaded.
        """


HANDLERS: dict[type[c.Command], Handler[Any]] = {}


def handles(command: type[C], handler: Handler[C]) -> None:
    HANDLERS[command] = handler


def want_element(
    want: Reads, key: int, names: Iterable[str] = (), *, target: str | None = None
) -> tuple[ElementInstance, Node] | None:
    """Everything needed for an element instance to go on, with its own results in `names`.

    `target` is the event that fires, when the token goes on from there. None while its element,
    instance or graph is still to be loaded.
    """
    unit = want.unit
    element = want.get(unit.elements, key)
    if element is None or element.ended_at is not None:
        return None
    instance = want.get(unit.instances, element.instance_key)
    graph: Graph | None = want.graph(element.definition_key)
    if instance is None or graph is None:
        return None
    node = graph.nodes[element.element_id]
    scopes = scopes_around(want, element)
    if element.job_key is not None:
        want.get(unit.jobs, element.job_key)
    if element.incident_key is not None:
        want.get(unit.incidents, element.incident_key)
    _want_events(want, element, node)
    _want_frontier(want, graph, node, target, instance, scopes, names)
    if instance.parent_element_key is not None and want_element(want, instance.parent_element_key) is None:
        return None
    return element, node


def want_end(want: Reads, key: int) -> None:
    """Everything needed to terminate an element instance, but not what it holds inside."""
    unit = want.unit
    element = want.get(unit.elements, key)
    if element is None or element.ended_at is not None:
        return
    graph: Graph | None = want.graph(element.definition_key)
    if graph is None:
        return
    node = graph.nodes[element.element_id]
    if element.job_key is not None:
        want.get(unit.jobs, element.job_key)
    if element.incident_key is not None:
        want.get(unit.incidents, element.incident_key)
    _want_events(want, element, node)
    if element.active > 0:
        want_inside(want, key)
    if node.called is not None:
        for called in want.find(unit.instances, "parent", key):
            want_inside(want, called.key)


def want_inside(want: Reads, scope_key: int) -> None:
    """What is active in a scope, as far as one transaction looks at it."""
    want.find(want.unit.elements, "children", scope_key)
    want.find(want.unit.joins, "scope", scope_key)


def scopes_around(want: Reads, element: ElementInstance) -> list[ElementInstance]:
    """The element and the scope elements around it, innermost first (loaded with the element)."""
    scopes = [element]
    while scopes[-1].scope_key != element.instance_key:
        around = want.get(want.unit.elements, scopes[-1].scope_key)
        if around is None:
            break
        scopes.append(around)
    return scopes


def _want_events(want: Reads, element: ElementInstance, node: Node) -> None:
    if has_events(node, element):
        want.find(want.unit.timers, "element", element.key)
        want.find(want.unit.subscriptions, "element", element.key)
        if node.awaits_signals:
            want.find(want.unit.signals, "element", element.key)


def _want_frontier(
    want: Reads,
    graph: Graph,
    node: Node,
    target: str | None,
    instance: ProcessInstance,
    scopes: list[ElementInstance],
    names: Iterable[str],
) -> None:
    unit = want.unit
    frontier = (graph.nodes[target] if target is not None else node).frontier
    keys = [*(scope.key for scope in scopes if scope.locals), instance.key]
    variables = unit.variables
    want.get_all(variables, [(key, name) for name in (*frontier.names, *names) for key in keys])
    if frontier.all_variables:
        for key in keys:
            want.find(variables, "scope", key)
    for scope_id, gateway_id in frontier.joins:
        for key in _named(graph, scope_id, instance, scopes):
            want.get(unit.joins, (key, gateway_id))
    for scope in scopes[1:]:
        if scope.element_id in frontier.hosts:
            _want_events(want, scope, graph.nodes[scope.element_id])
    _want_synchronizers(want, graph, instance, scopes)


def _named(
    graph: Graph, scope_id: str, instance: ProcessInstance, scopes: list[ElementInstance]
) -> list[int]:
    if scope_id == graph.root.id:
        return [instance.key]
    return [scope.key for scope in scopes if scope.element_id == scope_id]


def _want_synchronizers(
    want: Reads, graph: Graph, instance: ProcessInstance, scopes: list[ElementInstance]
) -> None:
    inside = [scope.key for scope in scopes[1:] if graph.nodes[scope.element_id].synchronizers]
    if graph.root.synchronizers:
        inside.append(instance.key)
    for key in inside:
        want.find(want.unit.elements, "tokens", key)
        want.find(want.unit.joins, "scope", key)
