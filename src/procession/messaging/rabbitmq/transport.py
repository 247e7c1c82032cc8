"""The transport over RabbitMQ."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

from procession.errors import ProcessionError
from procession.messaging.message import check_name
from procession.messaging.port import DELIVERY_LIMIT, Addressed, DeadLetter, Receiver, Transport
from procession.messaging.rabbitmq.envelopes import again, dead_letter
from procession.messaging.rabbitmq.link import Link, close
from procession.messaging.rabbitmq.publisher import Publisher
from procession.messaging.rabbitmq.receiver import RabbitMQReceiver
from procession.messaging.rabbitmq.topology import declare, declare_dead_letters

if TYPE_CHECKING:
    from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue

Chosen = Callable[[DeadLetter], bool]
Found = tuple[DeadLetter, "AbstractIncomingMessage"]

RETURN_SECONDS, RETURN_LOOKS = 0.1, 5


class RabbitMQTransport(Transport):
    """Durable quorum queues of a virtual host (RabbitMQ 3.10 or newer), through the default exchange.

    Dead letters are in the queue `procession.dead-letters`, those the broker makes by itself too.
    """

    def __init__(self, url: str) -> None:
        self._link = Link(url)
        self._publisher = Publisher(self._link)
        self.name = self._link.name

    async def declare(self, queue: str, *, delivery_limit: int = DELIVERY_LIMIT) -> None:
        check_name("queue", queue)
        channel = await self._link.channel(confirms=False)
        try:
            async with self._link.reaching():
                await declare(channel, queue, delivery_limit)
        finally:
            await close(channel)

    async def publish(self, messages: Sequence[Addressed]) -> list[ProcessionError | None]:
        return await self._publisher.publish(messages)

    @asynccontextmanager
    async def receive(
        self, queue: str, *, prefetch: int, delivery_limit: int = DELIVERY_LIMIT
    ) -> AsyncIterator[Receiver]:
        check_name("queue", queue)
        receiver = RabbitMQReceiver(self._link, self._publisher, queue, prefetch, delivery_limit)
        try:
            yield receiver
        finally:
            await receiver.close()

    async def dead_letters(self, *, queue: str | None = None, limit: int = 100) -> list[DeadLetter]:
        found: list[DeadLetter] = []
        async with self._walk(_chosen(queue, None)) as letters:
            async for letter, _ in letters:
                found.append(letter)
                if len(found) == limit:
                    break
        return found

    async def retry_dead(self, *, queue: str | None = None, message_id: str | None = None) -> int:
        count = 0
        async with self._walk(_chosen(queue, message_id)) as letters:
            async for letter, incoming in letters:
                (answer,) = await self._publisher.send([(letter.queue, again(incoming))])
                if answer is not None:
                    raise answer
                await incoming.ack()
                count += 1
        return count

    async def drop_dead(self, *, queue: str | None = None, message_id: str | None = None) -> int:
        count = 0
        async with self._walk(_chosen(queue, message_id)) as letters:
            async for _, incoming in letters:
                await incoming.ack()
                count += 1
        return count

    @asynccontextmanager
    async def _walk(self, chosen: Chosen) -> AsyncIterator[AsyncIterator[Found]]:
        """The dead letters there are now. Those that are not acknowledged go back to their places."""
        channel = await self._link.channel(confirms=False)
        try:
            async with self._link.reaching():
                dead = await _returned(channel)
                async with aclosing(_each(dead, chosen)) as letters:
                    yield letters
        finally:
            await close(channel)

    async def close(self) -> None:
        await self._publisher.close()
        await self._link.close()


async def _returned(channel: AbstractChannel) -> AbstractQueue:
    """The queue of dead letters. A quorum queue takes back what somebody has looked at a moment after his
    channel is closed, so one that seems to be empty is looked at again."""
    for _ in range(RETURN_LOOKS):
        dead = await declare_dead_letters(channel)
        if dead.declaration_result.message_count:
            break
        await asyncio.sleep(RETURN_SECONDS)
    return dead


async def _each(dead: AbstractQueue, chosen: Chosen) -> AsyncGenerator[Found, None]:
    for _ in range(dead.declaration_result.message_count or 0):
        incoming = await dead.get(fail=False)
        if incoming is None:
            return
        letter = dead_letter(incoming)
        if chosen(letter):
            yield letter, incoming


def _chosen(queue: str | None, message_id: str | None) -> Chosen:
    return lambda letter: queue in (None, letter.queue) and message_id in (None, letter.message.id)
