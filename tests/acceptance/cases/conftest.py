"""Databases and queues of each test's own; what matters most runs on PostgreSQL and RabbitMQ too."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from procession.testing.database import copy_database


@pytest.fixture
def sqlite_url(procession_database: Path, tmp_path: Path) -> str:
    """An SQLite database with all tables."""
    return f"sqlite:///{copy_database(procession_database, tmp_path / 'test.db')}"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """A database on each kind of server."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture
def case_id() -> str:
    """A name of the test's own: queues of a broker outlive a test."""
    return f"case-{uuid4().hex[:12]}"
