"""The two services: each applies what it is asked once, in a database of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from procession.messaging import Consumer, Inbox, Message, Outbox, connect, create_tables
from procession.process.cases import service_queue

metadata = sa.MetaData()
# Nothing here keeps an effect from being there twice: that is what is to be shown.
effect = sa.Table(
    "effect",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("request", sa.String(255), nullable=False),
    sa.Column("command", sa.String(64), nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
)
LEASE = timedelta(seconds=5)


class Service:
    """One of them."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.deliveries: Counter[str] = Counter()
        self._engine = sa.create_engine(
            f"sqlite:///{folder / f'{name}.db'}", connect_args={"timeout": 30, "check_same_thread": False}
        )
        create_tables(self._engine)
        metadata.create_all(self._engine)
        self._inbox = Inbox()
        self._outbox = Outbox()

    def handle(self, message: Message) -> None:
        """Apply it once, and answer once."""
        self.deliveries[message.id] += 1
        assert message.reply_to is not None
        with (
            Session(self._engine) as session,
            session.begin(),
            self._inbox.once(message.id, session) as first,
        ):
            if first:
                body = message.json()
                values = {"request": message.id, "command": message.headers["command"], "body": body}
                session.execute(effect.insert().values(values))
                self._outbox.send(session, message.reply_to, message.answer(body["amount"]))

    @asynccontextmanager
    async def working(self, broker: str) -> AsyncIterator[None]:
        """While this is entered, it works."""
        async with (
            connect(broker, lease=LEASE) as transport,
            self._outbox.relay(self._engine, transport),
            Consumer(transport, service_queue(self.name), self.handle, prefetch=1),
        ):
            yield

    def effects(self) -> list[Any]:
        """What it has applied: request, command, body."""
        with self._engine.connect() as connection:
            query = sa.select(effect.c.request, effect.c.command, effect.c.body)
            found = list(connection.execute(query))
        self._engine.dispose()
        return found
