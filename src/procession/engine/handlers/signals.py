"""Broadcasting signals (spec/engine.md section 6): to all who wait now, and to nobody who comes later.

A broadcast leaves a command for each subscription, carried out under its root's lock; what it has no
room for is a broadcast of its own, which goes on behind the last key. No lock is needed: a
subscription that opens meanwhile opens later, and one that closes meanwhile hears nothing.
"""

from __future__ import annotations

from procession.engine import commands as c
from procession.engine.handlers.instances import begin_with_event
from procession.engine.handlers.messages import trigger
from procession.engine.handling import Handler, Target, handles, want_element
from procession.engine.reads import Reads
from procession.engine.records import SignalStart, SignalSubscription
from procession.engine.run import Run

BYTES_AT_ONCE = 16 * 1024 * 1024
"""Of variables that one page of a broadcast copies to its receivers."""


class Broadcast(Handler[c.BroadcastSignal]):
    def reads(self, command: c.BroadcastSignal, want: Reads) -> None:
        want.find(want.unit.signals, "signal", _page(command))
        if not command.after:
            want.find(want.unit.signal_starts, "name", (command.tenant, command.name))

    def execute(self, command: c.BroadcastSignal, run: Run) -> int:
        key = command.key if command.key is not None else run.new_key()
        page = run.unit.signals.find("signal", _page(command))
        reached = page[: _room(command.variables)]
        if not command.after:
            for start in run.unit.signal_starts.find("name", (command.tenant, command.name)):
                if _hears(start, command):
                    begins = c.StartBySignal(start.definition_key, start.element_id, command.variables)
                    run.emit(begins, root_key=None, tenant=command.tenant)
        for subscription in reached:
            if _hears(subscription, command):
                delivery = c.DeliverSignal(subscription.key, command.variables)
                run.emit(delivery, root_key=subscription.root_key, tenant=command.tenant)
        if len(reached) < len(page) or run.unit.signals.truncated("signal", _page(command)):
            _go_on(command, key, reached, run)
        return key


def _page(command: c.BroadcastSignal) -> tuple[str, str, int]:
    return command.tenant, command.name, command.after


def _room(variables: c.Variables) -> int:
    size = sum(len(name) + len(raw) for name, raw in variables.items())
    return max(BYTES_AT_ONCE // max(size, 1), 1)


def _hears(listener: SignalSubscription | SignalStart, command: c.BroadcastSignal) -> bool:
    """Whether it listened when the signal came. Time decides, then the key: a transaction gives its keys
    in order, but those of several nodes interleave."""
    if command.at is None or command.key is None:
        return True
    return listener.key not in command.reached and (listener.opened_at, listener.key) < (
        command.at,
        command.key,
    )


def _go_on(command: c.BroadcastSignal, key: int, reached: list[SignalSubscription], run: Run) -> None:
    at = command.at if command.at is not None else run.now
    # If none is left of a whole page, this transaction closed them: the next one finds others there.
    after = reached[-1].key if reached else command.after
    rest = c.BroadcastSignal(command.name, command.variables, command.tenant, key, at, after, command.reached)
    run.emit(rest, root_key=None, tenant=command.tenant)


class Deliver(Handler[c.DeliverSignal]):
    def target(self, command: c.DeliverSignal) -> Target:
        return ("signal_subscription", command.subscription_key)

    def reads(self, command: c.DeliverSignal, want: Reads) -> None:
        subscription = want.get(want.unit.signals, command.subscription_key)
        if subscription is not None:
            want_element(want, subscription.element_key, command.variables, target=subscription.target_id)

    def execute(self, command: c.DeliverSignal, run: Run) -> None:
        subscription = run.unit.signals.get(command.subscription_key)
        if subscription is not None:
            trigger(subscription, command.variables, run)


class StartWith(Handler[c.StartBySignal]):
    def reads(self, command: c.StartBySignal, want: Reads) -> None:
        want.get(want.unit.definitions, command.definition_key)
        want.graph(command.definition_key)

    def execute(self, command: c.StartBySignal, run: Run) -> int:
        definition = run.unit.definitions.get(command.definition_key)
        if definition is None:
            raise LookupError(f"process definition {command.definition_key} has no record")
        start = run.graph(definition.key).nodes[command.element_id]
        return begin_with_event(run, definition, start, command.variables).key


handles(c.BroadcastSignal, Broadcast())
handles(c.DeliverSignal, Deliver())
handles(c.StartBySignal, StartWith())
