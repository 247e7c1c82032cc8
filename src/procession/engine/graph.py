"""The executable graph: a process model with every reference resolved and every expression compiled."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from procession import feel
from procession.model import (
    Error,
    Expression,
    FlowNode,
    IoMapping,
    Kind,
    Message,
    MultiInstance,
    Process,
    SequenceFlow,
    Signal,
    Timer,
)

if TYPE_CHECKING:
    from procession.engine.behaviour import Behaviour

DEFAULT_PRIORITY = 50

Value = str | feel.Expression
"""A constant, or an expression to evaluate."""


def compiled(source: str | Expression) -> Value:
    return feel.compile(source.text) if isinstance(source, Expression) else source


def reads_of(*values: Value | None) -> Iterator[str]:
    """The variables these expressions read."""
    for value in values:
        if value is not None and not isinstance(value, str):
            yield from value.reads


class Flow:
    """A sequence flow."""

    __slots__ = ("condition", "id", "target")

    def __init__(self, flow: SequenceFlow) -> None:
        self.id = flow.id
        self.condition = feel.compile(flow.condition.text) if flow.condition else None
        self.target: Node = None  # type: ignore[assignment] # set once all nodes exist


class Mapping:
    """An input or output mapping; `path` is the target split at its dots."""

    __slots__ = ("keeps_name", "path", "source", "target", "variable")

    def __init__(self, mapping: IoMapping) -> None:
        self.source = compiled(mapping.source)
        self.variable: str | None = None
        """The variable's name where the source is nothing else: its JSON is copied as it is."""
        if not isinstance(self.source, str) and self.source.reads == {self.source.text}:
            self.variable = self.source.text
        self.path = tuple(mapping.target.split("."))
        self.target = self.path[0]
        self.keeps_name = self.variable == self.target and len(self.path) == 1
        """Whether it lets out a variable under its own name."""


class Loop:
    """Multi-instance characteristics."""

    __slots__ = ("cardinality", "collection", "condition", "output_element", "spec")

    def __init__(self, spec: MultiInstance) -> None:
        self.spec = spec
        self.collection = compiled(spec.collection) if spec.collection else None
        self.cardinality = compiled(spec.cardinality) if spec.cardinality else None
        self.output_element = compiled(spec.output_element) if spec.output_element else None
        self.condition = compiled(spec.completion_condition) if spec.completion_condition else None


class Node:
    """A flow node, or the process itself (the root scope, whose id is the process id)."""

    def __init__(self, model: FlowNode | None, scope: Node | None, graph: Graph) -> None:
        self.model = model
        self.graph = graph
        self.id = model.id if model else graph.process.id
        self.name = (model.name if model else graph.process.name) or self.id
        self.kind: Kind | None = model.kind if model else None
        self.scope = scope
        self.incoming = len(model.incoming) if model else 0
        self.outgoing: tuple[Flow, ...] = ()
        self.default: Flow | None = None
        self.boundaries: tuple[Node, ...] = ()
        self.attached_to: Node | None = None
        self.interrupting = model.interrupting if model else True
        self.children: tuple[Node, ...] = ()
        self.start: Node | None = None
        """The none start event of a scope."""
        self.synchronizers: tuple[Node, ...] = ()
        """Joins in this scope that fire when no further token can come."""
        self.inputs = tuple(Mapping(m) for m in model.inputs) if model else ()
        self.outputs = tuple(Mapping(m) for m in model.outputs) if model else ()
        self.loop = Loop(model.loop) if model and model.loop else None
        self.behaviour: Behaviour = None  # type: ignore[assignment] # set by the compiler
        job = model.job if model else None
        self.job_type = compiled(job.type) if job else None
        self.job_retries = compiled(job.retries) if job else None
        self.job_priority = compiled(job.priority) if job and job.priority else None
        self.headers = dict(job.headers) if job else {}
        events = model.events if model else ()
        self.timer = next((e for e in events if isinstance(e, Timer)), None)
        self.timer_value = compiled(self.timer.value) if self.timer else None
        self.message = next((e for e in events if isinstance(e, Message)), None)
        self.message_name = compiled(self.message.name) if self.message and self.message.name else None
        key = self.message.correlation_key if self.message else None
        self.correlation_key = compiled(key) if key else None
        self.signal = next((e for e in events if isinstance(e, Signal)), None)
        self.signal_name = compiled(self.signal.name) if self.signal and self.signal.name else None
        self.error = next((e for e in events if isinstance(e, Error)), None)
        self.error_code = compiled(self.error.code) if self.error and self.error.code else None
        called = model.called if model else None
        self.called = called
        self.called_process = compiled(called.process_id) if called else None
        script = model.script if model else None
        self.script = feel.compile(script.expression.text) if script else None

    @cached_property
    def job_constants(self) -> tuple[str, int, int] | None:
        """Type, retries and priority of its jobs, where none of them has to be evaluated."""
        values = (self.job_type, self.job_retries, self.job_priority or str(DEFAULT_PRIORITY))
        if not all(isinstance(value, str) for value in values):
            return None
        type_, retries, priority = (str(value) for value in values)
        return type_, int(retries), int(priority)

    @cached_property
    def awaits_events(self) -> bool:
        """Whether the element itself waits for timers, messages or signals."""
        return (
            self.timer is not None
            or self.message is not None
            or self.signal is not None
            or self.kind is Kind.EVENT_BASED_GATEWAY
        )

    @cached_property
    def awaits_signals(self) -> bool:
        """Whether it, one of its boundary events or an event it chooses from waits for a signal."""
        chosen = [flow.target for flow in self.outgoing] if self.kind is Kind.EVENT_BASED_GATEWAY else []
        return any(node.signal is not None for node in (self, *self.boundaries, *chosen))

    @cached_property
    def is_plain(self) -> bool:
        """Nothing can be evaluated here, so nothing can fail: no mappings, choices or events."""
        chooses = self.kind in (Kind.EXCLUSIVE_GATEWAY, Kind.INCLUSIVE_GATEWAY) and len(self.outgoing) > 1
        return not (self.inputs or self.outputs or self.boundaries or self.loop or chooses)

    @property
    def waits(self) -> bool:
        """Whether a token stays here; a script that is FEEL is evaluated at once."""
        return self.behaviour.waits and (self.script is None or self.loop is not None)

    @property
    def event_values(self) -> tuple[Value | None, ...]:
        """What has to be evaluated to wait for its event, or to throw it."""
        return (
            self.timer_value,
            self.message_name,
            self.correlation_key,
            self.signal_name,
            self.error_code,
        )

    @cached_property
    def entry_reads(self) -> frozenset[str]:
        """Variables that activating the element touches: mappings, job attributes, its own events."""
        mapped = [m.source for m in self.inputs]
        names = set(reads_of(*mapped, self.job_type, self.job_retries, self.job_priority, self.script))
        names.update(reads_of(*self.event_values, self.called_process))
        if self.loop is not None:
            names.update(reads_of(self.loop.collection, self.loop.cardinality))
        for boundary in self.boundaries:
            names.update(reads_of(*boundary.event_values))
        return frozenset(names)

    @cached_property
    def exit_names(self) -> frozenset[str]:
        """Variables that completing the element touches, read or written."""
        names = set(reads_of(*(m.source for m in self.outputs)))
        names.update(m.target for m in self.outputs)
        names.update(reads_of(*(flow.condition for flow in self.outgoing)))
        if self.model is not None and self.model.script is not None:
            names.add(self.model.script.result)
        if self.loop is not None:
            names.update(reads_of(self.loop.output_element, self.loop.condition))
            if self.loop.spec.output_collection:
                names.add(self.loop.spec.output_collection)
        return frozenset(names)

    @cached_property
    def frontier(self) -> Frontier:
        """What a token leaving this element touches until it waits everywhere."""
        return Frontier.after(self)

    def successors(self) -> Iterator[Node]:
        yield from (flow.target for flow in self.outgoing)
        yield from self.boundaries


class Frontier:
    """Static read set of a token that goes on from an element until it waits everywhere."""

    __slots__ = ("all_variables", "hosts", "joins", "names")

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.joins: set[tuple[str, str]] = set()
        """(scope element id, gateway id)"""
        self.hosts: set[str] = set()
        """Scopes with boundary events that may be left."""
        self.all_variables = False

    @classmethod
    def after(cls, node: Node) -> Frontier:
        frontier = cls()
        frontier.names.update(node.exit_names)
        seen: set[str] = set()
        todo: list[Node] = []
        frontier._leave(node, todo)
        while todo:
            target = todo.pop()
            if target.id in seen:
                continue
            seen.add(target.id)
            frontier._enter(target, todo)
        return frontier

    def _enter(self, node: Node, todo: list[Node]) -> None:
        self.names.update(node.entry_reads)
        if node.behaviour.joins and node.scope is not None:
            self.joins.add((node.scope.id, node.id))
        if node.called is not None and node.called.propagate_parent:
            self.all_variables = True
        if node.start is not None:
            todo.append(node.start)
        elif not node.waits:
            self.names.update(node.exit_names)
            self._leave(node, todo)

    def _leave(self, node: Node, todo: list[Node]) -> None:
        if node.outgoing:
            todo.extend(flow.target for flow in node.outgoing)
            return
        scope = node.scope
        while scope is not None and scope.scope is not None:
            self.names.update(scope.exit_names)
            if scope.boundaries:
                self.hosts.add(scope.id)
            if scope.outgoing:
                todo.extend(flow.target for flow in scope.outgoing)
                return
            scope = scope.scope


class Graph:
    """One version of a process, ready to run."""

    def __init__(self, process: Process, definition_key: int, version: int, tenant: str) -> None:
        self.process = process
        self.definition_key = definition_key
        self.version = version
        self.tenant = tenant
        self.process_id = process.id
        self.nodes: dict[str, Node] = {}
        self.root = Node(None, None, self)

    def node(self, element_id: str) -> Node:
        return self.nodes[element_id]
