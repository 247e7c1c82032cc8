"""Events that are waited for while their element moves to another version (as Zeebe 8.6 does it).

An event that has a place there is waited for as before: it keeps its key, name, correlation key and due
time. What has none is waited for no longer, and events that are new there are waited for from now on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from procession.engine import subscriptions
from procession.engine.graph import Node
from procession.engine.places import Places
from procession.engine.reads import Reads
from procession.engine.records import (
    ACTIVATED,
    ACTIVATING,
    ElementInstance,
    MessageSubscription,
    SignalSubscription,
    Timer,
)
from procession.engine.run import Run, Stuck
from procession.engine.unit import Table, Unit
from procession.model import Kind

Waiting = Timer | MessageSubscription | SignalSubscription


class EventMoves(msgspec.Struct):
    """What becomes of the events at one element."""

    kept: list[tuple[Table[Waiting], Waiting, str]]
    """With the table of each, and the event it is of from now on."""
    closed: list[tuple[Table[Waiting], Waiting]]
    opened: list[subscriptions.Awaited]


def want_events(want: Reads, element: ElementInstance, old: Node) -> None:
    """What `plan` reads, but for the variables that new events need."""
    if subscriptions.has_events(old, element):
        for table in _tables(want.unit):
            want.find(table, "element", element.key)


def plan(run: Run, element: ElementInstance, old: Node, new: Node, places: Places) -> EventMoves:
    """Decide, and evaluate what is new; nothing changes yet.

    Raises:
        WrongState: an event cannot become what it is mapped to, or a new one cannot be evaluated.
    """
    targets = _targets(element, old, new, places)
    moves = EventMoves([], [], [])
    if subscriptions.has_events(old, element):
        for table in _tables(run.unit):
            for waiting in table.find("element", element.key):
                target = targets.get(waiting.target_id)
                if target is None:
                    moves.closed.append((table, waiting))
                else:
                    moves.kept.append((table, waiting, target))
    fresh = [event for event in _opening(element, new) if event.id not in targets.values()]
    try:
        moves.opened = subscriptions.evaluate(run, element, fresh)
    except Stuck as stuck:
        places.refuse(f"at {new.id!r} it would have to wait for an event, but {stuck.message}")
    return moves


def carry_out(run: Run, element: ElementInstance, moves: EventMoves, process_id: str) -> None:
    """Do what was decided. The element is at its new place already."""
    for table, waiting, target in moves.kept:
        waiting.target_id = target
        if isinstance(waiting, MessageSubscription):
            waiting.process_id = process_id
        table.rewrite(waiting)
    for table, waiting in moves.closed:
        table.remove(waiting)
    subscriptions.open_evaluated(run, element, moves.opened)


def _tables(unit: Unit) -> Sequence[Table[Waiting]]:
    tables: list[Table[Waiting]] = [unit.by_name[name] for name in _NAMES]
    return tables


_NAMES = ("timer", "message_subscription", "signal_subscription")


def _targets(element: ElementInstance, old: Node, new: Node, places: Places) -> dict[str, str]:
    """From the events of the element, whether they are waited for just now or not, to those they become."""
    there = {event.id: event for event in _events(element, new)}
    targets: dict[str, str] = {}
    for event in _events(element, old):
        if event is old:
            targets[event.id] = new.id
            continue
        named = places.named(event.id)
        target = there.get(named or places.of_event(event.id) or "")
        if named is not None:
            _check(event, named, target, new, places)
        if target is None or _kind(target) is not _kind(event):
            continue
        if target.id in targets.values():
            places.refuse(f"two events of {old.id!r} cannot become {target.id!r} both")
        targets[event.id] = target.id
    return targets


def _check(event: Node, named: str, target: Node | None, new: Node, places: Places) -> None:
    if target is None:
        places.refuse(f"event {event.id!r} cannot become {named!r}: that is no event of {new.id!r}")
    if _kind(target) is not _kind(event):
        places.refuse(
            f"event {event.id!r} cannot become {named!r}: it waits for a {_kind(event).__name__.lower()}, "
            f"not for a {_kind(target).__name__.lower()}"
        )


def _kind(event: Node) -> type:
    return type(event.timer or event.message or event.signal)


def _events(element: ElementInstance, node: Node) -> Iterator[Node]:
    """What may be waited for at an element: its own event, those behind a gateway, those at its boundary."""
    if node.kind is Kind.EVENT_BASED_GATEWAY:
        yield from (flow.target for flow in node.outgoing)
    elif node.awaits_events:
        yield node
    if not element.loop_counter:
        yield from (one for one in node.boundaries if one.timer or one.message or one.signal)


def _opening(element: ElementInstance, new: Node) -> Iterator[Node]:
    """What is waited for as long as the element is in the state it is in."""
    if element.state == ACTIVATING:
        return  # an incident holds it: it opens its events when it is entered again
    if element.state == ACTIVATED or not new.awaits_events:
        yield from _events(element, new)
