"""Workers of cases are killed at every point of a case's life and at any time: nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from procession import Procession
from procession.messaging import connect
from procession.process.cases import CaseDetail, CaseManager, CaseStatus, Keyring, TaskId, new_key
from procession.testing.clock import Clock
from procession.testing.database import copy_database
from tests.forkserver import ForkServer, ended

from .nursery import Birth
from .points import Point
from .services import Service
from .transfers import GIVE, TAKE, Transfer

UNDER_WAY = 30
"""Cases at a time, so that there is always something to kill a worker at."""
KILLS = {"small": 12, "full": 200}
SLOTS = 3
SELF_KILLS = 0.7
"""The share of workers that kill themselves at a point; the others are killed at any time."""
LATEST_SELF_KILL = 10.0
LONGEST_LIFE = 1.0
PATIENCE = 120.0
KEYS = [new_key("test")]


class Crew:
    """The workers: started, killed, replaced."""

    def __init__(self, folder: Path, database: str, broker: str, chance: random.Random) -> None:
        self._database, self._broker, self._chance = database, broker, chance
        self._nursery = ForkServer("tests.killed_cases.nursery", folder / "workers.log")
        self._alive: set[int] = set()
        self.kills: Counter[str] = Counter()

    async def start(self, deadly: Point | None = None, after: int = 1) -> int:
        """Start a worker; answers a descriptor of it."""
        birth = Birth(database=self._database, broker=self._broker, keys=KEYS, deadly=deadly, after=after)
        process = await self._nursery.fork(birth)
        self._alive.add(process)
        return process

    async def kill(self, total: int) -> None:
        """Start workers and kill them, so many in all, at every point; then leave some alive."""
        points = [*Point, *(self._chance.choice(list(Point)) for _ in range(total))]
        left = iter(points[:total])

        async def lives() -> None:
            for point in left:
                await self._life(point)
            await self.start()

        async with asyncio.TaskGroup() as group:
            for _ in range(SLOTS):
                group.create_task(lives())

    async def _life(self, point: Point) -> None:
        by_itself = sum(self.kills.values()) < len(Point) or self._chance.random() < SELF_KILLS
        process = await self.start(point if by_itself else None, self._chance.randint(1, 4))
        longest = LATEST_SELF_KILL if by_itself else self._chance.uniform(0.3, LONGEST_LIFE)
        if await ended(process, longest):
            self.kills[point] += 1
        else:
            signal.pidfd_send_signal(process, signal.SIGKILL)
            assert await ended(process, PATIENCE)
            self.kills["anywhere"] += 1
        self._alive.discard(process)
        os.close(process)

    def close(self) -> None:
        """Leave nobody behind, nor anybody who was born a moment ago."""
        for process in self._alive:
            os.close(process)
        self._nursery.close()


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """The dice; the seed is printed."""
    seed = request.config.getoption("--killed-cases-seed", None) or random.randrange(1_000_000)
    print(f"\n--killed-cases-seed={seed}")
    return random.Random(seed)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, procession_database: Path, tmp_path: Path) -> Iterator[str]:
    """Where the cases are."""
    if request.param == "sqlite":
        yield f"sqlite:///{copy_database(procession_database, tmp_path / 'cases.db')}"
    else:
        yield request.getfixturevalue("postgresql_url")


@pytest.fixture(params=["database", "rabbitmq"])
def broker(request: pytest.FixtureRequest, database: str) -> str:
    """Where requests and replies are."""
    if request.param == "database":
        return database
    url: str = request.getfixturevalue("rabbitmq").url
    return url


async def _story(
    folder: Path, database: str, broker: str, chance: random.Random, size: str
) -> tuple[list[CaseDetail], dict[int, int], list[Service], Crew]:
    """Cases are started while workers are killed; the story ends when all have ended."""
    services = [Service(name, folder) for name in (TAKE, GIVE)]
    client = CaseManager(Procession(database, serve=False), broker=broker, keys=KEYS)
    client.register(Transfer)
    crew = Crew(folder, database, broker, chance)
    amounts: dict[int, int] = {}
    try:
        await crew.start()  # it deploys
        with Clock(database) as clock:
            async with services[0].working(broker), services[1].working(broker), client.app:
                await _deployed(client)
                enough = asyncio.Event()
                starting = asyncio.create_task(_start(client, amounts, enough))
                await crew.kill(KILLS[size])
                enough.set()
                await starting
                async with asyncio.timeout(PATIENCE * 3):
                    while await _open(client):
                        # Jobs of those that were killed are leased for a minute more.
                        await asyncio.to_thread(clock.move, timedelta(seconds=20))
                        await asyncio.sleep(0.5)
                details = [await client.show(key) for key in amounts]
    finally:
        crew.close()
        print((folder / "workers.log").read_text()[-3000:], end="")
    return details, amounts, services, crew


async def _deployed(client: CaseManager) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await client.app.definitions():  # noqa: ASYNC110 - another process deploys
            await asyncio.sleep(0.05)


async def _start(client: CaseManager, amounts: dict[int, int], enough: asyncio.Event) -> None:
    """Start cases while too few are under way."""
    while not enough.is_set():
        for _ in range(UNDER_WAY - await _open(client)):
            amount = len(amounts) + 1
            started = await client.start(Transfer, {"amount": amount, "note": f"note {amount}"})
            amounts[started.key] = amount
        await asyncio.sleep(0.1)


async def _open(client: CaseManager) -> int:
    return sum([len(await client.search(status=one)) for one in (CaseStatus.RUNNING, CaseStatus.WAITING)])


def test_every_case_ends_and_every_command_is_applied_once(
    request: pytest.FixtureRequest,
    database: str,
    broker: str,
    tmp_path: Path,
    chance: random.Random,
) -> None:
    # Given cases that run while their workers are killed
    size = request.config.getoption("--killed-cases", "small")
    details, amounts, services, crew = asyncio.run(_story(tmp_path, database, broker, chance, size))
    # Then all have ended with their results, each stage committed once
    assert {one.info.status for one in details} == {CaseStatus.FINISHED}
    assert {one.info.key: one.result for one in details} == {
        key: [amount, amount, 3] for key, amount in amounts.items()
    }
    assert {tuple(run.stage for run in one.stages) for one in details} == {("take", "give", "close")}
    # And each service applied each command once, each command having one id
    for ordinal, (service, command) in enumerate(zip(services, ("take", "give"), strict=True), start=1):
        applied = [(TaskId.opened(id, Keyring(KEYS)), what, body) for id, what, body in service.effects()]
        assert sorted((task.case_key, task.stage, task.ordinal, what) for task, what, _ in applied) == sorted(
            (key, command, ordinal, command) for key in amounts
        )
        for task, _, body in applied:
            amount = amounts[task.case_key]
            assert body == {"amount": amount, "note": f"note {amount}"}
        assert len(service.deliveries) == len(amounts)
    # And nothing was given up
    assert asyncio.run(_dead(broker)) == []
    again = sum(sum(service.deliveries.values()) - len(amounts) for service in services)
    kills = ", ".join(f"{where} {count}" for where, count in sorted(crew.kills.items()))
    print(f"{len(amounts)} cases, {crew.kills.total()} kills ({kills}); {again} requests came again")
    assert crew.kills.total() == KILLS[size]


async def _dead(broker: str) -> list[Any]:
    async with connect(broker) as transport:
        return list(await transport.dead_letters(queue="serviceQ@transfer.v1"))
