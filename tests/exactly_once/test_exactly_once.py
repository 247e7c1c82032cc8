"""Kill the service at random, on each database, over RabbitMQ and over database queues."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from procession.messaging import connect, create_tables
from tests.rabbitmq import RabbitMQ, own_rabbitmq

from .checker import check
from .client import Client
from .crew import Crew
from .points import Point
from .service import ANSWERS, LEASE, NEVER, REQUESTS, account, metadata, sync_engine

KILLS = {"small": 10, "full": 200}
BROKER_KILLS = {"small": 1, "full": 5}
BROKER_LIVES = 3.0
"""Seconds between two kills of the broker; a queue younger than half a second would not survive one."""


@pytest.fixture(scope="module")
def broker() -> Iterator[RabbitMQ]:
    """A broker that is killed."""
    with own_rabbitmq() as own:
        yield own


@pytest.fixture(params=["mariadb", "postgresql", "sqlite"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The service's own database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'service.db'}"
        return
    server = request.getfixturevalue({"mariadb": "mariadb", "postgresql": "postgres"}[request.param])
    name = server.create_database(**({"empty": True} if request.param == "postgresql" else {}))
    yield server.url(name)
    server.drop_database(name)


@pytest.fixture
def engine(database: str) -> Iterator[sa.Engine]:
    """The service's database, with its tables."""
    made = sync_engine(database)
    create_tables(made)
    metadata.create_all(made)
    with made.begin() as connection:
        connection.execute(account.insert(), {"id": 1, "balance": 0})
    yield made
    made.dispose()


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """The dice; the seed is printed."""
    seed = request.config.getoption("--exactly-once-seed", None) or random.randrange(1_000_000)
    print(f"\n--exactly-once-seed={seed}")
    return random.Random(seed)


def _size(request: pytest.FixtureRequest) -> tuple[int, int]:
    """How many kills of services, and of the broker."""
    size = request.config.getoption("--exactly-once", "small")
    kills = request.config.getoption("--exactly-once-kills", None) or KILLS[size]
    return kills, BROKER_KILLS[size]


async def _kill_broker(broker: RabbitMQ, times: int) -> None:
    for _ in range(times):
        await asyncio.sleep(BROKER_LIVES)
        await asyncio.to_thread(broker.stop, signal.SIGKILL)
        await asyncio.to_thread(broker.start)


async def _story(
    url: str,
    database: str,
    folder: Path,
    chance: random.Random,
    kills: int,
    broker: tuple[RabbitMQ, int] | None,
) -> tuple[Client, Crew]:
    crew = Crew(folder, database, url, chance)
    try:
        async with connect(url, lease=LEASE) as transport:
            for queue in (REQUESTS, ANSWERS):
                await transport.declare(queue, delivery_limit=NEVER)
            client = Client(transport, chance)
            enough = asyncio.Event()
            asking = asyncio.create_task(client.send_until(enough))
            async with asyncio.TaskGroup() as group:
                group.create_task(crew.kill(kills))
                if broker is not None:
                    group.create_task(_kill_broker(*broker))
            enough.set()
            await asking
            await crew.stop()
            assert await transport.dead_letters() == []
    finally:
        crew.close()
        print((folder / "services.log").read_text()[-2000:], end="")
    return client, crew


def _tell(client: Client, crew: Crew) -> None:
    killed = ", ".join(
        f"{point.name.lower()} {by_itself} + {by_others}"
        for point in Point
        for by_itself, by_others in [(crew.kills["itself", point], crew.kills["another", point])]
    )
    print(
        f"{len(client.requests)} requests, {client.deliveries} answers; {crew.kills.total()} kills with "
        f"SIGKILL (at a point by itself + after it by another): {killed}"
    )


def test_every_effect_is_applied_once_over_rabbitmq(
    request: pytest.FixtureRequest,
    broker: RabbitMQ,
    database: str,
    engine: sa.Engine,
    tmp_path: Path,
    chance: random.Random,
) -> None:
    # Given
    kills, broker_kills = _size(request)

    # When
    client, crew = asyncio.run(_story(broker.url, database, tmp_path, chance, kills, (broker, broker_kills)))

    # Then
    _tell(client, crew)
    assert check(engine, client.requests, client.answers) == []
    assert crew.kills.total() == kills


def test_every_effect_is_applied_once_over_database_queues(
    request: pytest.FixtureRequest, database: str, engine: sa.Engine, tmp_path: Path, chance: random.Random
) -> None:
    # Given
    kills, _ = _size(request)

    # When
    client, crew = asyncio.run(_story(database, database, tmp_path, chance, kills, None))

    # Then
    _tell(client, crew)
    assert check(engine, client.requests, client.answers) == []
    assert crew.kills.total() == kills
