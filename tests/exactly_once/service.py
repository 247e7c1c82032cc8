"""The service that is killed: it takes requests, applies each once, and answers."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from procession.errors import ProcessionError
from procession.messaging import Addressed, Consumer, Inbox, Message, Outbox, Relay, connect

from .points import Board, Point, Trail

REQUESTS = "serviceQ.accounts"
ANSWERS = "serviceQ"
NEVER = 1_000_000
"""A delivery limit: every kill is a delivery, and here there are more kills than anybody would bear."""
LEASE = timedelta(seconds=2)
PREFETCH = 4

metadata = sa.MetaData()
# Nothing here keeps an effect from being there twice: that is what is to be shown.
effect = sa.Table(
    "effect",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("request", sa.String(64), nullable=False),
    sa.Column("amount", sa.Integer, nullable=False),
    mysql_engine="InnoDB",
)
account = sa.Table(
    "account",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("balance", sa.BigInteger, nullable=False),
    mysql_engine="InnoDB",
)
_DRIVERS = {
    "sqlite": ("sqlite+pysqlite", "sqlite+aiosqlite"),
    "postgresql": ("postgresql+psycopg", "postgresql+psycopg"),
    "mariadb": ("mariadb+pymysql", "mariadb+asyncmy"),
}


class Birth(msgspec.Struct, frozen=True, kw_only=True):
    """What a service process is told."""

    slot: int
    slots: int
    board: str
    database: str
    transport: str
    asynchronous: bool
    deadly: Point | None
    after: int


def sync_engine(url: str) -> sa.Engine:
    """The service's database for code without await."""
    parsed = sa.make_url(url)
    sqlite = parsed.get_backend_name() == "sqlite"
    engine = sa.create_engine(
        parsed.set(drivername=_DRIVERS[parsed.get_backend_name()][0]),
        connect_args={"timeout": 30} if sqlite else {},
    )
    return _in_wal(engine, engine) if sqlite else engine


def async_engine(url: str) -> AsyncEngine:
    """The service's database for code with await."""
    parsed = sa.make_url(url)
    sqlite = parsed.get_backend_name() == "sqlite"
    engine = create_async_engine(
        parsed.set(drivername=_DRIVERS[parsed.get_backend_name()][1]),
        connect_args={"timeout": 30} if sqlite else {},
    )
    if sqlite:
        _in_wal(engine.sync_engine, engine.sync_engine)
    return engine


def _in_wal(engine: sa.Engine, target: sa.Engine) -> sa.Engine:
    @sa.event.listens_for(target, "connect")
    def durable(connection: sa.engine.interfaces.DBAPIConnection, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()

    return engine


class Service:
    """One process of the service."""

    def __init__(self, birth: Birth) -> None:
        self._birth = birth
        self._trail = Trail(Board(Path(birth.board), birth.slots), birth.slot, birth.deadly, birth.after)
        self._inbox = Inbox()
        self._outbox = Outbox()

    async def run(self) -> None:
        """Work until SIGTERM."""
        stopping = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
        url = self._birth.database
        engine = async_engine(url) if self._birth.asynchronous else sync_engine(url)
        handler = self._awaited(engine) if isinstance(engine, AsyncEngine) else self._plain(engine)
        async with connect(self._birth.transport, lease=LEASE) as transport:
            transport.publish = self._watched(transport.publish)  # type: ignore[method-assign]
            async with (
                Relay(engine, transport, outbox=self._outbox, lease=LEASE),
                Consumer(transport, REQUESTS, handler, prefetch=PREFETCH, delivery_limit=NEVER),
            ):
                await stopping.wait()

    def _plain(self, engine: sa.Engine) -> Callable[[Message], None]:
        def handle(message: Message) -> None:
            self._trail.at(Point.RECEIVED)
            with Session(engine) as session, session.begin():
                with self._inbox.once(message.id, session) as first:
                    self._trail.at(Point.RECORDED)
                    if first:
                        for statement in _effects(message):
                            session.execute(statement)
                        self._outbox.send(session, *_answer(message))
                self._trail.at(Point.APPLIED)
            self._trail.at(Point.COMMITTED)

        return handle

    def _awaited(self, engine: AsyncEngine) -> Callable[[Message], Awaitable[None]]:
        async def handle(message: Message) -> None:
            self._trail.at(Point.RECEIVED)
            async with AsyncSession(engine) as session, session.begin():
                async with self._inbox.once(message.id, session) as first:
                    self._trail.at(Point.RECORDED)
                    if first:
                        for statement in _effects(message):
                            await session.execute(statement)
                        await self._outbox.send(session, *_answer(message))
                self._trail.at(Point.APPLIED)
            self._trail.at(Point.COMMITTED)

        return handle

    def _watched(
        self, publish: Callable[[Sequence[Addressed]], Awaitable[list[ProcessionError | None]]]
    ) -> Callable[[Sequence[Addressed]], Awaitable[list[ProcessionError | None]]]:
        async def watched(messages: Sequence[Addressed]) -> list[ProcessionError | None]:
            answers = await publish(messages)
            if messages:
                self._trail.at(Point.PUBLISHED)
            return answers

        return watched


def _effects(message: Message) -> tuple[sa.Insert, sa.Update]:
    amount = message.json(int)
    return (
        effect.insert().values(request=message.id, amount=amount),
        account.update().values(balance=account.c.balance + amount),
    )


def _answer(message: Message) -> tuple[str, Message]:
    assert message.reply_to is not None
    return message.reply_to, message.answer({"applied": message.id})
