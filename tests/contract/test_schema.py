"""The tables: made by migrations, the same as declared, and guarded by their version."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from procession.errors import DatabaseBusy, DatabaseCorrupt, SchemaMismatch, StorageError
from procession.storage.port import Storage
from procession.storage.schema import VERSION, metadata, schema_info
from procession.storage.sqlite import SQLiteStorage

from . import samples
from .databases import Database


def test_migrations_make_the_tables_that_are_declared(storage: Storage) -> None:
    with storage.reader().connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_migrations_make_the_same_partial_indexes_on_sqlite(empty_sqlite: Path) -> None:
    declared = sa.create_engine("sqlite://")
    with declared.connect() as connection:
        metadata.create_all(connection)
        expected = _definitions(connection.exec_driver_sql(_INDEXES).all())
    declared.dispose()

    with closing(sqlite3.connect(empty_sqlite)) as migrated:
        assert _definitions(migrated.execute(_INDEXES).fetchall()) == expected


_INDEXES = "SELECT name, sql FROM sqlite_master WHERE type='index' AND sql IS NOT NULL"


def _definitions(rows: Iterable[Any]) -> dict[str, str]:
    return {name: " ".join(sql.replace('"', "").split()) for name, sql in rows}


def _set_schema(database: Database, version: int, readable_since: int) -> None:
    database.open()
    database.execute(sa.update(schema_info).values(version=version, readable_since=readable_since))


def test_a_newer_schema_this_program_cannot_read_is_refused(database: Database) -> None:
    _set_schema(database, VERSION + 2, VERSION + 1)

    with pytest.raises(SchemaMismatch, match="install the newer version"):
        database.open()


def test_a_newer_schema_that_is_still_readable_is_used_as_it_is(database: Database) -> None:
    _set_schema(database, VERSION + 2, VERSION)

    samples.save(database.open(), samples.timer(1, due=1))

    assert samples.stored(database.open(), "timer", 1) == [samples.timer(1, due=1)]


def test_opening_again_changes_nothing(database: Database) -> None:
    samples.save(database.open(), samples.timer(1, due=1))

    assert samples.stored(database.open(), "timer", 1) == [samples.timer(1, due=1)]


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    path.write_bytes(b"not a database at all, but long enough to be looked at" * 100)
    storage = SQLiteStorage(path)

    with pytest.raises(DatabaseCorrupt, match=r"orders\.db"):
        storage.open()
    storage.close()


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="check that the folder exists"):
        SQLiteStorage(tmp_path / "missing" / "orders.db").open()


def test_a_writer_does_not_wait_for_ever(empty_sqlite: Path) -> None:
    holder, waiter = SQLiteStorage(empty_sqlite), SQLiteStorage(empty_sqlite, busy_seconds=0.05)
    for storage in (holder, waiter):
        storage.open()

    with holder.transaction(), pytest.raises(DatabaseBusy), waiter.transaction():
        pass

    with waiter.transaction() as transaction:
        transaction.commit()
    for storage in (holder, waiter):
        storage.close()
