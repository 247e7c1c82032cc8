"""Several nodes that need the same few correlation keys, start keys and versions do not wait in a circle."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import threading
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from procession import AlreadyExists, Procession
from procession.storage.searches import InstanceStatus
from tests.postgres import Server

from .models import ALL, STARTS_BY_MESSAGE, WAITS_FOR_MESSAGE

NODES = 4
KEYS = 3
COUNT = 90
"""Instances of each kind; every node asks for each of them."""
PATIENCE = 120.0
HOUR = timedelta(hours=1)


def deadlocks(server: Server, url: str) -> int:
    """How many the server has broken up in a database, once all sessions have reported."""
    database = url.rpartition("/")[2]
    [(count,)] = server.execute(f"SELECT deadlocks FROM pg_stat_database WHERE datname='{database}'")
    assert isinstance(count, int)
    return count


class Node:
    """What one of them does, in an order of its own."""

    def __init__(self, app: Procession, dice: random.Random) -> None:
        self.app = app
        self.work = [
            (step, number) for step in (self.start, self.send, self.begin) for number in range(COUNT)
        ] + [(self.deploy, number) for number in range(5)]
        dice.shuffle(self.work)

    async def do_all(self) -> None:
        for at in range(0, len(self.work), 30):
            await asyncio.gather(*(step(number) for step, number in self.work[at : at + 30]))

    async def start(self, number: int) -> None:
        await self.app.start("waits", {"ref": f"key-{number % KEYS}"}, idempotency_key=f"start-{number}")

    async def send(self, number: int) -> None:
        with contextlib.suppress(AlreadyExists):
            key, name = f"key-{number % KEYS}", f"message-{number}"
            await self.app.publish("paid", correlation_key=key, message_id=name, ttl=HOUR)

    async def begin(self, number: int) -> None:
        with contextlib.suppress(AlreadyExists):
            key, name = f"key-{number % KEYS}", f"message-{number}"
            await self.app.publish("begin", correlation_key=key, message_id=name, ttl=HOUR)

    async def deploy(self, number: int) -> None:
        files = {"waits.bpmn": WAITS_FOR_MESSAGE, "by_message.bpmn": STARTS_BY_MESSAGE}
        space = b" " * (1 + number % 2)
        await self.app.deploy_files(
            {name: file.replace(b"</definitions>", space + b"</definitions>") for name, file in files.items()}
        )


def with_worker(url: str) -> Procession:
    app = Procession(url)

    @app.task("work")
    async def work() -> None:
        return None

    return app


async def test_nothing_waits_in_a_circle_and_nothing_is_lost(
    postgresql_url: str, postgres: Server, caplog: pytest.LogCaptureFixture
) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    caplog.set_level(logging.WARNING)
    async with AsyncExitStack() as stack:
        # Given nodes that all ask for the same things, each in an order of its own
        apps = [await stack.enter_async_context(with_worker(postgresql_url)) for _ in range(NODES)]
        await apps[0].deploy_files(ALL)
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(Node(app, dice).do_all() for app in apps))
            # When everything has come to rest
            while (await apps[0].count_instances())[InstanceStatus.COMPLETED] < 2 * COUNT:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        # Then everything happened once: each instance got a message, each message led to one
        counts = {kind: (await apps[0].count_instances(kind)) for kind in ("waits", "by_message")}
        assert {kind: sum(count.values()) for kind, count in counts.items()} == dict.fromkeys(counts, COUNT)
        assert await apps[0].incidents() == []
    with psycopg.connect(postgresql_url) as connection:
        left = "SELECT (SELECT count(*) FROM command), (SELECT count(*) FROM correlation)"
        assert connection.execute(left).fetchone() == (0, 2 * COUNT)
    # And no deadlock was broken up on the way, nor did anything else go wrong
    assert deadlocks(postgres, postgresql_url) == 0
    errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert errors == []
    assert "40P01" not in caplog.text


def test_a_deadlock_would_have_been_seen(postgresql_url: str, postgres: Server) -> None:
    # Given two sessions that wait for each other
    barrier = threading.Barrier(2)
    caught: list[Any] = []

    def cross(first: int, second: int) -> None:
        with psycopg.connect(postgresql_url) as connection:
            connection.execute("SET deadlock_timeout='50ms'")
            connection.execute(f"SELECT pg_advisory_xact_lock({first})")
            barrier.wait(20)
            try:
                connection.execute(f"SELECT pg_advisory_xact_lock({second})")
            except psycopg.errors.DeadlockDetected as error:
                caught.append(error)
                connection.rollback()

    threads = [threading.Thread(target=cross, args=args) for args in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    # Then the server counts it
    assert len(caught) == 1
    assert deadlocks(postgres, postgresql_url) == 1
