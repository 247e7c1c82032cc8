"""Whether queues are empty, and that they are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import aio_pika
import sqlalchemy as sa

from procession.messaging.database.engines import engine_of


async def depth(broker: str, queues: Sequence[str]) -> int:
    """Messages that no consumer holds, or, in a database, that are not done."""
    if broker.startswith("amqp"):
        return await _of_rabbitmq(broker, queues)
    return await asyncio.to_thread(_of_database, broker)


async def delete(broker: str, queues: Sequence[str]) -> None:
    """Forget what a test before this one left on a broker; databases are each test's own."""
    if broker.startswith("amqp"):
        async with await aio_pika.connect(broker) as connection:
            channel = await connection.channel()
            for name in queues:
                await channel.queue_delete(name)


async def _of_rabbitmq(broker: str, queues: Sequence[str]) -> int:
    async with await aio_pika.connect(broker) as connection:
        channel = await connection.channel()
        found = [await channel.declare_queue(name, passive=True) for name in queues]
        return sum(queue.declaration_result.message_count or 0 for queue in found)


def _of_database(url: str) -> int:
    engine = engine_of(url)
    try:
        with engine.connect() as connection:
            return int(connection.scalar(sa.text("SELECT count(*) FROM procession_queued_message")) or 0)
    finally:
        engine.dispose()
