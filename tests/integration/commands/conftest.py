"""Places for locks that several processes share: a database of each kind, and files alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from procession.testing.database import create_database


@pytest.fixture(params=["files", "postgresql", "sqlite"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database of the test's own, or `files`."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("postgresql_url")
        return url
    if request.param == "sqlite":
        return f"sqlite:///{create_database(tmp_path / 'test.db')}"
    return "files"


@pytest.fixture
def locks(tmp_path: Path) -> str:
    return str(tmp_path / "locks")
