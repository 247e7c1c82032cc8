"""Forks workers of cases."""

from __future__ import annotations

import functools
from datetime import timedelta

import msgspec

from procession import Procession
from procession.broker import node
from procession.messaging import connect
from procession.messaging.database import DatabaseTransport
from procession.messaging.rabbitmq import RabbitMQTransport
from procession.process.cases import CaseManager, manager
from procession.storage.postgresql import PostgreSQLStorage
from procession.storage.sqlite import SQLiteStorage
from tests.forkserver import serve, until_asked_to_end

from .points import Point, trail, watch
from .transfers import Transfer

_LOADED = (DatabaseTransport, RabbitMQTransport, SQLiteStorage, PostgreSQLStorage, node)
LEASE = timedelta(seconds=2)
"""Of messages in database queues: those of a worker that was killed come again so much later."""


class Birth(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker is told."""

    database: str
    broker: str
    keys: list[str]
    deadly: Point | None
    after: int


async def _work(birth: Birth) -> None:
    """Work until SIGTERM."""
    trail.set(birth.deadly, birth.after)
    vars(manager)["connect"] = functools.partial(connect, lease=LEASE)
    cases = CaseManager(Procession(birth.database), broker=birth.broker, keys=birth.keys)
    cases.register(Transfer)
    async with cases.app:
        await until_asked_to_end()


if __name__ == "__main__":
    watch()
    serve(Birth, _work, lambda birth: "worker")
