"""Timers, messages, signals and errors: what an event needs to be caught or thrown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from procession.bpmn.quoting import quoted
from procession.bpmn.rules.scope import Scope
from procession.bpmn.timers import problem
from procession.model import Error, Expression, Fault, FlowNode, Kind, Message, Signal, Timer, TimerKind

_CATCHES_MESSAGE = (Kind.START_EVENT, Kind.CATCH_EVENT, Kind.BOUNDARY_EVENT, Kind.RECEIVE_TASK)

_Event = TypeVar("_Event", Timer, Message, Signal, Error)


def _events(scope: Scope, wanted: type[_Event], *kinds: Kind) -> Iterator[tuple[FlowNode, _Event]]:
    for node in scope.of_kind(*kinds):
        for event in node.events:
            if isinstance(event, wanted):
                yield node, event


def timers_are_valid(scope: Scope) -> Iterator[Fault]:
    for node, timer in _events(scope, Timer, *Kind):
        if isinstance(timer.value, str) and (why := problem(timer.kind, timer.value)):
            yield scope.fault(node, f"{timer.kind} {quoted(timer.value)} {why}", timer.line)


def cycles_do_not_interrupt(scope: Scope) -> Iterator[Fault]:
    for node, timer in _events(scope, Timer, Kind.BOUNDARY_EVENT):
        if node.interrupting and timer.kind is TimerKind.CYCLE:
            message = (
                "an interrupting timer fires once; use timeDate or timeDuration, or make it non-interrupting"
            )
            yield scope.fault(node, message, timer.line)


def caught_messages_have_a_name(scope: Scope) -> Iterator[Fault]:
    for node, message in _events(scope, Message, *_CATCHES_MESSAGE):
        if not message.name:
            yield scope.fault(
                node, "the message it waits for has no name; give the message one", message.line
            )


def caught_messages_have_a_key(scope: Scope) -> Iterator[Fault]:
    for node, message in _events(scope, Message, *_CATCHES_MESSAGE):
        if node.kind is Kind.START_EVENT or message.correlation_key or node.id in scope.incomplete:
            continue
        yield scope.fault(
            node,
            "the message it waits for has no correlation key; add zeebe:subscription to it",
            message.line,
        )


def signals_have_a_name(scope: Scope) -> Iterator[Fault]:
    for node, signal in _events(scope, Signal, *Kind):
        if not signal.name and node.id not in scope.incomplete:
            yield scope.fault(node, "its signal has no name; give the signal one", signal.line)


def thrown_errors_have_a_code(scope: Scope) -> Iterator[Fault]:
    for node, error in _events(scope, Error, Kind.END_EVENT):
        if not error.code:
            yield scope.fault(node, "an error end event needs an error with a code", error.line)


def caught_errors_are_constant(scope: Scope) -> Iterator[Fault]:
    for node, error in _events(scope, Error, Kind.BOUNDARY_EVENT):
        if isinstance(error.code, Expression):
            yield scope.fault(
                node, "the code of a caught error must be a constant, not an expression", error.line
            )


RULES = (
    timers_are_valid,
    cycles_do_not_interrupt,
    caught_messages_have_a_name,
    caught_messages_have_a_key,
    signals_have_a_name,
    thrown_errors_have_a_code,
    caught_errors_are_constant,
)
