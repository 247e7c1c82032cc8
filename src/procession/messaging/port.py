"""The port to whatever carries messages: RabbitMQ, or tables of a database."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from types import TracebackType
from typing import Self

import msgspec

from procession.errors import ProcessionError
from procession.messaging.message import Message

DELIVERY_LIMIT = 10
"""Deliveries of one message before it is a dead letter."""


class Addressed(msgspec.Struct, frozen=True):
    """A message and the queue it goes to."""

    queue: str
    message: Message


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A message that was given up."""

    queue: str
    """Where it was to be consumed."""
    message: Message
    """As it was sent; `attempt` counts its deliveries."""
    reason: str
    """The error of the last handler, or that its consumers ended without an answer."""
    died_at: datetime


class Delivery(ABC):
    """A message this consumer holds. Exactly one of its methods settles it.

    Each answers whether the message was still held; False means that the connection or the lease was
    lost meanwhile, nothing was changed, and the message is delivered again.
    """

    message: Message

    @abstractmethod
    async def acknowledge(self) -> bool:
        """It is done, and never delivered again."""

    @abstractmethod
    async def requeue(self) -> bool:
        """Deliver it again, to anybody; this delivery counts."""

    @abstractmethod
    async def bury(self, reason: str) -> bool:
        """Make it a dead letter. It is in one place at least at any moment, and in both if this fails."""


class Receiver(AsyncIterator[Delivery]):
    """The deliveries of one queue. Iteration waits; it ends after `stop`.

    A lost connection ends no iteration: it connects again with growing pauses. What was held then is
    delivered again. What was yielded and is not settled is held: leases are renewed for it.
    """

    @abstractmethod
    async def stop(self) -> None:
        """Take no more. What was not yielded yet goes back; what was can still be settled."""


class Transport(ABC):
    """Carries messages from those who publish to one of those who receive, at least once.

    Queues are durable and in order until something is delivered again. A message that was delivered as
    often as its queue allows becomes a dead letter with a reason. No delay is kept here. One transport
    belongs to one event loop. It connects when it is first used, and again when it has to; a call that
    finds nobody there raises `NotReady` and may be repeated.
    """

    name: str
    """What it is connected to, without a password."""

    @abstractmethod
    async def declare(self, queue: str, *, delivery_limit: int = DELIVERY_LIMIT) -> None:
        """Make a queue, if it is not there. Its limit cannot be changed while it exists.

        Raises:
            WrongState: it is there with another delivery limit.
            NotReady: the transport cannot be reached.
        """

    @abstractmethod
    async def publish(self, messages: Sequence[Addressed]) -> list[ProcessionError | None]:
        """Publish messages in their order. Answers for each: None if it is stored for good, or
        - `NotFound`: the queue does not exist, and the message was not kept;
        - `ResourceExhausted`: it was refused for now, and not kept;
        - `NotReady`: the transport is away; the message may have been kept or not. One such answer means
          that those behind it have the same, or were not kept.
        """

    @abstractmethod
    def receive(
        self, queue: str, *, prefetch: int, delivery_limit: int = DELIVERY_LIMIT
    ) -> AbstractAsyncContextManager[Receiver]:
        """Consume a queue, which is declared if need be. At most `prefetch` messages are held at a time.

        Leaving the context waits for nothing: what is held and not settled is delivered again.

        Raises:
            WrongState: the queue is there with another delivery limit.
        """

    @abstractmethod
    async def dead_letters(self, *, queue: str | None = None, limit: int = 100) -> list[DeadLetter]:
        """The dead letters of one queue or all, oldest first. They stay where they are.

        Raises:
            NotReady: the transport cannot be reached.
        """

    @abstractmethod
    async def retry_dead(self, *, queue: str | None = None, message_id: str | None = None) -> int:
        """Put dead letters back into their queues, where their deliveries count from 1 again.

        All, those of one queue, or those of one message id; those that die during the call do not count.
        Answers how many. Each is in one place at least at any moment.

        Raises:
            NotFound: the queue of one of them does not exist any more; it stays a dead letter.
            NotReady: the transport cannot be reached.
        """

    @abstractmethod
    async def drop_dead(self, *, queue: str | None = None, message_id: str | None = None) -> int:
        """Delete dead letters, chosen as in `retry_dead`. Answers how many.

        Raises:
            NotReady: the transport cannot be reached.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of everything. What is held and not settled is delivered again."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
