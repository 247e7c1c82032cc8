"""A database file of each test's own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where a database may be made."""
    return tmp_path / "test.db"


@pytest.fixture
def url(database: Path) -> str:
    return f"sqlite:///{database}"
