"""Publishing with confirms."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import aiormq

from procession.errors import NotFound, NotReady, ProcessionError, ResourceExhausted
from procession.messaging.port import Addressed
from procession.messaging.rabbitmq.envelopes import envelope
from procession.messaging.rabbitmq.link import Link, close

if TYPE_CHECKING:
    import aio_pika
    from aio_pika.abc import AbstractChannel

CONFIRM_SECONDS = 15

Parcel = tuple[str, "aio_pika.Message"]
"""A queue and what goes there."""


class Publisher:
    """One channel with confirms; batches wait for each other."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._channel: AbstractChannel | None = None
        self._lock = asyncio.Lock()

    async def publish(self, messages: Sequence[Addressed]) -> list[ProcessionError | None]:
        """As `Transport.publish`."""
        return await self.send([(one.queue, envelope(one.message)) for one in messages])

    async def send(self, parcels: Sequence[Parcel]) -> list[ProcessionError | None]:
        """Publish AMQP messages; answers as `Transport.publish` does."""
        answers: list[ProcessionError | None] = []
        async with self._lock:
            for wave in _waves(parcels):
                away = next((answer for answer in answers if isinstance(answer, NotReady)), None)
                answers += [away] * len(wave) if away else await self._send(wave)
        return answers

    async def _send(self, wave: Sequence[Parcel]) -> list[ProcessionError | None]:
        try:
            channel = await self._open()
        except NotReady as error:
            return [error] * len(wave)
        exchange = channel.default_exchange
        sending = (
            exchange.publish(message, queue, mandatory=True, timeout=CONFIRM_SECONDS)
            for queue, message in wave
        )
        results = await asyncio.gather(*sending, return_exceptions=True)
        answers = [self._answer(queue, result) for (queue, _), result in zip(wave, results, strict=True)]
        if any(isinstance(answer, NotReady) for answer in answers):
            await self.close()  # what is confirmed late must not be taken for something else
        return answers

    async def _open(self) -> AbstractChannel:
        if self._channel is None or self._channel.is_closed:
            self._channel = await self._link.channel()
        return self._channel

    def _answer(self, queue: str, result: object) -> ProcessionError | None:
        if isinstance(result, aiormq.exceptions.PublishError):
            return NotFound(
                f"queue {queue} does not exist on {self._link.name}; a consumer or declare() makes it"
            )
        if isinstance(result, aiormq.exceptions.DeliveryError):
            return ResourceExhausted(f"{self._link.name} refused a message for queue {queue}")
        if isinstance(result, BaseException):
            return NotReady(f"{self._link.name} did not confirm a message: {result or type(result).__name__}")
        return None

    async def close(self) -> None:
        if self._channel is not None:
            await close(self._channel)
            self._channel = None


def _waves(parcels: Sequence[Parcel]) -> Iterator[Sequence[Parcel]]:
    """Parts in which no id comes twice: a message that the broker returns is told by its id."""
    begin, ids = 0, set[str | None]()
    for number, (_, message) in enumerate(parcels):
        if message.message_id in ids:
            yield parcels[begin:number]
            begin, ids = number, set()
        ids.add(message.message_id)
    if begin < len(parcels):
        yield parcels[begin:]
