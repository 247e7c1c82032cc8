"""What only RabbitMQ has: a broker that goes away, other programs' messages, its own dead letters."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import aio_pika
import pytest
from aiormq.abc import ChannelFrame
from pamqp import commands as spec
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

from procession.errors import NotReady
from procession.messaging import Consumer, Message, connect
from tests.rabbitmq import RabbitMQ, own_rabbitmq

from .helpers import Collected, consume, publish, soon, texts, until

SETTLED = 2.0
"""Seconds after which a quorum queue is sure to be there after a SIGKILL.

RabbitMQ 3.10 confirms a new queue, and what is published to it, before its directory of queues is on
disk, which it writes every half second: killed earlier, it comes back with a queue that elects no leader.
"""


@pytest.fixture(scope="module")
def broker() -> Iterator[RabbitMQ]:
    """A broker that may be restarted."""
    with own_rabbitmq() as own:
        yield own


@pytest.fixture
async def channel(rabbitmq: RabbitMQ) -> AsyncIterator[aio_pika.abc.AbstractChannel]:
    """Another program's channel."""
    async with await aio_pika.connect(rabbitmq.url) as connection:
        yield await connection.channel()


async def test_nothing_is_lost_when_the_broker_is_killed(broker: RabbitMQ) -> None:
    # Given
    queue = uuid4().hex
    collected = Collected(40)
    async with connect(broker.url) as transport:
        await transport.declare(queue)
        assert await publish(transport, queue, *texts(20)) == [None] * 20
        await asyncio.sleep(SETTLED)
        async with Consumer(transport, queue, collected, prefetch=1):
            # When
            await asyncio.to_thread(broker.stop, signal.SIGKILL)
            (answer,) = await publish(transport, queue, Message.with_json("nobody there"))
            await asyncio.to_thread(broker.start)

            async def published() -> bool:
                return (await publish(transport, queue, *texts(1))) == [None]

            await until(published)
            await publish(transport, queue, *[Message.with_json(number) for number in range(20, 40)])

            # Then
            assert isinstance(answer, NotReady)

            async def all_there() -> bool:
                return {message.body for message in collected.messages} >= {b"%d" % n for n in range(40)}

            await until(all_there)


async def test_a_broker_that_is_not_there_is_an_error_that_says_so(broker: RabbitMQ) -> None:
    # Given
    await asyncio.to_thread(broker.stop)
    try:
        async with connect(broker.url) as transport:
            # When / Then
            with pytest.raises(NotReady, match=r"127\.0\.0\.1"):
                await soon(transport.declare("any"))
            with pytest.raises(NotReady) as raised:
                await soon(transport.dead_letters())
            assert "guest:guest" not in str(raised.value)
    finally:
        await asyncio.to_thread(broker.start)


async def test_a_wrong_password_is_an_error_that_says_so(rabbitmq: RabbitMQ) -> None:
    async with connect(rabbitmq.url.replace("guest:guest", "guest:wrong")) as transport:
        with pytest.raises(NotReady, match=r"(?i)auth|refused"):
            await soon(transport.declare("any"))


async def test_a_message_that_its_consumers_never_answer_is_a_dead_letter_of_the_broker(
    rabbitmq: RabbitMQ, queue: str
) -> None:
    # Given
    async with connect(rabbitmq.url) as transport:
        await transport.declare(queue, delivery_limit=2)
        await publish(transport, queue, Message.with_json("deadly", id="m-1", headers={"a": "b"}))

        # When
        for _ in range(2):
            async with transport.receive(queue, prefetch=1, delivery_limit=2) as receiver:
                await soon(anext(receiver))

        # Then
        (letter,) = await until(lambda: transport.dead_letters(queue=queue))
        assert letter.reason.startswith("delivery_limit")
        assert letter.message.id == "m-1"
        assert letter.message.headers == {"a": "b"}
        assert letter.died_at.year >= 2024
        assert await transport.retry_dead(queue=queue) == 1
        (again,) = await consume(transport, queue, 1, delivery_limit=2)
        assert again.attempt == 1


async def test_a_message_of_another_program_arrives(
    rabbitmq: RabbitMQ, channel: aio_pika.abc.AbstractChannel, queue: str
) -> None:
    # Given
    async with connect(rabbitmq.url) as transport:
        await transport.declare(queue)

        # When
        foreign = aio_pika.Message(b"{}", message_id="foreign", headers={"number": 1, "text": "a"})
        await channel.default_exchange.publish(foreign, queue)

        # Then
        (message,) = await consume(transport, queue, 1)
        assert (message.id, message.headers) == ("foreign", {"number": "1", "text": "a"})


async def publish_without_id(channel: aio_pika.abc.AbstractChannel, queue: str, body: bytes) -> None:
    """Publish as programs may; the library gives each message an id."""
    underlay = await channel.get_underlay_channel()
    frames = [spec.Basic.Publish(routing_key=queue), ContentHeader(body_size=len(body)), ContentBody(body)]
    await underlay.write_queue.put(ChannelFrame.marshall(channel_number=underlay.number, frames=frames))


async def test_a_message_without_an_id_is_a_dead_letter_at_once(
    rabbitmq: RabbitMQ, channel: aio_pika.abc.AbstractChannel, queue: str
) -> None:
    # Given
    async with connect(rabbitmq.url) as transport:
        await transport.declare(queue)

        # When
        await publish_without_id(channel, queue, b"who am I")
        await publish(transport, queue, Message.with_json("good"))
        (message,) = await consume(transport, queue, 1)

        # Then
        assert message.json() == "good"
        (letter,) = await transport.dead_letters(queue=queue)
        assert "no message id" in letter.reason
        await transport.drop_dead(queue=queue)


async def test_a_queue_that_is_deleted_is_made_again(
    rabbitmq: RabbitMQ, channel: aio_pika.abc.AbstractChannel, queue: str
) -> None:
    # Given
    collected = Collected(2)
    async with connect(rabbitmq.url) as transport, Consumer(transport, queue, collected):

        async def published() -> bool:
            return (await publish(transport, queue, Message.with_json(1))) == [None]

        await until(published)

        # When
        await channel.queue_delete(queue)
        await until(published)

        # Then
        await collected.wait()
