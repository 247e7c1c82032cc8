"""What only database queues have: leases, and consumers that die without a word."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from procession.messaging import Message, connect
from procession.messaging.database import queues
from procession.messaging.database.transport import DatabaseTransport
from procession.messaging.tables import queued

from .helpers import consume, publish, soon, texts, until

NO_TIME = 0
LONG = 60_000


@pytest.fixture
async def transport(database_url: str) -> AsyncIterator[DatabaseTransport]:
    async with connect(database_url, lease=timedelta(seconds=1)) as opened:
        assert isinstance(opened, DatabaseTransport)
        yield opened


async def test_a_stale_lease_settles_nothing(
    transport: DatabaseTransport, engine: sa.Engine, queue: str
) -> None:
    # Given
    await transport.declare(queue)
    await publish(transport, queue, Message.with_json(1))
    with engine.begin() as connection:
        (stale,) = queues.lease(connection, queue, "one", 1, NO_TIME)
    with engine.begin() as connection:
        (current,) = queues.lease(connection, queue, "one", 1, LONG)

    # When
    with engine.begin() as connection:
        late = [
            queues.settle(connection, "one", [queues.Settlement(stale.id, stale.fence, dead, again)])
            for dead, again in [(False, False), (False, True), (True, False)]
        ]
        other = queues.settle(connection, "other", [queues.Settlement(current.id, current.fence)])

    # Then
    assert (late, other) == ([[False]] * 3, [False])
    with engine.begin() as connection:
        assert queues.settle(connection, "one", [queues.Settlement(current.id, current.fence)]) == [True]
        assert connection.scalar(sa.select(sa.func.count()).select_from(queued)) == 0


async def test_a_message_whose_consumers_died_is_a_dead_letter_and_what_is_behind_it_arrives(
    transport: DatabaseTransport, engine: sa.Engine, queue: str
) -> None:
    # Given
    await transport.declare(queue, delivery_limit=2)
    deadly, good = texts(2)
    await publish(transport, queue, deadly)
    for _ in range(2):
        with engine.begin() as connection:
            assert queues.lease(connection, queue, "dies", 1, NO_TIME)

    # When
    await publish(transport, queue, good)
    received = await consume(transport, queue, 1, prefetch=1, delivery_limit=2)

    # Then
    assert received == [good]
    (letter,) = await transport.dead_letters(queue=queue)
    assert letter.message.id == deadly.id
    assert letter.message.attempt == 2
    assert letter.reason.startswith("delivery_limit")


async def test_a_lease_is_renewed_while_its_consumer_lives(
    transport: DatabaseTransport, engine: sa.Engine, queue: str
) -> None:
    # Given
    await transport.declare(queue)
    await publish(transport, queue, Message.with_json(1))

    def leased_until() -> int:
        with engine.connect() as connection:
            return connection.scalar(sa.select(queued.c.leased_until)) or 0

    # When
    async with transport.receive(queue, prefetch=1) as receiver:
        held = await soon(anext(receiver))
        first = leased_until()

        async def renewed() -> bool:
            return leased_until() > first

        # Then
        await until(renewed)
        assert await held.acknowledge()


async def test_more_dead_letters_than_are_retried_at_once_are_retried(
    transport: DatabaseTransport, engine: sa.Engine, queue: str
) -> None:
    # Given
    await transport.declare(queue)
    await publish(transport, queue, *texts(queues.RETRIED_AT_ONCE + 5))
    with engine.begin() as connection:
        held = queues.lease(connection, queue, "one", queues.RETRIED_AT_ONCE + 5, LONG)
        queues.settle(
            connection, "one", [queues.Settlement(one.id, one.fence, dead=True, reason="no") for one in held]
        )

    # When
    count = await transport.retry_dead(queue=queue)

    # Then
    assert count == queues.RETRIED_AT_ONCE + 5
    assert await transport.dead_letters() == []
