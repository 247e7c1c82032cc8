"""One pass over a batch of commands: the queue of steps, the keys, the time, the graphs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from procession import feel
from procession.engine import commands as c
from procession.engine.graph import Graph, Node
from procession.engine.records import CommandRow, ElementInstance, ProcessInstance
from procession.engine.unit import Missed, Unit

TRANSITIONS_PER_COMMAND = 1000
STEPS_PER_ROW = 500

Scope = ProcessInstance | ElementInstance
Token = tuple[Scope, Node, str | None]
"""A token that comes to an element of a scope by a flow: an `Arrive` whose records are at hand."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Stuck(Exception):
    """An element cannot go on: the token stays, an incident asks for help. Engine-internal."""

    def __init__(self, type_: int, message: str) -> None:
        super().__init__(message)
        self.type = type_
        self.message = message


class Run:
    """What every transition works with. One object serves all commands of a pass.

    The same unit, `now`, first key and seed give the same changes: nothing here asks a clock, a
    random source or a database.
    """

    def __init__(
        self,
        unit: Unit,
        *,
        now: int,
        keys: Callable[[], int],
        graphs: Callable[[int], Graph | None],
        zone: ZoneInfo,
        seed: int,
    ) -> None:
        self.unit = unit
        self.now = now
        self.zone = zone
        self.seed = seed
        self.queue: deque[c.AnyStep | Token] = deque()
        self.settle: dict[tuple[int, int], None] = {}
        self.follow_ups: list[c.Command] = []
        """Commands for roots this transaction already holds, run in it after the others."""
        self.root_key = 0
        """The root the current command works in, and its tenant."""
        self.tenant = ""
        self._keys = keys
        self._instances = unit.instances.live.get
        self._elements = unit.elements.live.get
        self._graphs = graphs

    def work_in(self, instance: ProcessInstance) -> None:
        """The current command works in this instance's root."""
        self.root_key = instance.root_key
        self.tenant = instance.tenant

    def new_key(self) -> int:
        key = self._keys()
        self.unit.fresh.add(key)
        return key

    def graph(self, definition_key: int) -> Graph:
        graph = self._graphs(definition_key)
        if graph is None:
            raise Missed("graph", None, definition_key)
        return graph

    def node(self, element: ElementInstance) -> Node:
        return self.graph(element.definition_key).nodes[element.element_id]

    def instance(self, key: int) -> ProcessInstance:
        instance = self._instances(key) or self.unit.instances.get(key)
        if instance is None:
            raise LookupError(f"process instance {key} has no record")
        return instance

    def element(self, key: int) -> ElementInstance:
        element = self._elements(key) or self.unit.elements.get(key)
        if element is None:
            raise LookupError(f"element instance {key} has no record")
        return element

    def scope(self, instance_key: int, scope_key: int) -> Scope:
        return self.instance(instance_key) if scope_key == instance_key else self.element(scope_key)

    def scope_of(self, element: ElementInstance) -> Scope:
        key = element.scope_key
        return self.instance(key) if key == element.instance_key else self.element(key)

    def push(self, step: c.AnyStep | Token) -> None:
        self.queue.append(step)

    def steps(self) -> list[c.AnyStep]:
        """What is queued, as it can be stored."""
        return [_as_step(step) if isinstance(step, tuple) else step for step in self.queue]

    def moved(self, scope_node: Node | None, instance_key: int, scope_key: int) -> None:
        """A token of this scope moved: joins that wait for the others are looked at afterwards."""
        if scope_node is not None and scope_node.synchronizers:
            self.settle[(instance_key, scope_key)] = None

    def emit(self, command: c.Command, *, root_key: int | None, tenant: str) -> None:
        """Leave a command for a transaction of its own."""
        self.unit.commands.add(CommandRow(self.new_key(), root_key, tenant, c.encode(command), self.now))

    def follow(self, command: c.Command) -> None:
        """Run a command later in this transaction (its root is one this transaction holds)."""
        self.follow_ups.append(command)

    @cached_property
    def feel_scope(self) -> feel.EvaluationScope:
        now = EPOCH + timedelta(milliseconds=self.now)
        return feel.EvaluationScope(now=now.astimezone(self.zone), timezone=self.zone, seed=self.seed)


def instance_of(scope: Scope) -> int:
    """The key of the process instance a scope is, or is in."""
    return scope.key if scope.__class__ is ProcessInstance else scope.instance_key  # type: ignore[union-attr]


def _as_step(token: Token) -> c.Arrive:
    scope, node, flow_id = token
    return c.Arrive(instance_of(scope), scope.key, node.id, flow_id)
