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
