"""What every transport promises: this suite runs on RabbitMQ, SQLite, PostgreSQL and MariaDB."""

from __future__ import annotations

import asyncio

import pytest

from procession.errors import NotFound, WrongState
from procession.messaging import Addressed, Message, Transport, connect

from .helpers import consume, publish, soon, texts


async def test_a_message_arrives_as_it_was_sent(transport: Transport, queue: str) -> None:
    # Given
    sent = Message(
        body=b"\x00\xff any bytes",
        headers={"tenant": "Łódź", "trace": "1"},
        reply_to="serviceQ",
        correlation="task-1",
    )
    await transport.declare(queue)

    # When
    answers = await publish(transport, queue, sent)
    (received,) = await consume(transport, queue, 1)

    # Then
    assert answers == [None]
    assert received == sent


async def test_messages_arrive_in_the_order_they_were_sent(transport: Transport, queue: str) -> None:
    # Given
    sent = texts(100)
    await transport.declare(queue)

    # When
    await publish(transport, queue, *sent)

    # Then
    assert await consume(transport, queue, 100, prefetch=1) == sent


async def test_a_large_message_arrives(transport: Transport, queue: str) -> None:
    # Given
    body = bytes(range(256)) * 8192
    await transport.declare(queue)

    # When
    await publish(transport, queue, Message(body=body))

    # Then
    assert (await consume(transport, queue, 1))[0].body == body


async def test_a_message_for_a_queue_that_is_missing_is_not_kept(transport: Transport, queue: str) -> None:
    # Given
    await transport.declare(queue)
    lost, kept = texts(2)

    # When
    answers = await soon(transport.publish([Addressed(f"{queue}.missing", lost), Addressed(queue, kept)]))

    # Then
    assert isinstance(answers[0], NotFound)
    assert "declare()" in answers[0].message
    assert answers[1] is None
    assert await consume(transport, queue, 1) == [kept]


async def test_the_same_id_may_be_sent_twice_at_once(transport: Transport, queue: str) -> None:
    # Given
    message = Message.with_json("twice")
    await transport.declare(queue)

    # When
    answers = await soon(
        transport.publish([Addressed(f"{queue}.missing", message), *[Addressed(queue, message)] * 2])
    )

    # Then
    assert isinstance(answers[0], NotFound)
    assert answers[1:] == [None, None]
    assert await consume(transport, queue, 2) == [message, message]


async def test_a_queue_is_declared_again_with_the_same_limit_only(transport: Transport, queue: str) -> None:
    # Given
    await transport.declare(queue, delivery_limit=3)

    # When
    await transport.declare(queue, delivery_limit=3)

    # Then
    with pytest.raises(WrongState, match="delivery_limit=4"):
        await transport.declare(queue, delivery_limit=4)
    assert await publish(transport, queue, Message.with_json(1)) == [None]


async def test_many_declare_at_once(transport_url: str, transport: Transport, queue: str) -> None:
    # Given
    others = [connect(transport_url) for _ in range(4)]

    # When
    await asyncio.gather(*(other.declare(queue) for other in others))

    # Then
    assert await publish(transport, queue, Message.with_json(1)) == [None]
    for other in others:
        await other.close()


async def test_no_more_is_held_than_the_prefetch(transport: Transport, queue: str) -> None:
    # Given
    await transport.declare(queue)
    await publish(transport, queue, *texts(3))

    # When
    async with transport.receive(queue, prefetch=2) as receiver:
        held = [await soon(anext(receiver)) for _ in range(2)]
        third = asyncio.create_task(anext(receiver))
        await asyncio.sleep(0.1)  # however long: with two held there is no third

        # Then
        assert not third.done()
        assert await held[0].acknowledge()
        assert (await soon(third)).message.json() == 2


async def test_two_consumers_share_a_queue(transport_url: str, transport: Transport, queue: str) -> None:
    # Given
    await transport.declare(queue)
    await publish(transport, queue, *texts(2))

    # When
    async with (
        connect(transport_url) as other,
        transport.receive(queue, prefetch=1) as first,
        other.receive(queue, prefetch=1) as second,
    ):
        held = [await soon(anext(first)), await soon(anext(second))]

    # Then
    assert sorted(one.message.json() for one in held) == [0, 1]


async def test_what_is_given_back_is_delivered_again_and_counted(transport: Transport, queue: str) -> None:
    # Given
    await transport.declare(queue)
    await publish(transport, queue, Message.with_json("again"))

    # When
    async with transport.receive(queue, prefetch=1) as receiver:
        attempts = []
        for _ in range(3):
            delivery = await soon(anext(receiver))
            attempts.append(delivery.message.attempt)
            assert await delivery.requeue()

    # Then
    assert attempts == [1, 2, 3]


async def test_what_was_held_by_one_who_left_is_delivered_to_others(
    transport_url: str, transport: Transport, queue: str
) -> None:
    # Given
    await transport.declare(queue)
    await publish(transport, queue, Message.with_json("held"))

    # When
    async with connect(transport_url) as gone, gone.receive(queue, prefetch=1) as receiver:
        held = await soon(anext(receiver))

    # Then
    (received,) = await consume(transport, queue, 1)
    assert received.id == held.message.id
    assert received.attempt == 2


async def test_what_was_acknowledged_never_comes_again(transport: Transport, queue: str) -> None:
    # Given
    await transport.declare(queue)
    first, last = texts(2)
    await publish(transport, queue, first)

    # When
    await consume(transport, queue, 1)
    await publish(transport, queue, last)

    # Then
    assert await consume(transport, queue, 1) == [last]


async def test_what_was_prefetched_but_not_taken_goes_back(
    transport_url: str, transport: Transport, queue: str
) -> None:
    # Given
    await transport.declare(queue)
    await publish(transport, queue, *texts(3))
    async with transport.receive(queue, prefetch=3) as receiver:
        taken = await soon(anext(receiver))

        # When
        await receiver.stop()

        # Then
        async with connect(transport_url) as other:
            rest = await consume(other, queue, 2)
        assert sorted(message.json() for message in rest) == [1, 2]
        assert await taken.acknowledge()
        with pytest.raises(StopAsyncIteration):
            await anext(receiver)
