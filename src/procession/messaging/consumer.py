"""The consumer: a handler for the messages of a queue."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import TracebackType
from typing import Self, cast

from procession.errors import InvalidInput
from procession.messaging.message import Message
from procession.messaging.pauses import seconds_after
from procession.messaging.port import DELIVERY_LIMIT, Delivery, Receiver, Transport

log = logging.getLogger("procession.messaging")

Handler = Callable[[Message], object]
"""Takes a message and returns when its effect is committed; async, or plain (those run on threads)."""

PREFETCH = 10
FIRST_PAUSE = timedelta(milliseconds=100)
LONGEST_PAUSE = timedelta(seconds=5)
"""Pauses before a message whose handler failed goes back. The consumer holds it meanwhile, not the broker."""
LONGEST_REASON = 2000


class Rejected(Exception):
    """Raised by a handler for what can never be handled: it is a dead letter at once, with this reason."""


class Consumer:
    """Gives the messages of a queue to a handler while it runs: `async with Consumer(...):`.

    A message is acknowledged after its handler has returned, so commit the effect in the handler (with an
    `Inbox`, because a message may come again). A handler that raises has the message delivered again
    after a pause of 0.1 to 5 seconds; after the last delivery the queue allows, it becomes a dead letter
    with the error as its reason; one that raises `Rejected` makes it one at once. Leaving the block takes
    no more messages and waits for the handlers that run; `await consumer.run()` instead goes on until
    `stop` is called.

    Args:
        transport: where the queue is.
        queue: its name; it is declared if need be.
        handler: takes one message at a time, up to `prefetch` of them at once.
        prefetch: messages held, and handlers that run, at once. 1 keeps the queue's order.
        delivery_limit: deliveries of one message, the first included. A consumer that is killed uses up
            one for each message it held.

    Raises:
        InvalidInput: `prefetch` or `delivery_limit` is under 1.
    """

    def __init__(
        self,
        transport: Transport,
        queue: str,
        handler: Handler,
        *,
        prefetch: int = PREFETCH,
        delivery_limit: int = DELIVERY_LIMIT,
    ) -> None:
        if prefetch < 1 or delivery_limit < 1:
            raise InvalidInput("prefetch and delivery_limit are at least 1")
        self._transport = transport
        self._queue = queue
        self._prefetch = prefetch
        self._limit = delivery_limit
        self._threads = None if _is_async(handler) else ThreadPoolExecutor(prefetch, "procession-consumer")
        self._handler = handler
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.run(), name=f"procession consumer of {self._queue}")
        self._task.add_done_callback(self._ended)
        return self

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Say so at once: the block may go on for long, and raises it only when it is left."""
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("queue %s is not consumed any more: %s", self._queue, error)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._task is not None:
            await self._task

    def stop(self) -> None:
        """Take no more messages; `run` returns when the handlers that run have returned."""
        self._stopping.set()

    async def run(self) -> None:
        """Consume until `stop` is called, or the queue cannot be used.

        Raises:
            WrongState: the queue exists with another delivery limit.
        """
        try:
            async with self._transport.receive(
                self._queue, prefetch=self._prefetch, delivery_limit=self._limit
            ) as receiver:
                await self._consume(receiver)
        finally:
            if self._threads is not None:
                self._threads.shutdown(wait=False)

    async def _consume(self, receiver: Receiver) -> None:
        stopper = asyncio.create_task(self._stop_when_asked(receiver))
        handling: set[asyncio.Task[None]] = set()
        try:
            async for delivery in receiver:
                task = asyncio.create_task(self._handle(delivery))
                handling.add(task)
                task.add_done_callback(handling.discard)
        except asyncio.CancelledError:
            for task in handling:
                task.cancel()
            raise
        finally:
            stopper.cancel()
            await asyncio.gather(*handling, return_exceptions=True)

    async def _stop_when_asked(self, receiver: Receiver) -> None:
        await self._stopping.wait()
        await receiver.stop()

    async def _handle(self, delivery: Delivery) -> None:
        message = delivery.message
        try:
            await self._call(message)
        except (Exception, SystemExit) as error:  # a handler ends its own try, never the consumer
            await self._failed(delivery, error)
            return
        await self._settle(delivery.acknowledge(), message)

    async def _call(self, message: Message) -> None:
        if self._threads is None:
            await cast(Awaitable[object], self._handler(message))
        else:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._handler, message)

    async def _failed(self, delivery: Delivery, error: BaseException) -> None:
        message = delivery.message
        rejected = isinstance(error, Rejected)
        reason = (str(error) if rejected else f"{type(error).__name__}: {error}")[:LONGEST_REASON]
        if rejected or message.attempt >= self._limit:
            log.error("message %s of %s is a dead letter: %s", message.id, self._queue, reason)
            await self._settle(delivery.bury(reason), message)
            return
        log.warning(
            "delivery %d of message %s of %s failed: %s", message.attempt, message.id, self._queue, reason
        )
        first, longest = FIRST_PAUSE.total_seconds(), LONGEST_PAUSE.total_seconds()
        await self._rest(seconds_after(message.attempt - 1, first, longest))
        await self._settle(delivery.requeue(), message)

    async def _rest(self, seconds: float) -> None:
        """Wait, unless it is to stop."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _settle(self, settling: Awaitable[bool], message: Message) -> None:
        try:
            held = await settling
        except Exception as error:  # it is delivered again, as after any other failure
            log.warning("message %s of %s could not be settled: %s", message.id, self._queue, error)
            return
        if not held:
            log.info("message %s of %s was held no more and is delivered again", message.id, self._queue)


def _is_async(handler: Handler) -> bool:
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(
        getattr(handler, "__call__", None)  # noqa: B004 - an object may have an async __call__
    )
