"""Which queues there are on the broker, and with which arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiormq

from procession.errors import WrongState

if TYPE_CHECKING:
    from aio_pika.abc import AbstractChannel, AbstractQueue
    from aiormq.abc import FieldTable

DEAD_LETTERS = "procession.dead-letters"
"""The queue of all dead letters of a virtual host."""
_NEVER = 1_000_000_000
"""A delivery limit for dead letters, because looking at one is a delivery (RabbitMQ 4 has a limit of 20)."""

# The broker confirms a dead letter to itself before it forgets the message (RabbitMQ 3.10 and newer);
# that needs an overflow that drops nothing.
_SAFELY = {"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}


async def declare(channel: AbstractChannel, queue: str, delivery_limit: int) -> AbstractQueue:
    """Declare a queue and the one of dead letters. The channel is closed if that fails.

    Raises:
        WrongState: the queue exists with other arguments.
    """
    await declare_dead_letters(channel)
    arguments: FieldTable = {
        "x-queue-type": "quorum",
        "x-delivery-limit": delivery_limit - 1,  # the broker counts the deliveries after the first
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": DEAD_LETTERS,
        **_SAFELY,
    }
    try:
        return await channel.declare_queue(queue, durable=True, arguments=arguments)
    except aiormq.exceptions.ChannelPreconditionFailed as error:
        raise WrongState(
            f"queue {queue} exists with other arguments than delivery_limit={delivery_limit} asks for: "
            f"{error}; use the limit it was made with, or delete the queue when it is empty"
        ) from error


async def declare_dead_letters(channel: AbstractChannel) -> AbstractQueue:
    """Declare the queue of dead letters."""
    arguments: FieldTable = {"x-queue-type": "quorum", "x-delivery-limit": _NEVER}
    return await channel.declare_queue(DEAD_LETTERS, durable=True, arguments=arguments)
