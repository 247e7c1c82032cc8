"""Each test of a transport runs on all four, each test of a service's database on all three."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from procession.messaging import Transport, connect, create_tables

from .helpers import ASYNC_DRIVERS, SYNC_DRIVERS, counters

Url = Iterator[str]


def _sqlite(request: pytest.FixtureRequest) -> Url:
    folder: Path = request.getfixturevalue("tmp_path")
    yield f"sqlite:///{folder / 'messages.db'}"


def _postgresql(request: pytest.FixtureRequest) -> Url:
    server = request.getfixturevalue("postgres")
    name = server.create_database(empty=True)
    yield server.url(name)
    server.drop_database(name)


def _mariadb(request: pytest.FixtureRequest) -> Url:
    server = request.getfixturevalue("mariadb")
    name = server.create_database()
    yield server.url(name)
    server.drop_database(name)


def _rabbitmq(request: pytest.FixtureRequest) -> Url:
    yield request.getfixturevalue("rabbitmq").url


_DATABASES: dict[str, Callable[[pytest.FixtureRequest], Url]] = {
    "mariadb": _mariadb,
    "postgresql": _postgresql,
    "sqlite": _sqlite,
}
_TRANSPORTS = {**_DATABASES, "rabbitmq": _rabbitmq}


@pytest.fixture(params=sorted(_TRANSPORTS))
def transport_url(request: pytest.FixtureRequest) -> Url:
    """The address of a transport, for each kind there is."""
    yield from _TRANSPORTS[request.param](request)


@pytest.fixture
async def transport(transport_url: str) -> AsyncIterator[Transport]:
    """A transport without dead letters."""
    async with connect(transport_url, lease=timedelta(seconds=5)) as opened:
        await opened.drop_dead()
        yield opened


@pytest.fixture
def queue() -> str:
    """The name of a queue that does not exist yet."""
    return f"serviceQ.{uuid4().hex}"


@pytest.fixture(params=sorted(_DATABASES))
def database_url(request: pytest.FixtureRequest) -> Url:
    """The address of a service's own database, for each kind there is."""
    yield from _DATABASES[request.param](request)


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """A service's own database with our tables, and one of its own that counts effects."""
    url = sa.make_url(database_url)
    made = sa.create_engine(url.set(drivername=SYNC_DRIVERS[url.get_backend_name()]))
    create_tables(made)
    counters.metadata.create_all(made)
    yield made
    made.dispose()


@pytest.fixture
def async_url(engine: sa.Engine) -> sa.URL:
    """The same database, for an asynchronous driver."""
    return engine.url.set(drivername=ASYNC_DRIVERS[engine.url.get_backend_name()])
