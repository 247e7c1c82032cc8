"""What is done with dead letters, on every transport."""

from __future__ import annotations

from procession.messaging import Message, Transport

from .helpers import consume, publish, soon, texts


async def bury(transport: Transport, queue: str, *messages: Message) -> None:
    """Make messages dead letters."""
    await transport.declare(queue)
    await publish(transport, queue, *messages)
    async with transport.receive(queue, prefetch=1) as receiver:
        for _ in messages:
            delivery = await soon(anext(receiver))
            assert await delivery.bury(f"number {delivery.message.body.decode()}")


async def test_they_are_listed_oldest_first_and_stay(transport: Transport, queue: str) -> None:
    # Given
    await bury(transport, queue, *texts(3))

    # When
    await transport.dead_letters()
    listed = await transport.dead_letters(limit=2)

    # Then
    assert [letter.reason for letter in listed] == ["number 0", "number 1"]
    assert len(await transport.dead_letters()) == 3


async def test_they_are_listed_by_queue(transport: Transport, queue: str) -> None:
    # Given
    await bury(transport, queue, *texts(1))
    await bury(transport, f"{queue}.other", *texts(2))

    # When
    listed = await transport.dead_letters(queue=f"{queue}.other")

    # Then
    assert [letter.queue for letter in listed] == [f"{queue}.other"] * 2


async def test_one_that_is_retried_is_consumed_as_if_it_were_new(transport: Transport, queue: str) -> None:
    # Given
    one, other = texts(2)
    await bury(transport, queue, one, other)

    # When
    count = await transport.retry_dead(message_id=other.id)

    # Then
    assert count == 1
    assert await consume(transport, queue, 1) == [other]
    assert [letter.message.id for letter in await transport.dead_letters()] == [one.id]


async def test_all_of_a_queue_are_retried(transport: Transport, queue: str) -> None:
    # Given
    messages = texts(5)
    await bury(transport, queue, *messages)
    await bury(transport, f"{queue}.other", *texts(1))

    # When
    count = await transport.retry_dead(queue=queue)

    # Then
    assert count == 5
    assert await consume(transport, queue, 5, prefetch=1) == messages
    assert len(await transport.dead_letters()) == 1


async def test_those_that_are_dropped_are_gone(transport: Transport, queue: str) -> None:
    # Given
    one, other = texts(2)
    await bury(transport, queue, one, other)

    # When
    count = await transport.drop_dead(message_id=one.id)

    # Then
    assert count == 1
    assert [letter.message.id for letter in await transport.dead_letters()] == [other.id]
    assert await transport.drop_dead(queue=queue) == 1
    assert await transport.dead_letters() == []


async def test_an_id_that_is_not_dead_changes_nothing(transport: Transport, queue: str) -> None:
    # Given
    await bury(transport, queue, *texts(1))

    # When
    retried = await transport.retry_dead(message_id="unknown")
    dropped = await transport.drop_dead(message_id="unknown")

    # Then
    assert (retried, dropped) == (0, 0)
    assert len(await transport.dead_letters()) == 1
