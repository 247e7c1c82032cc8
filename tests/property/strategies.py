"""Hypothesis strategies: random processes of every supported element, and random schedules for them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from hypothesis import strategies as st
from msgspec import Struct, structs

from procession.model import Body, Kind, Process

from . import actions as a
from . import blocks as b

MESSAGES = ("m1", "m2", "m3")
SIGNALS = ("s1", "s2")
CODES = ("E1", "E2")
DURATIONS = ("PT0S", "PT1S", "PT2S", "PT5S")
_CONDITIONS = ("a = 1", "b = 0", "a = b", "a != 2 and b != 2", "false", "true")
_EXPRESSIONS = ("1", "2", "if b = null then 0 else b", "if a = null then 0 else a + 1")
_INPUTS = (("a", "x"), ("b", "x"), ("key", "y"), ("a", "nested.deep"), ("b", "nested.deeper"))
_OUTPUTS = (("a", "b"), ("x", "a"), ("b", "out.first"), ("a", "out.second.third"))
_JOB_TASKS = (Kind.SERVICE_TASK, Kind.SEND_TASK, Kind.USER_TASK, Kind.SCRIPT_TASK, Kind.BUSINESS_RULE_TASK)
_VALUES = {
    "a": st.sampled_from(("0", "1", "2")),
    "b": st.sampled_from(("0", "1", "2")),
    "items": st.sampled_from(("[]", "[1]", "[1,2]", '["x",null,{"y":1.50}]')),
}
_TEXTS = ("Zażółć <&> \"'", " two  words ", "😀", "=")
_names = st.sampled_from((None, *_TEXTS))
_headers = st.sampled_from(((), tuple((text, text) for text in _TEXTS)))


class Place(Struct, frozen=True):
    """Where a block stands: what is allowed there."""

    depth: int
    splits: bool = True
    """Whether tokens may be ended or multiplied: not on the way to a parallel join."""
    caught: frozenset[str | None] = frozenset()
    """Error codes that somebody around catches."""
    throws: bool = True
    """Whether signals may be thrown: not by whoever heard one and leaves the others listening."""

    def deeper(self, *, splits: bool | None = None, caught: frozenset[str | None] = frozenset()) -> Place:
        keeps = self.splits if splits is None else splits
        return Place(self.depth - 1, keeps, self.caught | caught, self.throws)


_carried = st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff")
_titles = st.none() | st.text(_carried.filter(lambda one: one >= " " or one in "\t\n\r"), max_size=20)


@st.composite
def titled(draw: st.DrawFn, model: Process) -> Process:
    """The same process with other names and version tags: any text that XML can carry."""
    return structs.replace(
        model, name=draw(_titles), version_tag=draw(_titles), body=_titled_body(draw, model.body)
    )


def _titled_body(draw: st.DrawFn, body: Body) -> Body:
    nodes = (
        structs.replace(node, name=draw(_titles), body=node.body and _titled_body(draw, node.body))
        for node in body.nodes
    )
    flows = (structs.replace(flow, name=draw(_titles)) for flow in body.flows)
    return Body(nodes=tuple(nodes), flows=tuple(flows))


variables = st.fixed_dictionaries({}, optional=_VALUES)
signal_waits = st.sampled_from([b.SignalWait(name) for name in SIGNALS])
message_waits = st.sampled_from([b.MessageWait(name) for name in MESSAGES])
waits = st.sampled_from([b.TimerWait(text) for text in DURATIONS]) | message_waits | signal_waits


def processes(depth: int = 2) -> st.SearchStrategy[b.Block]:
    """The block a process is made of."""
    return sequences(Place(depth))


@cache
def sequences(place: Place) -> st.SearchStrategy[b.Block]:
    return st.builds(b.Sequence, st.lists(blocks(place), min_size=1, max_size=3).map(tuple))


@cache
@st.composite
def blocks(draw: st.DrawFn, place: Place) -> b.Block:
    """One block that may stand at `place`."""
    choices = [*_LEAVES] if place.depth <= 0 else [*_LEAVES, *_COMPOUNDS]
    if place.splits or place.caught:
        choices.append(_ends)
    if place.throws:
        choices.append(_signals)
    return draw(draw(st.sampled_from(choices))(place))


_boundary_events: st.SearchStrategy[b.Event] = st.sampled_from(
    (
        *(b.TimerWait(text) for text in (*DURATIONS, "R2/PT1S")),
        *(b.MessageWait(name) for name in MESSAGES),
        *(b.SignalWait(name) for name in SIGNALS),
        *(b.ErrorCatch(code) for code in (*CODES, None)),
    )
)


@cache
@st.composite
def _boundaries(draw: st.DrawFn, place: Place) -> tuple[b.Boundary, ...]:
    count = draw(st.sampled_from((0, 0, 1, 2)))
    events = draw(st.lists(_boundary_events, min_size=count, max_size=count, unique=True)) if count else []
    return tuple(draw(_boundary(event, place)) for event in events)


@st.composite
def _boundary(draw: st.DrawFn, event: b.Event, place: Place) -> b.Boundary:
    repeats = isinstance(event, b.TimerWait) and event.text.startswith("R")
    interrupting = not repeats and (isinstance(event, b.ErrorCatch) or draw(st.booleans()))
    if isinstance(event, b.MessageWait) and not interrupting:
        # It stays open, and being the older subscription would take every message from those inside.
        event = b.MessageWait(f"aside-{event.name}")
    merges = interrupting and (not place.splits or draw(st.booleans()))
    handler_place = Place(
        min(place.depth - 1, 0),
        place.splits or not interrupting,
        place.caught,
        place.throws and (interrupting or not isinstance(event, b.SignalWait)),
    )
    handler = draw(blocks(handler_place)) if draw(st.booleans()) else None
    return b.Boundary(
        event=event,
        interrupting=interrupting,
        handler=handler,
        merges=merges,
    )


_many = st.one_of(
    st.none(),
    st.none(),
    st.builds(
        lambda sequential, items, output, until: b.Many(
            sequential=sequential, **items, output=output, until=until
        ),
        st.booleans(),
        st.sampled_from(
            (
                {"collection": "items"},
                {"collection": "[1, 2, 3]"},
                {"collection": "[]"},
                {"cardinality": "2"},
                {"cardinality": "=1 + 2"},
            )
        ),
        st.sampled_from((None, "a", "loopCounter", "{x: a, y: loopCounter}")),
        st.sampled_from((None, None, "numberOfCompletedInstances >= 2", "a = 1")),
    ),
)


@cache
@st.composite
def _work(draw: st.DrawFn, place: Place) -> b.Block:
    kind = draw(st.sampled_from((*_JOB_TASKS, Kind.THROW_EVENT, *([Kind.END_EVENT] * place.splits))))
    is_activity = kind not in (Kind.THROW_EVENT, Kind.END_EVENT)
    return b.Work(
        kind=kind,
        inputs=tuple(draw(st.lists(st.sampled_from(_INPUTS), max_size=2))),
        outputs=tuple(draw(st.lists(st.sampled_from(_OUTPUTS), max_size=2))),
        retries=draw(st.sampled_from(("3", "1", "0", "=tries"))),
        priority=draw(st.sampled_from((None, "10", "70"))),
        name=draw(_names),
        headers=draw(_headers),
        boundaries=draw(_boundaries(place)) if is_activity else (),
        many=draw(_many) if is_activity else None,
    )


@cache
def _scripts(place: Place) -> st.SearchStrategy[b.Block]:
    return st.builds(
        b.Script,
        expression=st.sampled_from(_EXPRESSIONS),
        result=st.sampled_from(("a", "b", "s")),
        boundaries=_boundaries(place),
        many=_many,
    )


@cache
def _passes(place: Place) -> st.SearchStrategy[b.Block]:
    return st.builds(b.Pass, st.sampled_from((Kind.TASK, Kind.MANUAL_TASK, Kind.THROW_EVENT)))


@cache
def _signals(place: Place) -> st.SearchStrategy[b.Block]:
    final = st.booleans() if place.splits else st.just(False)
    return st.builds(b.Signal, name=st.sampled_from(SIGNALS), final=final)


@cache
def _waits(place: Place) -> st.SearchStrategy[b.Block]:
    cycles = [st.just(b.TimerWait("R2/PT2S"))] if place.splits else []
    return st.one_of(
        st.builds(b.Wait, event=st.one_of(waits, *cycles)),
        st.builds(b.Wait, event=message_waits, task=st.just(True), boundaries=_boundaries(place)),
    )


@cache
def _ends(place: Place) -> st.SearchStrategy[b.Block]:
    kinds: list[st.SearchStrategy[b.Block]] = [st.just(b.End(terminate=True))]
    if place.splits:
        kinds.append(st.just(b.End()))
    codes = CODES if None in place.caught else tuple(code for code in place.caught if code)
    if codes:
        kinds.append(st.builds(b.End, error=st.sampled_from(sorted(codes))))
    return st.one_of(kinds)


@cache
@st.composite
def _choices(draw: st.DrawFn, place: Place) -> b.Block:
    fragile = draw(st.integers(0, 5)) == 0
    conditions = st.just("go = 1") if fragile else st.sampled_from(_CONDITIONS)
    branch = st.tuples(conditions, sequences(place.deeper()))
    return b.Choice(
        kind=draw(st.sampled_from((Kind.EXCLUSIVE_GATEWAY, Kind.INCLUSIVE_GATEWAY))),
        branches=tuple(draw(st.lists(branch, min_size=2, max_size=3))),
        fragile=fragile,
    )


@cache
def _parallels(place: Place) -> st.SearchStrategy[b.Block]:
    branch = sequences(place.deeper(splits=False))
    return st.builds(b.Parallel, st.lists(branch, min_size=2, max_size=3).map(tuple))


@cache
@st.composite
def _races(draw: st.DrawFn, place: Place) -> b.Block:
    events = draw(st.lists(waits, min_size=2, max_size=3, unique=True))
    return b.Race(tuple((event, draw(sequences(place.deeper()))) for event in events))


@cache
def _repeats(place: Place) -> st.SearchStrategy[b.Block]:
    return st.builds(b.Repeat, sequences(place.deeper()), st.integers(1, 3))


def _caught(boundaries: tuple[b.Boundary, ...]) -> frozenset[str | None]:
    return frozenset(x.event.code for x in boundaries if isinstance(x.event, b.ErrorCatch))


@cache
@st.composite
def _scopes(draw: st.DrawFn, place: Place) -> b.Block:
    boundaries = draw(_boundaries(place))
    inside = place.deeper(splits=True, caught=_caught(boundaries))
    return b.Scope(body=draw(sequences(inside)), boundaries=boundaries, many=draw(_many))


@cache
@st.composite
def _calls(draw: st.DrawFn, place: Place) -> b.Block:
    boundaries = draw(_boundaries(place))
    inside = place.deeper(splits=True, caught=_caught(boundaries))
    return b.Call(
        body=draw(sequences(inside)),
        hands_all_in=draw(st.booleans()),
        hands_all_out=draw(st.booleans()),
        boundaries=boundaries,
        many=draw(_many),
    )


_LEAVES: tuple[Callable[[Place], st.SearchStrategy[b.Block]], ...] = (_work, _work, _scripts, _passes, _waits)
_COMPOUNDS: tuple[Callable[[Place], st.SearchStrategy[b.Block]], ...] = (
    _choices,
    _choices,
    _parallels,
    _races,
    _repeats,
    _scopes,
    _calls,
)


def _action(kind: type[a.Action], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[a.Action]:
    return st.builds(kind, which=st.integers(0, 5), **fields)


actions: st.SearchStrategy[a.Action] = st.one_of(
    _action(a.Complete, values=variables),
    _action(a.Complete, values=variables),
    _action(a.Fail, retries=st.integers(0, 2), backoff=st.sampled_from((0, 1_500)), values=variables),
    _action(a.Throw, code=st.sampled_from((*CODES, "E3")), values=variables),
    _action(
        a.Publish,
        name=st.sampled_from((*MESSAGES, "aside-m1")),
        ttl=st.sampled_from((0, 3_000, 60_000)),
        message_id=st.none() | st.just("id"),
        values=variables,
    ),
    _action(a.PublishAwaited, values=variables),
    _action(a.Broadcast, name=st.sampled_from(SIGNALS), values=variables),
    _action(a.Resolve, mends=st.booleans()),
    _action(a.Write, values=variables, local=st.booleans()),
    _action(a.Cancel),
    _action(a.Migrate),
    _action(a.Abandon, values=variables),
)


beginnings = st.lists(st.integers(0, 30), max_size=2).map(tuple)
"""Picks the elements where an instance begins; none: the start event."""


class Step(Struct, frozen=True):
    """What happens at one moment: at most one action per instance, then time passes."""

    actions: tuple[a.Action | None, ...]
    milliseconds: int
    settles: bool
    """Whether everything that is due is executed before the next step; otherwise one round of it."""


def schedules(instances: int, max_size: int = 12) -> st.SearchStrategy[list[Step]]:
    """Steps for so many instances."""
    per_instance = st.tuples(*[st.none() | actions for _ in range(instances)])
    milliseconds = st.sampled_from((0, 0, 400, 1_000, 2_500))
    return st.lists(st.builds(Step, per_instance, milliseconds, st.booleans()), max_size=max_size)
