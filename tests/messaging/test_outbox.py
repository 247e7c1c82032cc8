"""The outbox and its relay, on each database, publishing to each transport's queues through one port."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from procession.errors import InvalidInput, NotReady, ProcessionError
from procession.messaging import Addressed, Consumer, Message, Outbox, Relay, Transport, connect
from procession.messaging.database import DatabaseTransport
from procession.messaging.tables import outbox as outbox_table

from .helpers import Collected, consume, soon, texts, until

QUEUE = "serviceQ.orders"


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
async def target(tmp_path: Path) -> AsyncIterator[Transport]:
    """Where to publish: queues in a database of their own."""
    async with connect(f"sqlite:///{tmp_path / 'queues.db'}") as transport:
        await transport.declare(QUEUE)
        yield transport


def waiting(engine: sa.Engine) -> int:
    """How many messages wait in the outbox."""
    with engine.connect() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(outbox_table)) or 0


async def emptied(engine: sa.Engine) -> None:
    async def empty() -> bool:
        return await asyncio.to_thread(waiting, engine) == 0

    await until(empty)


async def test_what_is_committed_is_published_and_deleted(
    engine: sa.Engine, outbox: Outbox, target: Transport
) -> None:
    # Given
    message = Message.with_json({"order": 1}, headers={"a": "b"}, reply_to="serviceQ", correlation="c")

    # When
    async with outbox.relay(engine, target):
        with Session(engine) as session, session.begin():
            outbox.send(session, QUEUE, message)
        received = await consume(target, QUEUE, 1)
        await emptied(engine)

    # Then
    assert received == [message]


async def test_what_is_rolled_back_is_never_published(
    engine: sa.Engine, outbox: Outbox, target: Transport
) -> None:
    # Given
    with Session(engine) as session:
        outbox.send(session, QUEUE, Message.with_json("rolled back"))
        session.rollback()

    # When
    async with outbox.relay(engine, target):
        with engine.begin() as connection:
            outbox.send(connection, QUEUE, Message.with_json("committed"))
        outbox.nudge()

        # Then
        (received,) = await consume(target, QUEUE, 1)
    assert received.json() == "committed"
    assert waiting(engine) == 0


async def test_asynchronous_services_have_it_too(
    engine: sa.Engine, async_url: sa.URL, outbox: Outbox, target: Transport
) -> None:
    # Given
    async_engine = create_async_engine(async_url)

    # When
    async with outbox.relay(async_engine, target):
        async with AsyncSession(async_engine) as session, session.begin():
            await outbox.send(session, QUEUE, *texts(3))
        async with async_engine.begin() as connection:
            await outbox.send(connection, QUEUE, Message.with_json(3))
        outbox.nudge()
        received = await consume(target, QUEUE, 4)
        await emptied(engine)
    await async_engine.dispose()

    # Then
    assert sorted(message.json() for message in received) == [0, 1, 2, 3]


async def test_a_message_of_another_process_is_found_without_a_nudge(
    engine: sa.Engine, outbox: Outbox, target: Transport
) -> None:
    # When
    async with outbox.relay(engine, target):
        with engine.begin() as connection:
            Outbox().send(connection, QUEUE, Message.with_json("from elsewhere"))

        # Then
        (received,) = await consume(target, QUEUE, 1)
    assert received.json() == "from elsewhere"


async def test_messages_of_a_key_arrive_in_order_through_several_relays(
    engine: sa.Engine, outbox: Outbox, target: Transport
) -> None:
    # Given
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    chance = random.Random(seed)
    keys = [f"order-{number}" for number in range(7)]
    sent: defaultdict[str, list[int]] = defaultdict(list)
    with engine.begin() as connection:
        for number in range(300):
            key = chance.choice(keys)
            sent[key].append(number)
            outbox.send(connection, QUEUE, Message.with_json(number, headers={"key": key}), ordering_key=key)
    collected = Collected(300)

    # When
    relays = [Relay(engine, target, outbox=outbox, batch=20) for _ in range(3)]
    async with relays[0], relays[1], relays[2], Consumer(target, QUEUE, collected, prefetch=1):
        messages = await collected.wait()

    # Then
    received: defaultdict[str, list[int]] = defaultdict(list)
    for message in messages:
        received[message.headers["key"]].append(message.json())
    assert received == sent


async def test_a_queue_that_is_missing_holds_up_its_own_keys_only(
    engine: sa.Engine, outbox: Outbox, target: Transport, caplog: pytest.LogCaptureFixture
) -> None:
    # Given
    with engine.begin() as connection:
        outbox.send(connection, "late", Message.with_json("first"), ordering_key="a")
        outbox.send(connection, QUEUE, Message.with_json("second"), ordering_key="a")
        outbox.send(connection, QUEUE, Message.with_json("other"), ordering_key="b")

    # When
    relay = Relay(engine, target)
    while await soon(relay.relay_batch()):
        pass
    await soon(relay.relay_batch())
    (before,) = await consume(target, QUEUE, 1)
    await target.declare("late")
    async with relay:
        (late,) = await consume(target, "late", 1)
        (after,) = await consume(target, QUEUE, 1)

    # Then
    assert [before.json(), late.json(), after.json()] == ["other", "first", "second"]
    assert "late" in caplog.text


class Away(DatabaseTransport):
    """A transport whose answers are lost as often as it is told; what it was given is kept."""

    lost = 0

    async def publish(self, messages: Sequence[Addressed]) -> list[ProcessionError | None]:
        answers = await super().publish(messages)
        if self.lost and messages:
            self.lost -= 1
            return [NotReady("the answer was lost")] * len(messages)
        return answers


async def test_a_lost_answer_makes_a_second_message_with_the_same_id(
    engine: sa.Engine, outbox: Outbox, tmp_path: Path
) -> None:
    # Given
    async with Away(sa.create_engine(f"sqlite:///{tmp_path / 'queues.db'}")) as away:
        await away.declare(QUEUE)
        away.lost = 2
        message = Message.with_json("sent three times")

        # When
        async with outbox.relay(engine, away):
            with Session(engine) as session, session.begin():
                outbox.send(session, QUEUE, message)
            received = await consume(away, QUEUE, 3)
            await emptied(engine)

    # Then
    assert received == [message] * 3


async def test_a_relay_that_died_is_replaced_when_its_lease_ends(
    engine: sa.Engine, outbox: Outbox, target: Transport
) -> None:
    # Given
    with engine.begin() as connection:
        outbox.send(connection, QUEUE, *texts(3), ordering_key="a")

    class Dies(Exception):
        pass

    class Deadly(Relay):
        async def relay_batch(self) -> bool:
            from procession.messaging import claims

            claim = None
            while claim is None or not claim.rows:
                claim = await self._transactions.run(claims.claim, "dead", 10, timedelta(milliseconds=300))
            return False

    await soon(Deadly(engine, target).relay_batch())

    # When
    async with outbox.relay(engine, target):
        received = await consume(target, QUEUE, 3, prefetch=1)

    # Then
    assert [message.json() for message in received] == [0, 1, 2]


async def test_a_relay_whose_lease_ended_deletes_nothing(
    engine: sa.Engine, outbox: Outbox, target: Transport
) -> None:
    # Given
    from procession.messaging import claims

    with engine.begin() as connection:
        outbox.send(connection, QUEUE, Message.with_json("kept"))

    def claim(owner: str) -> claims.Claim:
        while True:
            with engine.begin() as connection:
                found = claims.claim(connection, owner, 10, timedelta(0))
            if found is not None and found.rows:
                return found

    stale = claim("one")
    current = claim("other")

    # When
    with engine.begin() as connection:
        held = claims.finish(connection, "one", stale, [row.id for row in stale.rows], [])

    # Then
    assert not held
    assert waiting(engine) == 1
    with engine.begin() as connection:
        assert claims.finish(connection, "other", current, [row.id for row in current.rows], [])
    assert waiting(engine) == 0


@pytest.mark.parametrize("name", ["", "q" * 256, "a\0b"])
def test_names_that_do_not_fit_are_refused(engine: sa.Engine, outbox: Outbox, name: str) -> None:
    with engine.begin() as connection, pytest.raises(InvalidInput):
        outbox.send(connection, name, Message.with_json(1))


def test_a_connection_that_commits_by_itself_is_refused(engine: sa.Engine, outbox: Outbox) -> None:
    with (
        engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection,
        pytest.raises(InvalidInput),
    ):
        outbox.send(connection, QUEUE, Message.with_json(1))
