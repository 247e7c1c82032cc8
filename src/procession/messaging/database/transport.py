"""The transport over tables of a database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from procession.errors import DatabaseBusy, NotFound, NotReady, ProcessionError, ResourceExhausted
from procession.messaging.database import bells, queues
from procession.messaging.database.opening import OpenDatabase
from procession.messaging.database.receiver import DatabaseReceiver
from procession.messaging.message import check_name
from procession.messaging.outbox import message_from
from procession.messaging.port import DELIVERY_LIMIT, Addressed, DeadLetter, Receiver, Transport

LEASE = timedelta(seconds=30)


class DatabaseTransport(Transport):
    """Queues in tables of SQLite, PostgreSQL or MariaDB, which it makes where they are missing.

    Consumers of the same process are woken by whoever publishes; other processes look each second.

    Args:
        engine: the database; disposed of with the transport.
        lease: how long a message stays with a consumer that died; it is renewed for those that live.
    """

    def __init__(self, engine: sa.Engine, *, lease: timedelta = LEASE) -> None:
        self._database = OpenDatabase(engine)
        self._lease = lease
        self.name = self._database.name

    async def declare(self, queue: str, *, delivery_limit: int = DELIVERY_LIMIT) -> None:
        check_name("queue", queue)
        await self._database.declare(queue, delivery_limit)

    async def publish(self, messages: Sequence[Addressed]) -> list[ProcessionError | None]:
        if not messages:
            return []
        try:
            stored = await self._database.run(queues.publish, messages)
        except DatabaseBusy as error:
            return [ResourceExhausted(error.message)] * len(messages)
        except NotReady as error:
            return [error] * len(messages)
        for name in {one.queue for one, there in zip(messages, stored, strict=True) if there}:
            bells.ring_all(self.name, name)
        return [
            None if there else self._missing(one.queue) for one, there in zip(messages, stored, strict=True)
        ]

    def _missing(self, queue: str) -> NotFound:
        return NotFound(f"queue {queue} does not exist in {self.name}; a consumer or declare() makes it")

    @asynccontextmanager
    async def receive(
        self, queue: str, *, prefetch: int, delivery_limit: int = DELIVERY_LIMIT
    ) -> AsyncIterator[Receiver]:
        check_name("queue", queue)
        receiver = DatabaseReceiver(self._database, queue, prefetch, delivery_limit, self._lease)
        try:
            yield receiver
        finally:
            await receiver.close()

    async def dead_letters(self, *, queue: str | None = None, limit: int = 100) -> list[DeadLetter]:
        rows = await self._database.run(queues.dead_letters, queue, limit)
        return [
            DeadLetter(
                queue=row.queue,
                message=message_from(row, attempt=row.deliveries),
                reason=row.reason,
                died_at=datetime.fromtimestamp(row.died_at / 1000, UTC),
            )
            for row in rows
        ]

    async def retry_dead(self, *, queue: str | None = None, message_id: str | None = None) -> int:
        newest = await self._database.run(queues.newest_dead)
        count = 0
        while True:
            again = await self._database.run(queues.retry_dead, queue, message_id, newest)
            if again.missing is not None:
                raise self._missing(again.missing)
            for name in again.queues:
                bells.ring_all(self.name, name)
            count += again.number
            if again.number < queues.RETRIED_AT_ONCE:
                return count

    async def drop_dead(self, *, queue: str | None = None, message_id: str | None = None) -> int:
        return await self._database.run(queues.drop_dead, queue, message_id)

    async def close(self) -> None:
        await self._database.close()
