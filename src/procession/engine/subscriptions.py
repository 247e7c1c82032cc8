"""What elements wait for: timers, message and signal subscriptions, opened and closed together."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from procession.engine import commands as c
from procession.engine import schedule, variables
from procession.engine.graph import Node
from procession.engine.records import (
    ElementInstance,
    IncidentType,
    MessageSubscription,
    SignalSubscription,
    Timer,
)
from procession.engine.run import Run, Stuck
from procession.engine.variables import Chain


class Awaited(msgspec.Struct, frozen=True):
    """An event that is about to be waited for, evaluated."""

    target: Node
    timer: schedule.Due | None = None
    message: tuple[str, str] | None = None
    """(name, correlation key)"""
    signal: str | None = None


def has_events(node: Node, element: ElementInstance) -> bool:
    """Whether the element may have timers or subscriptions of its own or of its boundary events."""
    return node.awaits_events or (bool(node.boundaries) and not element.loop_counter)


def open_events(run: Run, element: ElementInstance, targets: Iterable[Node]) -> None:
    """Wait at `element` for each of the events. Nothing is opened unless all can be evaluated.

    Raises:
        Stuck: a name, key or time cannot be evaluated.
    """
    open_evaluated(run, element, evaluate(run, element, targets))


def evaluate(run: Run, element: ElementInstance, targets: Iterable[Node]) -> list[Awaited]:
    """The events among these that can be waited for at `element`, evaluated.

    Raises:
        Stuck: a name, key or time cannot be evaluated.
    """
    chain = variables.chain_of(run, element)
    return [
        _evaluate(run, target, chain) for target in targets if target.timer or target.message or target.signal
    ]


def open_evaluated(run: Run, element: ElementInstance, awaited: Iterable[Awaited]) -> None:
    """Wait at `element` for events that were evaluated."""
    for event in awaited:
        if event.timer is not None:
            _open_timer(run, element, event.target, event.timer)
        elif event.message is not None:
            _open_message(run, element, event.target, *event.message)
        elif event.signal is not None:
            _open_signal(run, element, event.target, event.signal)


def close_events(run: Run, element: ElementInstance) -> None:
    """Stop waiting for anything at `element`."""
    for timer in run.unit.timers.find("element", element.key):
        run.unit.timers.remove(timer)
    for subscription in run.unit.subscriptions.find("element", element.key):
        run.unit.subscriptions.remove(subscription)
    if run.node(element).awaits_signals:
        for signal in run.unit.signals.find("element", element.key):
            run.unit.signals.remove(signal)


def _evaluate(run: Run, target: Node, chain: Chain) -> Awaited:
    if target.timer is not None and target.timer_value is not None:
        value = variables.evaluate(run, target.timer_value, chain)
        return Awaited(target, timer=schedule.first_due(target.timer.kind, value, run.now, run.zone))
    if target.signal_name is not None:
        return Awaited(target, signal=variables.text(run, target.signal_name, chain, "the signal name"))
    if target.message_name is None or target.correlation_key is None:
        raise LookupError(f"event {target.id!r} waits for nothing")
    name = variables.text(run, target.message_name, chain, "the message name")
    return Awaited(target, message=(name, _correlation_key(run, target, chain)))


def _correlation_key(run: Run, target: Node, chain: Chain) -> str:
    value = variables.evaluate(run, target.correlation_key or "", chain)
    if isinstance(value, str):
        return variables.keepable(value, f"the correlation key of {target.id!r}")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise Stuck(
        IncidentType.EXTRACT_VALUE_ERROR.value,
        f"the correlation key of {target.id!r} must be a text or a whole number, but is {value!r}",
    )


def _open_timer(run: Run, element: ElementInstance, target: Node, due: schedule.Due) -> None:
    run.unit.timers.add(
        Timer(
            run.new_key(),
            element.root_key,
            element.instance_key,
            element.key,
            target.id,
            due.at,
            due.cycle,
            due.repetitions,
        )
    )


def _open_signal(run: Run, element: ElementInstance, target: Node, name: str) -> None:
    run.unit.signals.add(
        SignalSubscription(
            run.new_key(),
            element.root_key,
            element.instance_key,
            element.key,
            target.id,
            run.instance(element.instance_key).tenant,
            name,
            run.now,
        )
    )


def _open_message(run: Run, element: ElementInstance, target: Node, name: str, key: str) -> None:
    instance = run.instance(element.instance_key)
    subscription = run.unit.subscriptions.add(
        MessageSubscription(
            run.new_key(),
            element.root_key,
            element.instance_key,
            element.key,
            target.id,
            instance.tenant,
            instance.process_id,
            name,
            key,
        )
    )
    run.follow(c.MatchMessages(subscription.key))
