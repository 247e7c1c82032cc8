"""Forks workers: one interpreter has loaded everything, so that a process costs milliseconds.

Reads one `Birth` as JSON from each line of standard input, answers with the number of a process.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import signal
import sys
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


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # those who end are not waited for
    watch()
    for line in sys.stdin:
        birth = msgspec.json.decode(line, type=Birth)
        number = os.fork()
        if number == 0:
            _serve(birth)
        print(number, flush=True)


def _serve(birth: Birth) -> None:
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        logging.basicConfig(level=logging.ERROR, format="%(process)d %(name)s: %(message)s")
        logging.getLogger("aiormq").setLevel(logging.CRITICAL)
        asyncio.run(_work(birth))
        code = 0
    except BaseException:
        logging.exception("it ended")
    finally:
        os._exit(code)


async def _work(birth: Birth) -> None:
    """Work until SIGTERM."""
    trail.set(birth.deadly, birth.after)
    vars(manager)["connect"] = functools.partial(connect, lease=LEASE)
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    cases = CaseManager(Procession(birth.database), broker=birth.broker, keys=birth.keys)
    cases.register(Transfer)
    async with cases.app:
        await stopping.wait()


if __name__ == "__main__":
    main()
