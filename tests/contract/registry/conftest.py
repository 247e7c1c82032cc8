"""Each test runs once per database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from procession.operations.registry import Registry

from ..databases import Database


@pytest.fixture
async def registry(database: Database) -> AsyncIterator[Registry]:
    async with Registry(database.url) as opened:
        yield opened


@pytest.fixture
async def other(database: Database) -> AsyncIterator[Registry]:
    """The registry as another process has it."""
    async with Registry(database.url) as opened:
        yield opened
