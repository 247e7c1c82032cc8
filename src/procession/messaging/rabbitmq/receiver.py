"""Consuming a queue, over as many connections as it takes."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from procession.errors import InvalidInput, NotReady
from procession.messaging.message import Message
from procession.messaging.pauses import Pauses
from procession.messaging.port import Delivery, Receiver
from procession.messaging.rabbitmq.envelopes import dead_envelope, opened
from procession.messaging.rabbitmq.link import Link, close
from procession.messaging.rabbitmq.publisher import Publisher
from procession.messaging.rabbitmq.topology import DEAD_LETTERS, declare

if TYPE_CHECKING:
    from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue

log = logging.getLogger("procession.messaging")

FIRST_PAUSE = timedelta(milliseconds=100)
LONGEST_PAUSE = timedelta(seconds=10)


class RabbitMQDelivery(Delivery):
    """A message held on a channel; when that is lost, the broker delivers it again."""

    def __init__(
        self,
        message: Message,
        incoming: AbstractIncomingMessage,
        queue: str,
        link: Link,
        publisher: Publisher,
    ) -> None:
        self.message = message
        self._incoming = incoming
        self._queue = queue
        self._link = link
        self._publisher = publisher

    async def acknowledge(self) -> bool:
        try:
            async with self._link.reaching():
                await self._incoming.ack()
        except NotReady:
            return False
        return True

    async def requeue(self) -> bool:
        try:
            async with self._link.reaching():
                await self._incoming.nack(requeue=True)
        except NotReady:
            return False
        return True

    async def bury(self, reason: str) -> bool:
        return await _bury(self._publisher, self._incoming, self._queue, reason) and await self.acknowledge()


async def _bury(publisher: Publisher, incoming: AbstractIncomingMessage, queue: str, reason: str) -> bool:
    (answer,) = await publisher.send([(DEAD_LETTERS, dead_envelope(incoming, queue, reason))])
    if isinstance(answer, NotReady):
        return False
    if answer is not None:
        raise answer
    return True


class RabbitMQReceiver(Receiver):
    """One consumer with manual acknowledgement and prefetch."""

    def __init__(
        self, link: Link, publisher: Publisher, queue: str, prefetch: int, delivery_limit: int
    ) -> None:
        self._link = link
        self._publisher = publisher
        self._queue = queue
        self._prefetch = prefetch
        self._limit = delivery_limit
        self._pauses = Pauses(FIRST_PAUSE, LONGEST_PAUSE)
        self._arrived: asyncio.Queue[AbstractIncomingMessage | None] = asyncio.Queue()
        self._channel: AbstractChannel | None = None
        self._consumed: tuple[AbstractQueue, str] | None = None
        self._stopping = asyncio.Event()

    async def __anext__(self) -> Delivery:
        while not self._stopping.is_set():
            if self._channel is None:
                await self._connect()
                continue
            incoming = await self._arrived.get()
            if self._stopping.is_set():
                break
            if incoming is None:  # the channel is closed, or the queue was deleted
                await self._disconnect()
            elif (message := await self._open(incoming)) is not None:
                return RabbitMQDelivery(message, incoming, self._queue, self._link, self._publisher)
        raise StopAsyncIteration

    async def _connect(self) -> None:
        arrived: asyncio.Queue[AbstractIncomingMessage | None] = asyncio.Queue()
        try:
            channel = await self._link.channel(confirms=False)
            try:
                async with self._link.reaching():
                    await self._consume(channel, arrived)
            except BaseException:
                await close(channel)
                raise
        except NotReady as error:
            log.log(
                logging.DEBUG if self._pauses.begun else logging.WARNING,
                "queue %s waits: %s",
                self._queue,
                error,
            )
            await self._rest(self._pauses.next())
            return
        self._channel, self._arrived = channel, arrived
        self._pauses.reset()

    async def _consume(
        self, channel: AbstractChannel, arrived: asyncio.Queue[AbstractIncomingMessage | None]
    ) -> None:
        def ended(*_: object) -> None:
            arrived.put_nowait(None)

        async def came(incoming: AbstractIncomingMessage) -> None:
            if self._stopping.is_set():
                await incoming.nack(requeue=True)
            else:
                arrived.put_nowait(incoming)

        channel.close_callbacks.add(ended)
        (await channel.get_underlay_channel()).on_consumer_cancel_callbacks.add(ended)
        await channel.set_qos(prefetch_count=self._prefetch)
        queue = await declare(channel, self._queue, self._limit)
        self._consumed = queue, await queue.consume(came)

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _disconnect(self) -> None:
        """Let go of the channel; what it still held comes again."""
        channel, self._channel, self._consumed = self._channel, None, None
        if channel is not None:
            await close(channel)

    async def _open(self, incoming: AbstractIncomingMessage) -> Message | None:
        try:
            return opened(incoming)
        except InvalidInput as error:
            log.error("a message of %s is a dead letter: %s", self._queue, error)
            try:
                async with self._link.reaching():
                    if await _bury(self._publisher, incoming, self._queue, f"refused: {error}"):
                        await incoming.ack()
            except NotReady as lost:
                log.warning("queue %s: %s", self._queue, lost)
            return None

    async def stop(self) -> None:
        self._stopping.set()
        if self._consumed is not None:
            queue, tag = self._consumed
            self._consumed = None
            try:
                async with self._link.reaching():
                    await queue.cancel(tag)
                    while not self._arrived.empty():
                        left = self._arrived.get_nowait()
                        if left is not None:
                            await left.nack(requeue=True)
            except NotReady as error:
                log.debug("queue %s: %s", self._queue, error)
        self._arrived.put_nowait(None)

    async def close(self) -> None:
        self._stopping.set()
        await self._disconnect()
