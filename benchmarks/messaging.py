"""Messages through the outbox to RabbitMQ, beside plain aio-pika publishing with confirms.

Both publish to the same kind of queue (durable, quorum) of the same broker, as many at a time, in turns.
The outbox's way is measured apart (transactions of ten messages that write into it, then publishing and
deleting what has gathered: the bar) and end to end, where one process does both at the same time.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import aio_pika
import sqlalchemy as sa
from sqlalchemy.orm import Session

from benchmarks.databases import create_database, database_url
from benchmarks.measure import Figures, Scale, median, rate_async
from procession.messaging import Message, Outbox, Transport, connect, create_tables
from procession.messaging.relay import BATCH
from procession.messaging.tables import outbox as table
from tests.rabbitmq import own_rabbitmq

MESSAGES = 20_000
TURNS = 3
IN_A_TRANSACTION = 10
BODY = {"order": "A-0001", "amount": 129.9, "country": "PL", "lines": [{"sku": "X-1", "count": 2}] * 4}
QUEUE = "bench"
RATIOS = ("drained_ratio", "end_to_end_ratio")
PLAIN = "plain"


def measure(scale: Scale, folder: Path, case: str) -> Figures:
    """Messages per second: the medians of the turns, and what they are of plain publishing."""
    with own_rabbitmq() as broker:
        return asyncio.run(_measure(scale.count(MESSAGES), _engine(folder, case), broker.url))


async def _measure(count: int, engine: sa.Engine, url: str) -> Figures:
    turns = []
    try:
        async with connect(url) as transport:
            await transport.declare(QUEUE)
            await transport.declare(PLAIN)
            await _plain(count // 10, url)
            for _ in range(TURNS):
                plain = await _plain(count, url)
                written, drained = await _apart(count, engine, transport)
                whole = await _end_to_end(count, engine, transport)
                turns.append((plain, written, drained, whole, drained / plain, whole / plain))
    finally:
        engine.dispose()
    names = ("plain_per_s", "written_per_s", "drained_per_s", "end_to_end_per_s", *RATIOS)
    return {name: median([turn[number] for turn in turns]) for number, name in enumerate(names)}


def _engine(folder: Path, case: str) -> sa.Engine:
    if case == "sqlite":
        engine = sa.create_engine(f"sqlite:///{folder / 'outbox.db'}", connect_args={"timeout": 30})
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    else:
        url = database_url(folder, "outbox")
        create_database(url)
        engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    create_tables(engine)
    return engine


async def _plain(count: int, url: str) -> float:
    """What a program does that publishes in batches and waits for the confirms of each."""
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        exchange = channel.default_exchange

        async def publish() -> None:
            for begin in range(0, count, BATCH):
                batch = [Message.with_json(BODY) for _ in range(min(BATCH, count - begin))]
                await asyncio.gather(
                    *(
                        exchange.publish(
                            aio_pika.Message(
                                one.body, message_id=one.id, delivery_mode=aio_pika.DeliveryMode.PERSISTENT
                            ),
                            PLAIN,
                            mandatory=True,
                        )
                        for one in batch
                    )
                )

        return await rate_async(count, publish())


async def _apart(count: int, engine: sa.Engine, transport: Transport) -> tuple[float, float]:
    """Writing into the outbox, and then publishing what is there."""
    outbox = Outbox()
    written = await rate_async(count, asyncio.to_thread(_write, outbox, engine, count))
    return written, await rate_async(count, _relay(outbox, engine, transport))


async def _end_to_end(count: int, engine: sa.Engine, transport: Transport) -> float:
    outbox = Outbox()

    async def both() -> None:
        async with outbox.relay(engine, transport):
            await asyncio.to_thread(_write, outbox, engine, count)
            await _empty(engine)

    return await rate_async(count, both())


async def _relay(outbox: Outbox, engine: sa.Engine, transport: Transport) -> None:
    async with outbox.relay(engine, transport):
        await _empty(engine)


def _write(outbox: Outbox, engine: sa.Engine, count: int) -> None:
    for begin in range(0, count, IN_A_TRANSACTION):
        with Session(engine) as session, session.begin():
            for _ in range(min(IN_A_TRANSACTION, count - begin)):
                outbox.send(session, QUEUE, Message.with_json(BODY))


async def _empty(engine: sa.Engine) -> None:
    """Wait until nothing is left; asked rarely, because asking costs."""
    while await asyncio.to_thread(_left, engine):  # noqa: ASYNC110 - nobody tells when it is
        await asyncio.sleep(0.02)


def _left(engine: sa.Engine) -> bool:
    with engine.connect() as connection:
        return connection.scalar(sa.select(table.c.id).limit(1)) is not None
