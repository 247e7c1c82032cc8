"""Processes on a database of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from .processes import Crew


@pytest.fixture(params=["postgresql", "sqlite"])
async def any_crew(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Crew]:
    name = "postgresql_url" if request.param == "postgresql" else "url"
    made = Crew(request.getfixturevalue(name), tmp_path)
    yield made
    await made.close()


@pytest.fixture
async def crew(url: str, tmp_path: Path) -> AsyncIterator[Crew]:
    made = Crew(url, tmp_path)
    yield made
    await made.close()
