"""Places the points into a process from outside: the example and Procession know nothing of them.

Also makes leases short and deliveries many, as somebody is killed every moment.
"""

from __future__ import annotations

import functools
import inspect
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from procession import Procession
from procession.errors import ProcessionError
from procession.messaging import Addressed, Consumer, Message, Relay, Transport
from procession.messaging.database import DatabaseTransport
from procession.messaging.database import transport as database_queues
from procession.messaging.rabbitmq import RabbitMQTransport
from procession.process.cases.running import StageRunner

from .points import Point, Trail

Publish = Callable[[Any, Sequence[Addressed]], Awaitable[list[ProcessionError | None]]]

LEASE = timedelta(seconds=2)
NEVER = 1_000_000
"""A delivery limit: every kill is a delivery, and here there are more kills than anybody would bear."""
TWICE = 0.1
"""The share of requests that are sent twice for no reason."""
_RECORDING = "INSERT INTO procession_inbox"
_CHANGING = ("INSERT INTO app_user", "DELETE FROM app_user", "INSERT INTO account")


def hurry() -> None:
    """Leases that end soon, and no dead letters for those that were with many who were killed."""
    _set(Relay, "__init__", functools.partialmethod(Relay.__init__, lease=LEASE))
    _set(Procession, "task", functools.partialmethod(Procession.task, timeout=LEASE))
    _set(database_queues, "LEASE", LEASE)
    _set(Consumer, "__init__", functools.partialmethod(Consumer.__init__, delivery_limit=NEVER))
    for kind in (RabbitMQTransport, DatabaseTransport):
        _set(kind, "declare", functools.partialmethod(kind.declare, delivery_limit=NEVER))


def watch_service(trail: Trail) -> None:
    """Points of a service's process."""
    _watch_consumers(trail, Point.RECEIVED, Point.COMMITTED)
    for kind in (RabbitMQTransport, DatabaseTransport):
        _set(kind, "publish", _watched(kind.publish, trail, Point.PUBLISHING, Point.PUBLISHED))

    @sa.event.listens_for(sa.Engine, "after_cursor_execute")
    def executed(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith(_RECORDING):
            trail.at(Point.RECORDED)
        elif statement.startswith(_CHANGING):
            trail.at(Point.CHANGED)

    @sa.event.listens_for(Session, "before_commit")
    def applied(_: Session) -> None:
        trail.at(Point.APPLIED)


def watch_cases(trail: Trail) -> None:
    """Points of a process that works on cases; before it imports the example's."""
    _watch_consumers(trail, Point.ANSWERED, Point.CORRELATED)
    for kind in (RabbitMQTransport, DatabaseTransport):
        _set(kind, "publish", _watched(_sometimes_twice(kind.publish), trail, Point.ASKING, Point.ASKED))
    handler_of: Callable[[StageRunner], Callable[..., Any]] = vars(StageRunner)["handler"].fget

    def handler(runner: StageRunner) -> Callable[..., Any]:
        return _between(handler_of(runner), lambda: None, lambda: trail.at(Point.STAGED))

    _set(StageRunner, "handler", property(handler))


def _watch_consumers(trail: Trail, before: Point, after: Point) -> None:
    begin = Consumer.__init__

    @functools.wraps(begin)
    def watched(
        consumer: Consumer,
        transport: Transport,
        queue: str,
        handler: Callable[[Message], object],
        **options: Any,
    ) -> None:
        begin(
            consumer,
            transport,
            queue,
            _between(handler, lambda: trail.at(before), lambda: trail.at(after)),
            **options,
        )

    _set(Consumer, "__init__", watched)


def _between(handler: Callable[..., Any], before: Callable[[], None], after: Callable[[], None]) -> Any:
    """The handler, async if it is, between two points."""

    @functools.wraps(handler)
    def plain(message: Any) -> Any:
        before()
        answer = handler(message)
        after()
        return answer

    @functools.wraps(handler)
    async def awaited(message: Any) -> Any:
        before()
        answer = await handler(message)
        after()
        return answer

    return awaited if inspect.iscoroutinefunction(handler) else plain


def _watched(publish: Publish, trail: Trail, before: Point, after: Point) -> Publish:
    async def watched(transport: Any, messages: Sequence[Addressed]) -> list[ProcessionError | None]:
        if messages:
            trail.at(before)
        answers = await publish(transport, messages)
        if messages:
            trail.at(after)
        return answers

    return watched


def _sometimes_twice(publish: Publish) -> Publish:
    async def generous(transport: Any, messages: Sequence[Addressed]) -> list[ProcessionError | None]:
        again = [one for one in messages if random.random() < TWICE]
        answers = await publish(transport, messages)
        await publish(transport, again)
        return answers

    return generous


def _set(owner: Any, name: str, value: Any) -> None:
    """The process has no other use, and ends soon."""
    setattr(owner, name, value)
