"""From blocks to process models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from msgspec import structs

from procession.model import (
    Body,
    CalledElement,
    Error,
    EventDefinition,
    Expression,
    FlowNode,
    IoMapping,
    JobDefinition,
    Kind,
    Message,
    MultiInstance,
    Process,
    SequenceFlow,
    Signal,
    Terminate,
    Timer,
    TimerKind,
)
from procession.model import Script as ModelScript

from . import blocks as b

MAIN = "main"
ALL_VARIABLES = ("key", "a", "b", "items", "go", "tries")
_JOINING = (Kind.PARALLEL_GATEWAY, Kind.INCLUSIVE_GATEWAY)

Exit = tuple[str, Expression | None]
"""A node a token leaves, and the condition of the flow it leaves by."""
Exits = list[Exit]


def processes_of(block: b.Block) -> tuple[Process, ...]:
    """The process `main` made of a block, and those it calls."""
    names: Counter[str] = Counter()
    called: list[Process] = []
    main = Process(id=MAIN, body=Builder(names, called).body(block))
    return (main, *called)


def places_of(block: b.Block) -> list[str]:
    """The elements of `main` where an instance may begin and still comes to its end."""
    places: list[str] = []
    Builder(Counter(), [], places).body(block)
    return places


class Builder:
    """Builds one scope. Element ids are unique over all scopes: `<kind>_<number>`.

    `places` collects where instances may begin: not where a join or a counter relies on what comes before.
    """

    def __init__(self, names: Counter[str], called: list[Process], places: list[str] | None = None) -> None:
        self._names = names
        self._called = called
        self._places = places
        self._nodes: list[FlowNode] = []
        self._flows: list[SequenceFlow] = []

    def body(self, block: b.Block) -> Body:
        """The scope around a block: start, block, end."""
        start = self._node(Kind.START_EVENT, [])
        exits = self.add(block, start)
        if exits:
            self._node(Kind.END_EVENT, exits)
        return Body(nodes=tuple(self._connected(node) for node in self._nodes), flows=tuple(self._flows))

    def _connected(self, node: FlowNode) -> FlowNode:
        incoming = tuple(flow.id for flow in self._flows if flow.target == node.id)
        outgoing = tuple(flow.id for flow in self._flows if flow.source == node.id)
        return structs.replace(node, incoming=incoming, outgoing=outgoing)

    def add(self, block: b.Block, entries: Exits) -> Exits:
        """Put a block behind `entries`. Answers its ways out."""
        return _BUILDERS[type(block)](self, block, entries)

    def _name(self, kind: str) -> str:
        self._names[kind] += 1
        return f"{kind}_{self._names[kind]}"

    def _node(self, kind: Kind, entries: Exits, **fields: Any) -> Exits:
        if len(entries) > 1 and kind in _JOINING:
            entries = self._node(Kind.EXCLUSIVE_GATEWAY, entries)  # a split must not join
        return self._joining(kind, entries, **fields)

    def _joining(self, kind: Kind, entries: Exits, **fields: Any) -> Exits:
        node = FlowNode(id=self._name(kind), kind=kind, **fields)
        self._nodes.append(node)
        if self._places is not None and kind not in (Kind.START_EVENT, Kind.BOUNDARY_EVENT):
            self._places.append(node.id)
        for source, condition in entries:
            self._flow(source, node.id, condition)
        return [(node.id, None)]

    def _flow(self, source: str, target: str, condition: Expression | None) -> str:
        flow = SequenceFlow(id=self._name("flow"), source=source, target=target, condition=condition)
        self._flows.append(flow)
        return flow.id

    def _set_default(self, node_id: str) -> None:
        """The last flow out of a gateway becomes its default."""
        flow_id = next(flow.id for flow in reversed(self._flows) if flow.source == node_id)
        at = next(i for i, node in enumerate(self._nodes) if node.id == node_id)
        self._nodes[at] = structs.replace(self._nodes[at], default_flow=flow_id)

    def _activity(
        self, kind: Kind, entries: Exits, boundaries: Iterable[b.Boundary], many: b.Many | None, **fields: Any
    ) -> Exits:
        exits = self._node(kind, entries, loop=_loop(many), **fields)
        host = exits[0][0]
        for boundary in boundaries:
            exits += self._boundary(host, boundary)
        return exits

    def _boundary(self, host: str, boundary: b.Boundary) -> Exits:
        exits = self._node(
            Kind.BOUNDARY_EVENT,
            [],
            events=(_event(boundary.event),),
            attached_to=host,
            interrupting=boundary.interrupting,
        )
        if boundary.handler is not None:
            exits = self.add(boundary.handler, exits)
        if boundary.merges:
            return exits
        if exits:
            self._node(Kind.END_EVENT, exits)
        return []

    def work(self, block: b.Work, entries: Exits) -> Exits:
        job = JobDefinition(
            type=f"work-{block.kind}",
            retries=_value(block.retries),
            priority=block.priority,
            headers=block.headers,
        )
        fields: dict[str, Any] = {
            "job": job,
            "name": block.name,
            "inputs": _mappings(block.inputs),
            "outputs": _mappings(block.outputs),
        }
        if block.kind in (Kind.THROW_EVENT, Kind.END_EVENT):
            exits = self._node(block.kind, entries, events=(Message(name=None),), **fields)
            return [] if block.kind is Kind.END_EVENT else exits
        if block.kind is Kind.SEND_TASK:
            fields["events"] = (Message(name=None),)
        return self._activity(block.kind, entries, block.boundaries, block.many, **fields)

    def script(self, block: b.Script, entries: Exits) -> Exits:
        script = ModelScript(expression=Expression(block.expression), result=block.result)
        return self._activity(Kind.SCRIPT_TASK, entries, block.boundaries, block.many, script=script)

    def passing(self, block: b.Pass, entries: Exits) -> Exits:
        return self._node(block.kind, entries)

    def signal(self, block: b.Signal, entries: Exits) -> Exits:
        kind = Kind.END_EVENT if block.final else Kind.THROW_EVENT
        exits = self._node(kind, entries, events=(_signal(block.name),))
        return [] if block.final else exits

    def wait(self, block: b.Wait, entries: Exits) -> Exits:
        events = (_event(block.event),)
        if block.task:
            return self._activity(Kind.RECEIVE_TASK, entries, block.boundaries, None, events=events)
        return self._node(Kind.CATCH_EVENT, entries, events=events)

    def sequence(self, block: b.Sequence, entries: Exits) -> Exits:
        for part in block.parts:
            if not entries:
                break
            entries = self.add(part, entries)
        return entries

    def choice(self, block: b.Choice, entries: Exits) -> Exits:
        [(split, _)] = self._node(block.kind, entries)
        exits: Exits = []
        for position, (condition, branch) in enumerate(block.branches, 1):
            is_default = position == len(block.branches) and not block.fragile
            exits += self._branch(split, None if is_default else Expression(condition), branch)
            if is_default:
                self._set_default(split)
        if block.kind is Kind.INCLUSIVE_GATEWAY and exits:
            return self._joining(block.kind, exits)
        return exits

    def _branch(self, split: str, condition: Expression | None, branch: b.Block) -> Exits:
        """A branch begins with a node of its own, so that the default is the flow made last."""
        first = self._node(Kind.TASK, [(split, condition)])
        return self.add(branch, first)

    @contextmanager
    def _no_places(self) -> Iterator[None]:
        places, self._places = self._places, None
        try:
            yield
        finally:
            self._places = places

    def parallel(self, block: b.Parallel, entries: Exits) -> Exits:
        split = self._node(Kind.PARALLEL_GATEWAY, entries)
        joined: Exits = []
        with self._no_places():
            for branch in block.branches:
                exits = self.add(branch, split)
                if len(exits) > 1:
                    exits = self._node(Kind.EXCLUSIVE_GATEWAY, exits)
                joined += exits
            return self._joining(Kind.PARALLEL_GATEWAY, joined) if joined else []

    def race(self, block: b.Race, entries: Exits) -> Exits:
        gateway = self._node(Kind.EVENT_BASED_GATEWAY, entries)
        exits: Exits = []
        for event, branch in block.branches:
            with self._no_places():
                caught = self._node(Kind.CATCH_EVENT, gateway, events=(_event(event),))
            exits += self.add(branch, caught)
        return exits

    def repeat(self, block: b.Repeat, entries: Exits) -> Exits:
        [(top, _)] = self._node(Kind.EXCLUSIVE_GATEWAY, entries)
        counter = self._name("counter")
        count = Expression(f"if {counter} = null then 1 else {counter} + 1")
        script = ModelScript(expression=count, result=counter)
        counted = self._node(Kind.SCRIPT_TASK, [(top, None)], script=script)
        with self._no_places():
            exits = self.add(block.body, counted)
            if not exits:
                return []
            [(split, _)] = self._node(Kind.EXCLUSIVE_GATEWAY, exits)
        self._flow(split, top, Expression(f"{counter} < {block.times}"))
        after = self._node(Kind.TASK, [(split, None)])
        self._set_default(split)
        return after

    def scope(self, block: b.Scope, entries: Exits) -> Exits:
        inside = None if block.many is not None else self._places
        body = Builder(self._names, self._called, inside).body(block.body)
        return self._activity(Kind.SUB_PROCESS, entries, block.boundaries, block.many, body=body)

    def call(self, block: b.Call, entries: Exits) -> Exits:
        body = Builder(self._names, self._called).body(block.body)
        process = Process(id=self._name("called"), body=body)
        self._called.append(process)
        called = CalledElement(
            process_id=process.id,
            propagate_parent=block.hands_all_in,
            propagate_child=block.hands_all_out,
        )
        inputs = () if block.hands_all_in else _mappings((name, name) for name in ALL_VARIABLES)
        return self._activity(
            Kind.CALL_ACTIVITY, entries, block.boundaries, block.many, called=called, inputs=inputs
        )

    def end(self, block: b.End, entries: Exits) -> Exits:
        events: tuple[EventDefinition, ...] = ()
        if block.terminate:
            events = (Terminate(),)
        elif block.error is not None:
            events = (Error(code=block.error),)
        self._node(Kind.END_EVENT, entries, events=events)
        return []


def _value(raw: str) -> str | Expression:
    return Expression(raw[1:]) if raw.startswith("=") else raw


def _mappings(pairs: Iterable[tuple[str, str]]) -> tuple[IoMapping, ...]:
    return tuple(IoMapping(Expression(source), target) for source, target in pairs)


def _event(event: b.Event) -> EventDefinition:
    if isinstance(event, b.ErrorCatch):
        return Error(code=event.code)
    if isinstance(event, b.SignalWait):
        return _signal(event.name)
    if isinstance(event, b.MessageWait):
        return Message(name=event.name, correlation_key=Expression("key"))
    kind = TimerKind.CYCLE if event.text.startswith("R") else TimerKind.DURATION
    return Timer(kind=kind, value=event.text)


def _signal(name: str) -> Signal:
    return Signal(name=Expression(f'"{name}-" + key'))


def _loop(many: b.Many | None) -> MultiInstance | None:
    if many is None:
        return None
    return MultiInstance(
        sequential=many.sequential,
        collection=Expression(many.collection) if many.collection else None,
        cardinality=_value(many.cardinality) if many.cardinality else None,
        input_element="item" if many.collection else None,
        output_collection="results" if many.output else None,
        output_element=Expression(many.output) if many.output else None,
        completion_condition=Expression(many.until) if many.until else None,
    )


_BUILDERS: dict[type, Callable[[Builder, Any, Exits], Exits]] = {
    b.Work: Builder.work,
    b.Script: Builder.script,
    b.Pass: Builder.passing,
    b.Signal: Builder.signal,
    b.Wait: Builder.wait,
    b.Sequence: Builder.sequence,
    b.Choice: Builder.choice,
    b.Parallel: Builder.parallel,
    b.Race: Builder.race,
    b.Repeat: Builder.repeat,
    b.Scope: Builder.scope,
    b.Call: Builder.call,
    b.End: Builder.end,
}
