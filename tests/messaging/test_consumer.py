"""Handlers, on every transport."""

from __future__ import annotations

import asyncio
import threading

import pytest

from procession.errors import InvalidInput, WrongState
from procession.messaging import Consumer, Message, Transport

from .helpers import Collected, consume, publish, soon, texts, until


async def test_a_handler_that_fails_gets_the_message_again(transport: Transport, queue: str) -> None:
    # Given
    seen: list[int] = []
    done = asyncio.Event()

    async def handle(message: Message) -> None:
        seen.append(message.attempt)
        if len(seen) < 3:
            raise ValueError("not yet")
        done.set()

    # When
    await transport.declare(queue)
    await publish(transport, queue, Message.with_json("try"))
    async with Consumer(transport, queue, handle):
        await soon(done.wait())

    # Then
    assert seen == [1, 2, 3]
    assert await transport.dead_letters(queue=queue) == []


async def test_after_its_limit_a_message_is_a_dead_letter_with_the_reason(
    transport: Transport, queue: str
) -> None:
    # Given
    message = Message.with_json({"bad": True}, headers={"tenant": "a"}, correlation="c", reply_to="r")

    async def handle(message: Message) -> None:
        raise ValueError(f"cannot take it, attempt {message.attempt}")

    # When
    await transport.declare(queue, delivery_limit=2)
    await publish(transport, queue, message)
    async with Consumer(transport, queue, handle, delivery_limit=2):
        (letter,) = await until(lambda: transport.dead_letters(queue=queue))

    # Then
    assert letter.queue == queue
    assert letter.reason == "ValueError: cannot take it, attempt 2"
    assert letter.message.attempt == 2
    assert (letter.message.id, letter.message.body) == (message.id, message.body)
    assert (letter.message.headers, letter.message.correlation, letter.message.reply_to) == (
        {"tenant": "a"},
        "c",
        "r",
    )
    assert letter.died_at.year >= 2024


async def test_a_poison_message_does_not_block_the_queue(transport: Transport, queue: str) -> None:
    # Given
    poison = Message.with_json("poison")
    good = texts(20)
    handled = Collected(20)

    async def handle(message: Message) -> None:
        if message.id == poison.id:
            raise RuntimeError("poison")
        await handled(message)

    # When
    await transport.declare(queue, delivery_limit=3)
    await publish(transport, queue, poison, *good)
    async with Consumer(transport, queue, handle, prefetch=1, delivery_limit=3):
        messages = await handled.wait()
        (letter,) = await until(lambda: transport.dead_letters(queue=queue))

    # Then
    assert sorted(message.json() for message in messages) == list(range(20))
    assert letter.message.id == poison.id


async def test_handlers_run_beside_each_other_up_to_the_prefetch(transport: Transport, queue: str) -> None:
    # Given
    meeting = asyncio.Barrier(4)

    async def handle(message: Message) -> None:
        await meeting.wait()

    # When
    await transport.declare(queue)
    await publish(transport, queue, *texts(3))
    async with Consumer(transport, queue, handle, prefetch=3):
        # Then
        await soon(meeting.wait())  # three handlers and this test are here at once


async def test_a_plain_function_runs_on_a_thread(transport: Transport, queue: str) -> None:
    # Given
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    threads: list[str] = []

    def handle(message: Message) -> None:
        threads.append(threading.current_thread().name)
        loop.call_soon_threadsafe(done.set)

    # When
    await transport.declare(queue)
    await publish(transport, queue, Message.with_json(1))
    async with Consumer(transport, queue, handle):
        await soon(done.wait())

    # Then
    assert threads[0].startswith("procession-consumer")


async def test_stopping_finishes_what_is_held(transport: Transport, queue: str) -> None:
    # Given
    began, go_on = asyncio.Event(), asyncio.Event()
    finished: list[Message] = []

    async def handle(message: Message) -> None:
        began.set()
        await go_on.wait()
        finished.append(message)

    await transport.declare(queue)
    first, second = texts(2)
    await publish(transport, queue, first, second)

    # When
    consumer = Consumer(transport, queue, handle, prefetch=1)
    running = asyncio.create_task(consumer.run())
    await soon(began.wait())
    consumer.stop()
    go_on.set()
    await soon(running)

    # Then
    assert finished == [first]
    (left,) = await consume(transport, queue, 1)
    assert left.id == second.id


async def test_a_queue_with_another_limit_ends_the_consumer(transport: Transport, queue: str) -> None:
    # Given
    await transport.declare(queue, delivery_limit=3)

    # When / Then
    with pytest.raises(WrongState, match="delivery_limit=4"):
        await soon(Consumer(transport, queue, Collected(1), delivery_limit=4).run())


@pytest.mark.parametrize("option", ["prefetch", "delivery_limit"])
async def test_numbers_under_one_are_refused(transport: Transport, queue: str, option: str) -> None:
    with pytest.raises(InvalidInput):
        Consumer(transport, queue, Collected(1), **{option: 0})
