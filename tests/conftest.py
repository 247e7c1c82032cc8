"""Fixtures of all tests: most come from `procession.testing`, whose plugin is installed with us."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.postgres import Server, running_server


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
