"""Kill the account example at random, on each database, over RabbitMQ and over database queues."""

from __future__ import annotations

import asyncio
import itertools
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from examples.account import accounts, users
from examples.account.service import Service, database
from procession import CaseManager, Procession
from procession.messaging import connect
from procession.process.cases import Keyring, new_key, reply_queue, service_queue
from tests.rabbitmq import RabbitMQ, own_rabbitmq

from .crew import Crew, Setting
from .customers import Customers
from .judge import judge, waiting
from .placing import NEVER
from .points import OF_CASES, OF_SERVICES, Point
from .queues import delete, depth
from .roles import Role

QUEUES = (service_queue("users"), service_queue("accounts"), reply_queue("open-account.v1"))
DRIVERS = {"mariadb": "mariadb+pymysql", "postgresql": "postgresql+psycopg"}
BROKER_LIVES = 2.0
"""Seconds between two ends of the broker; a queue younger than half a second would not survive a kill."""
PATIENCE = 60.0


class Size(NamedTuple):
    """How much happens."""

    services: int
    """Kills of their processes."""
    cases: int
    """Kills of processes that work on cases."""
    broker: int
    """Kills and restarts."""
    at_once: int
    """Cases that have not ended, so that there is always something to kill a service at."""


FULL = Size(340, 60, 8, 60)
"""Of each database."""
FULL_WITHOUT_BROKER = Size(40, 10, 0, 60)
SMALL = Size(6, 2, 0, 10)


@pytest.fixture(scope="module")
def broker() -> Iterator[RabbitMQ]:
    """A broker that is killed."""
    with own_rabbitmq() as own:
        yield own


@pytest.fixture
def create(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str, str], str]]:
    """Makes an empty database of a kind; answers its URL."""
    made: list[tuple[Any, str]] = []

    def create(kind: str, name: str) -> str:
        if kind == "sqlite":
            return f"sqlite:///{tmp_path / name}.db"
        server = request.getfixturevalue({"mariadb": "mariadb", "postgresql": "postgres"}[kind])
        made.append((server, server.create_database(**({"empty": True} if kind == "postgresql" else {}))))
        url = sa.make_url(server.url(made[-1][1])).set(drivername=DRIVERS[kind])
        return url.render_as_string(hide_password=False)

    yield create
    for server, name in made:
        server.drop_database(name)


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> str:
    """The key of this installation, where the example's module looks for it."""
    key = new_key("once")
    monkeypatch.setenv("PROCESSION_CASE_KEYS", key)
    return key


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """The dice; the seed is printed."""
    seed = request.config.getoption("--exactly-once-seed", None) or random.randrange(1_000_000)
    print(f"\n--exactly-once-seed={seed}")
    return random.Random(seed)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every database, but for `make test` only one that has queues too."""
    if "kind" not in metafunc.fixturenames:
        return
    small = metafunc.config.getoption("--exactly-once", "small") == "small"
    few = small and "broker" not in metafunc.fixturenames
    metafunc.parametrize("kind", ["sqlite"] if few else ["mariadb", "postgresql", "sqlite"])


def _size(request: pytest.FixtureRequest, full: Size, small: Size) -> Size:
    size = {"full": full, "small": small}[request.config.getoption("--exactly-once", "small")]
    kills = request.config.getoption("--exactly-once-kills", None)
    return size._replace(services=kills) if kills else size


async def _end_broker(broker: RabbitMQ, times: int) -> None:
    """Kill it and restart it in turns."""
    for how in itertools.islice(itertools.cycle((signal.SIGKILL, signal.SIGTERM)), times):
        await asyncio.sleep(BROKER_LIVES)
        await asyncio.to_thread(broker.stop, how)
        await asyncio.to_thread(broker.start)


def _setting(
    create: Callable[[str, str], str], kind: str, folder: Path, broker: str | None, keys: str
) -> Setting:
    """Cases are on the same kind of database as the services, where there can be any."""
    of_cases = create("sqlite" if kind == "mariadb" else kind, "cases")
    falls_back = broker is None and kind != "mariadb"
    return Setting(
        folder=folder,
        databases={
            Role.USERS: create(kind, "users"),
            Role.ACCOUNTS: create(kind, "accounts"),
            Role.CASES: of_cases,
        },
        broker=of_cases if falls_back else broker or create(kind, "queues"),
        keys=keys,
        falls_back=falls_back,
    )


class Story:
    """What happens, and what came of it."""

    def __init__(self, setting: Setting, size: Size, chance: random.Random) -> None:
        from examples.account.case import OpenAccount  # it needs keys

        self._setting = setting
        self._size = size
        self._app = Procession(setting.databases[Role.CASES], serve=False)
        cases = CaseManager(self._app, broker=setting.broker, keys=[setting.keys])
        cases.register(OpenAccount)
        self.customers = Customers(cases, size.at_once, chance)
        self.crew = Crew(setting, chance)
        self.engines = {
            service.name: _with_tables(service, setting.databases[Role(service.name)])
            for service in (users.service, accounts.service)
        }

    async def play(self, broker: RabbitMQ | None) -> None:
        """Kill as many, and wait until all cases have ended and all messages are gone."""
        size, enough = self._size, asyncio.Event()
        async with connect(self._setting.broker) as transport, self._app:
            await delete(self._setting.broker, QUEUES)
            await transport.drop_dead()
            for queue in QUEUES:
                await transport.declare(queue, delivery_limit=NEVER)
            async with asyncio.TaskGroup() as group:
                group.create_task(self.customers.come_until(enough))
                async with asyncio.TaskGroup() as dangers:
                    dangers.create_task(self.crew.kill(services=size.services, cases=size.cases))
                    if broker is not None:
                        dangers.create_task(_end_broker(broker, size.broker))
                enough.set()
            await self._all_is_done()
            await self.crew.stop()
            assert await transport.dead_letters() == []

    async def _all_is_done(self) -> None:
        """Also what is delivered late, for the second time, has its chance to have an effect."""
        async with asyncio.timeout(PATIENCE):
            while True:
                in_outboxes = sum(map(waiting, self.engines.values()))
                if not in_outboxes + await depth(self._setting.broker, QUEUES):
                    return
                await asyncio.sleep(0.2)

    def verdict(self) -> list[str]:
        """Everything that is wrong."""
        return judge(
            self.engines["users"],
            self.engines["accounts"],
            self.customers.ended,
            Keyring([self._setting.keys]),
        )

    def close(self) -> None:
        self.crew.close()
        for engine in self.engines.values():
            engine.dispose()
        print((self._setting.folder / "processes.log").read_text()[-2000:], end="")

    def tell(self) -> None:
        refused = sum(customer.refused for customer in self.customers.ended)
        kills = self.crew.kills
        print(f"{len(self.customers.ended)} cases, {refused} refused; {kills.total()} kills with SIGKILL")
        for role in Role:
            killed = ", ".join(
                f"{point.name.lower()} {kills[role, True, point]} + {kills[role, False, point]}"
                for point in (Point.STARTING, *role.points)
            )
            print(f"  {role} (at a point by itself + after it by another): {killed}")


def _with_tables(service: Service, url: str) -> sa.Engine:
    engine = database(url)
    service.make_tables(engine)
    return engine


def _play(setting: Setting, chance: random.Random, size: Size, broker: RabbitMQ | None) -> Story:
    story = Story(setting, size, chance)
    try:
        asyncio.run(story.play(broker))
        story.tell()
        wrong = story.verdict()
        assert not wrong, "\n".join([f"{len(wrong)} faults:", *wrong[:20]])
    finally:
        story.close()
    return story


def test_every_effect_is_applied_once_over_rabbitmq(
    kind: str,
    request: pytest.FixtureRequest,
    broker: RabbitMQ,
    create: Callable[[str, str], str],
    keys: str,
    tmp_path: Path,
    chance: random.Random,
) -> None:
    size = _size(request, FULL, SMALL._replace(broker=int(kind == "sqlite")))
    story = _play(_setting(create, kind, tmp_path, broker.url, keys), chance, size, broker)
    assert story.crew.kills.total() == size.services + size.cases
    if size == FULL:
        assert {kill.point for kill in story.crew.kills if kill.by_itself} == {*OF_SERVICES, *OF_CASES}


def test_every_effect_is_applied_once_over_database_queues(
    kind: str,
    request: pytest.FixtureRequest,
    create: Callable[[str, str], str],
    keys: str,
    tmp_path: Path,
    chance: random.Random,
) -> None:
    size = _size(request, FULL_WITHOUT_BROKER, SMALL)
    story = _play(_setting(create, kind, tmp_path, None, keys), chance, size, None)
    assert story.crew.kills.total() == size.services + size.cases
