"""Each test runs once per adapter: another adapter is another parameter of `database`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from procession.storage.port import Storage
from procession.testing.database import create_database

from .databases import Database, PostgreSQLDatabase, SQLiteDatabase


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return create_database(tmp_path_factory.mktemp("contract") / "empty.db")


def _sqlite(request: pytest.FixtureRequest, folder: Path) -> Database:
    return SQLiteDatabase(request.getfixturevalue("empty_sqlite"), folder / "test.db")


def _postgresql(request: pytest.FixtureRequest, folder: Path) -> Database:
    return PostgreSQLDatabase(request.getfixturevalue("postgres"))


_MAKERS: dict[str, Callable[[pytest.FixtureRequest, Path], Database]] = {
    "postgresql": _postgresql,
    "sqlite": _sqlite,
}


@pytest.fixture(params=sorted(_MAKERS))
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    made = _MAKERS[request.param](request, tmp_path)
    yield made
    made.close()


@pytest.fixture
def storage(database: Database) -> Storage:
    """A storage on an empty database."""
    return database.open()
