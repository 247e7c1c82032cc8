"""A world of each test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from procession.testing.database import copy_database, create_database

from .world import World


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return create_database(tmp_path_factory.mktemp("api") / "empty.db")


@pytest.fixture
async def world(empty_database: Path, tmp_path: Path) -> AsyncIterator[World]:
    database = copy_database(empty_database, tmp_path / "test.db")
    async with AsyncExitStack() as stack:
        yield World(f"sqlite:///{database}", stack)
