"""Each test runs once per adapter of the lock port."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from procession.testing.database import copy_database

from .places import FilePlace, Place, PostgreSQLPlace, SQLitePlace


def _files(request: pytest.FixtureRequest, folder: Path) -> Place:
    return FilePlace(folder / "locks", request.getfixturevalue("monkeypatch"))


def _sqlite(request: pytest.FixtureRequest, folder: Path) -> Place:
    database = copy_database(request.getfixturevalue("empty_sqlite"), folder / "test.db")
    return SQLitePlace(folder / "locks", database)


def _postgresql(request: pytest.FixtureRequest, folder: Path) -> Place:
    return PostgreSQLPlace(folder / "locks", request.getfixturevalue("postgres"))


_MAKERS: dict[str, Callable[[pytest.FixtureRequest, Path], Place]] = {
    "files": _files,
    "postgresql": _postgresql,
    "sqlite": _sqlite,
}


@pytest.fixture(params=sorted(_MAKERS))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    made = _MAKERS[request.param](request, tmp_path)
    yield made
    made.close()


@pytest.fixture(params=["postgresql", "sqlite"])
def database_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Only the places where locks are rows."""
    made = _MAKERS[request.param](request, tmp_path)
    yield made
    made.close()
