"""What the two services have in common: each message is applied once, and its answer leaves with that."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from procession.messaging import Consumer, Inbox, Message, Outbox, Transport, connect, create_tables
from procession.process.cases import service_queue

Command = Callable[[Session, Any], Any]
"""Applies the JSON of a request in a transaction, and answers with JSON."""


class Service:
    """Takes requests from its queue until it is told to stop."""

    def __init__(self, name: str, commands: Mapping[str, Command], metadata: sa.MetaData) -> None:
        self.name = name
        self._commands = commands
        self._metadata = metadata
        self.inbox = Inbox()
        self.outbox = Outbox()

    def make_tables(self, engine: sa.Engine) -> None:
        create_tables(engine)
        self._metadata.create_all(engine)

    def handle(self, engine: sa.Engine, message: Message) -> None:
        """Apply a request and leave its answer in the outbox, in one transaction, unless that was done."""
        assert message.reply_to is not None
        with Session(engine) as session, session.begin(), self.inbox.once(message.id, session) as first:
            if first:
                self.outbox.send(session, message.reply_to, self.apply(session, message))

    def apply(self, session: Session, message: Message) -> Message:
        """What a request asks for, and the answer to it."""
        return message.answer(self._commands[message.headers["command"]](session, message.json()))

    async def serve(self, engine: sa.Engine, transport: Transport) -> None:
        """Work until SIGTERM or SIGINT."""
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        consumer = Consumer(
            transport, service_queue(self.name), lambda message: self.handle(engine, message), prefetch=20
        )
        async with self.outbox.relay(engine, transport), consumer:
            await stopping.wait()


def database(url: str) -> sa.Engine:
    """An engine; two processes of a service may share its SQLite file."""
    return sa.create_engine(url, connect_args={"timeout": 30} if url.startswith("sqlite") else {})


async def run(service: Service, url: str, broker: str) -> None:
    """One process of a service."""
    engine = database(url)
    service.make_tables(engine)
    async with connect(broker) as transport:
        await service.serve(engine, transport)
    engine.dispose()
