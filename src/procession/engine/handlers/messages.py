"""Publishing messages and bringing them to those who wait (spec/engine.md section 5).

A message is matched under its correlation key and delivered under the receiver's root, by a command
of its own. Until then its subscription gets no other message: those that follow stay in their order. A
delivery that finds its subscription closed offers the message again.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from procession.engine import commands as c
from procession.engine.behaviour import Trigger
from procession.engine.handlers.instances import begin_with_event
from procession.engine.handling import Handler, Target, handles, want_element
from procession.engine.reads import Reads
from procession.engine.records import (
    ACTIVATED,
    COMPLETING,
    Correlation,
    Delivery,
    Message,
    MessageSubscription,
    SignalSubscription,
    StartSubscription,
)
from procession.engine.run import Run
from procession.errors import AlreadyExists, InvalidInput, NotFound

_variables = msgspec.json.Decoder(dict[str, str])


class Publish(Handler[c.PublishMessage]):
    def reads(self, command: c.PublishMessage, want: Reads) -> None:
        unit = want.unit
        address = (command.tenant, command.name, command.correlation_key)
        if command.message_id is not None:
            want.find(unit.messages, "message", address)
        _want_receivers(want, address)
        for start in want.find(unit.starts, "name", (command.tenant, command.name)):
            if command.correlation_key:
                identity = (command.tenant, start.process_id, command.correlation_key)
                want.find(unit.instances, "start", identity)

    def execute(self, command: c.PublishMessage, run: Run) -> int:
        if not command.name:
            raise InvalidInput("a message needs a name")
        _refuse_repeated(command, run)
        key = command.key if command.key is not None else run.new_key()
        expires_at = run.now + max(command.ttl, 0)
        reached = _deliver(command, key, expires_at, run)
        reached += _start(command, key, expires_at, reached, run)
        if command.must_reach and not reached:
            raise NotFound(
                f"nobody waits for message {command.name!r} with correlation key {command.correlation_key!r}"
            )
        if command.ttl > 0:
            _buffer(command, key, expires_at, reached, run)
        return key


def _want_receivers(want: Reads, address: tuple[str, str, str]) -> None:
    for subscription in want.find(want.unit.subscriptions, "message", address):
        want.find(want.unit.deliveries, "subscription", subscription.key)


def _receivers(address: tuple[str, str, str], run: Run) -> Iterator[MessageSubscription]:
    """The subscriptions that no message is on its way to, oldest first."""
    for subscription in run.unit.subscriptions.find("message", address):
        if not run.unit.deliveries.find("subscription", subscription.key):
            yield subscription


def _refuse_repeated(command: c.PublishMessage, run: Run) -> None:
    if command.message_id is None:
        return
    address = (command.tenant, command.name, command.correlation_key)
    for message in run.unit.messages.find("message", address):
        if message.message_id == command.message_id and message.expires_at > run.now:
            raise AlreadyExists(
                f"message {command.name!r} with id {command.message_id!r} and correlation key "
                f"{command.correlation_key!r} was published before and is still alive",
                key=message.key,
            )


def _deliver(command: c.PublishMessage, key: int, expires_at: int, run: Run) -> list[str]:
    """Send the message to the oldest receiver of each process. Answers the process ids."""
    reached: list[str] = []
    address = (command.tenant, command.name, command.correlation_key)
    for subscription in _receivers(address, run):
        if subscription.process_id not in reached:
            reached.append(subscription.process_id)
            _send(subscription, key, command.variables, expires_at, run, must_reach=command.must_reach)
    return reached


def _send(
    sub: MessageSubscription,
    key: int,
    variables: c.Variables,
    expires_at: int,
    run: Run,
    *,
    must_reach: bool = False,
) -> None:
    delivery = c.CorrelateMessage(
        sub.key,
        key,
        sub.name,
        sub.correlation_key,
        sub.process_id,
        variables,
        expires_at,
        sub.tenant,
        must_reach,
    )
    run.emit(delivery, root_key=sub.root_key, tenant=sub.tenant)
    run.unit.deliveries.add(Delivery(sub.key, key))


def _start(command: c.PublishMessage, key: int, expires_at: int, reached: list[str], run: Run) -> list[str]:
    """Start the processes that begin with this message, unless one runs for the key or was reached."""
    started: list[str] = []
    for start in run.unit.starts.find("name", (command.tenant, command.name)):
        if start.process_id in reached or start.process_id in started:
            continue
        if not _is_running(start, command.correlation_key, run):
            started.append(start.process_id)
            _send_start(start, key, command.correlation_key, command.variables, expires_at, run)
    return started


def _is_running(start: StartSubscription, correlation_key: str, run: Run) -> bool:
    identity = (start.tenant, start.process_id, correlation_key)
    return bool(correlation_key) and bool(run.unit.instances.find("start", identity))


def _send_start(
    start: StartSubscription,
    key: int,
    correlation_key: str,
    variables: c.Variables,
    expires_at: int,
    run: Run,
) -> None:
    command = c.StartByMessage(
        start.definition_key,
        start.element_id,
        key,
        start.name,
        correlation_key,
        variables,
        expires_at,
        start.tenant,
    )
    run.emit(command, root_key=None, tenant=start.tenant)


def _buffer(command: c.PublishMessage, key: int, expires_at: int, reached: list[str], run: Run) -> None:
    run.unit.messages.add(
        Message(
            key,
            command.tenant,
            command.name,
            command.correlation_key,
            command.message_id,
            msgspec.json.encode(command.variables).decode(),
            run.now,
            expires_at,
        )
    )
    for process_id in reached:
        run.unit.correlations.add(Correlation(key, process_id))


class Correlate(Handler[c.CorrelateMessage]):
    def target(self, command: c.CorrelateMessage) -> Target:
        return ("message_subscription", command.subscription_key)

    def reads(self, command: c.CorrelateMessage, want: Reads) -> None:
        unit = want.unit
        address = (command.tenant, command.name, command.correlation_key)
        want.find(unit.deliveries, "subscription", command.subscription_key)
        if command.must_reach:  # its lock: nobody else sees the subscription without its delivery
            want.find(unit.subscriptions, "message", address)
        subscription = want.get(unit.subscriptions, command.subscription_key)
        if subscription is not None:
            want_element(want, subscription.element_key, command.variables, target=subscription.target_id)
        elif unit.subscriptions.known(command.subscription_key):
            _want_receivers(want, address)
            want.get(unit.correlations, (command.message_key, command.process_id))

    def execute(self, command: c.CorrelateMessage, run: Run) -> None:
        deliveries = run.unit.deliveries.find("subscription", command.subscription_key)
        for delivery in deliveries:
            if delivery.message_key == command.message_key:
                run.unit.deliveries.remove(delivery)
        subscription = run.unit.subscriptions.get(command.subscription_key)
        if subscription is None or not trigger(subscription, command.variables, run):
            _offer_again(command, run)
        elif len(deliveries) == 1 and _goes_on_waiting(subscription, run):
            run.follow(c.MatchMessages(subscription.key))  # for those that came meanwhile


def trigger(subscription: MessageSubscription | SignalSubscription, values: c.Variables, run: Run) -> bool:
    """Fire the event behind a subscription. False if its element is not waiting (any more)."""
    element = run.unit.elements.get(subscription.element_key)
    if element is None or element.state not in (ACTIVATED, COMPLETING):
        return False
    instance = run.instance(element.instance_key)
    if instance.state != ACTIVATED:
        return False
    run.work_in(instance)
    node = run.node(element)
    node.behaviour.triggered(run, element, node, Trigger(node.graph.nodes[subscription.target_id], values))
    return True


def _offer_again(command: c.CorrelateMessage, run: Run) -> None:
    """To another subscription of the same process; otherwise the message is free for a later one."""
    address = (command.tenant, command.name, command.correlation_key)
    for other in _receivers(address, run):
        if other.process_id == command.process_id and other.key != command.subscription_key:
            _send(other, command.message_key, command.variables, command.expires_at, run)
            return
    _free(command.message_key, command.process_id, run)


def _free(message_key: int, process_id: str, run: Run) -> None:
    correlation = run.unit.correlations.get((message_key, process_id))
    if correlation is not None:
        run.unit.correlations.remove(correlation)


class Match(Handler[c.MatchMessages]):
    def reads(self, command: c.MatchMessages, want: Reads) -> None:
        unit = want.unit
        subscription = want.get(unit.subscriptions, command.subscription_key)
        if subscription is None:
            return
        for message in want.find(unit.messages, "message", _address(subscription)):
            want.get(unit.correlations, (message.key, subscription.process_id))
            names = _variables.decode(message.variables)
            want_element(want, subscription.element_key, names, target=subscription.target_id)

    def execute(self, command: c.MatchMessages, run: Run) -> None:
        subscription = run.unit.subscriptions.get(command.subscription_key)
        if subscription is None:
            return
        waiting = _waiting(_address(subscription), subscription.process_id, run)
        if not waiting or not trigger(subscription, _variables.decode(waiting[0].variables), run):
            return
        run.unit.correlations.add(Correlation(waiting[0].key, subscription.process_id))
        if _goes_on_waiting(subscription, run):
            for message in waiting[1:]:
                run.unit.correlations.add(Correlation(message.key, subscription.process_id))
                values = _variables.decode(message.variables)
                _send(subscription, message.key, values, message.expires_at, run)


def _goes_on_waiting(subscription: MessageSubscription, run: Run) -> bool:
    """Whether it is of a boundary event that interrupts nothing: a message does not close it."""
    element = run.element(subscription.element_key)
    target = run.graph(element.definition_key).nodes[subscription.target_id]
    return target.attached_to is not None and not target.interrupting


def _address(subscription: MessageSubscription) -> tuple[str, str, str]:
    return subscription.tenant, subscription.name, subscription.correlation_key


def _waiting(address: tuple[str, str, str], process_id: str, run: Run) -> list[Message]:
    """The living messages at an address that have not gone to the process, oldest first."""
    waiting = [
        message
        for message in run.unit.messages.find("message", address)
        if message.expires_at > run.now and run.unit.correlations.get((message.key, process_id)) is None
    ]
    return sorted(waiting, key=lambda message: (message.published_at, message.key))


class StartWith(Handler[c.StartByMessage]):
    """The version that took the message starts, even if it was deleted since: its sender was answered."""

    def reads(self, command: c.StartByMessage, want: Reads) -> None:
        unit = want.unit
        definition = want.get(unit.definitions, command.definition_key)
        want.graph(command.definition_key)
        if definition is not None and command.correlation_key:
            identity = (command.tenant, definition.process_id, command.correlation_key)
            if want.find(unit.instances, "start", identity):
                want.get(unit.correlations, (command.message_key, definition.process_id))

    def execute(self, command: c.StartByMessage, run: Run) -> int | None:
        definition = run.unit.definitions.get(command.definition_key)
        if definition is None:
            raise LookupError(f"process definition {command.definition_key} has no record")
        identity = (command.tenant, definition.process_id, command.correlation_key)
        if command.correlation_key and run.unit.instances.find("start", identity):
            _free(command.message_key, definition.process_id, run)
            return None
        start = run.graph(definition.key).nodes[command.element_id]
        start_key = command.correlation_key or None
        return begin_with_event(run, definition, start, command.variables, start_key=start_key).key


class Next(Handler[c.OfferNext]):
    def reads(self, command: c.OfferNext, want: Reads) -> None:
        unit = want.unit
        identity = (command.tenant, command.process_id)
        for start in want.find(unit.starts, "process", identity):
            want.find(unit.instances, "start", (*identity, command.correlation_key))
            address = (command.tenant, start.name, command.correlation_key)
            for message in want.find(unit.messages, "message", address):
                want.get(unit.correlations, (message.key, command.process_id))

    def execute(self, command: c.OfferNext, run: Run) -> None:
        for start in run.unit.starts.find("process", (command.tenant, command.process_id)):
            if _is_running(start, command.correlation_key, run):
                return
            address = (command.tenant, start.name, command.correlation_key)
            waiting = _waiting(address, command.process_id, run)
            if waiting:
                message = waiting[0]
                run.unit.correlations.add(Correlation(message.key, command.process_id))
                values = _variables.decode(message.variables)
                _send_start(start, message.key, command.correlation_key, values, message.expires_at, run)
                return


handles(c.PublishMessage, Publish())
handles(c.CorrelateMessage, Correlate())
handles(c.MatchMessages, Match())
handles(c.StartByMessage, StartWith())
handles(c.OfferNext, Next())
