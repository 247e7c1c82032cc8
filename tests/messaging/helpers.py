"""What the tests of messages share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import sqlalchemy as sa

from procession.errors import ProcessionError
from procession.messaging import Addressed, Consumer, Message, Transport

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds after which a test gives up; none waits that long when all is well."""
SYNC_DRIVERS = {
    "sqlite": "sqlite+pysqlite",
    "postgresql": "postgresql+psycopg",
    "mysql": "mariadb+pymysql",
    "mariadb": "mariadb+pymysql",
}
ASYNC_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+psycopg",
    "mysql": "mariadb+asyncmy",
    "mariadb": "mariadb+asyncmy",
}

counters = sa.Table(
    "counter",
    sa.MetaData(),
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("value", sa.Integer, nullable=False),
    mysql_engine="InnoDB",
)


def count_up(connection: sa.Connection, name: str) -> None:
    """The effect: one more."""
    done = connection.execute(
        counters.update().where(counters.c.name == name).values(value=counters.c.value + 1)
    )
    if done.rowcount == 0:
        connection.execute(counters.insert(), {"name": name, "value": 1})


def counted(engine: sa.Engine, name: str) -> int:
    """How often the effect was applied."""
    with engine.connect() as connection:
        return connection.scalar(sa.select(counters.c.value).where(counters.c.name == name)) or 0


async def soon(awaitable: Awaitable[T]) -> T:
    """Await it, but not forever."""
    return await asyncio.wait_for(awaitable, PATIENCE)


async def until(question: Callable[[], Awaitable[Any]]) -> Any:
    """Ask until the answer is something, and answer it."""
    async with asyncio.timeout(PATIENCE):
        while not (answer := await question()):  # noqa: ASYNC110 - it asks a server, which tells nobody
            await asyncio.sleep(0.02)
        return answer


async def publish(transport: Transport, queue: str, *messages: Message) -> list[ProcessionError | None]:
    return await soon(transport.publish([Addressed(queue, message) for message in messages]))


def texts(count: int) -> list[Message]:
    """Messages that say their number."""
    return [Message.with_json(number) for number in range(count)]


class Collected:
    """A handler that keeps what it gets, and tells when that is enough."""

    def __init__(self, enough: int) -> None:
        self.messages: list[Message] = []
        self._enough = enough
        self._done = asyncio.Event()

    async def __call__(self, message: Message) -> None:
        self.messages.append(message)
        if len(self.messages) >= self._enough:
            self._done.set()

    async def wait(self) -> list[Message]:
        await soon(self._done.wait())
        return self.messages


async def consume(transport: Transport, queue: str, count: int, **options: Any) -> list[Message]:
    """Take so many messages off a queue."""
    collected = Collected(count)
    async with Consumer(transport, queue, collected, **options):
        return await collected.wait()
