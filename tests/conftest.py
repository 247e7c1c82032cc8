"""Fixtures of all tests: most come from `procession.testing`, whose plugin is installed with us."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests import zeebe as zeebe_broker
from tests.mariadb import MariaDB, own_mariadb
from tests.postgres import Server, running_server
from tests.rabbitmq import RabbitMQ, own_rabbitmq
from tests.zeebe import Zeebe


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("procession's own tests")
    group.addoption("--zeebe", action="store_true", help="also run against a real Zeebe (make test-zeebe)")
    group.addoption("--npm", action="store_true", help="run the clients from npm (make test-clients)")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "zeebe: a real Zeebe takes part (make test-zeebe)")


def pytest_xdist_auto_num_workers() -> int:
    """Two more than there are processors: many tests wait most of the time."""
    return (os.cpu_count() or 1) + 2


@pytest.fixture(scope="session")
def zeebe(request: pytest.FixtureRequest) -> Iterator[Zeebe]:
    """A real Zeebe broker, where `--zeebe` asks for it; it is an error if there can be none then."""
    if not request.config.getoption("--zeebe"):
        pytest.skip("a real Zeebe is started by make test-zeebe only")
    reason = zeebe_broker.missing()
    if reason is not None:
        pytest.fail(reason)
    with zeebe_broker.running_zeebe(settings=zeebe_broker.PATIENT) as broker:
        yield broker


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server; tests that need it are skipped where there is none (but not where CI is set)."""
    with running_server() as server:
        yield server


@pytest.fixture
def postgresql_url(postgres: Server) -> Iterator[str]:
    """A PostgreSQL database of the test's own, with Procession's tables."""
    name = postgres.create_database()
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture
def empty_postgresql_url(postgres: Server) -> Iterator[str]:
    """A PostgreSQL database of the test's own, without any tables."""
    name = postgres.create_database(empty=True)
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    """A MariaDB server; tests that need it are skipped where there is none (but not where CI is set)."""
    with own_mariadb() as server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitMQ]:
    """A RabbitMQ broker; tests that need it are skipped where there is none (but not where CI is set)."""
    with own_rabbitmq() as broker:
        yield broker
