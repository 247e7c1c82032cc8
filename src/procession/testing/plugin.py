"""The pytest plugin. Nothing of Procession is imported before a test asks for a fixture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from procession.testing.tester import ProcessTester


@pytest.fixture(scope="session")
def procession_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database with all tables; `process` works on copies of it."""
    from procession.testing.database import create_database

    return create_database(tmp_path_factory.mktemp("procession") / "empty.db")


@pytest.fixture
def process(procession_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessTester]:
    """A `ProcessTester`: an engine on a temporary SQLite database, with a clock that jumps."""
    from procession.testing.database import copy_database
    from procession.testing.tester import ProcessTester

    database = copy_database(procession_database, tmp_path_factory.mktemp("procession") / "test.db")
    with ProcessTester(f"sqlite:///{database}") as tester:
        yield tester
