"""Opening a database for searches changes nothing and says clearly what is wrong."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from procession.errors import DatabaseCorrupt, InvalidInput, SchemaMismatch, StorageError
from procession.storage import open_storage
from procession.storage.searches import open_reader


def test_a_database_can_be_read_while_another_process_writes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/orders.db"
    open_storage(url).close()
    writer = sqlite3.connect(tmp_path / "orders.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")

    engine = open_reader(url)

    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM process_instance")).scalar_one() == 0
    engine.dispose()
    writer.close()


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/orders.db"
    open_storage(url).close()
    engine = open_reader(url)

    with engine.connect() as connection, pytest.raises(sa.exc.OperationalError, match="readonly"):
        connection.execute(sa.text("DELETE FROM process_instance"))
    engine.dispose()


def test_a_missing_file_is_named_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"there is no database .*orders\.db"):
        open_reader(f"sqlite:///{tmp_path}/orders.db")
    assert list(tmp_path.iterdir()) == []


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("CREATE TABLE customer (id)")
    connection.close()

    with pytest.raises(SchemaMismatch, match="no tables of Procession"):
        open_reader(f"sqlite:///{tmp_path}/shop.db")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("not a database, just some notes " * 40)

    with pytest.raises(DatabaseCorrupt, match="no SQLite database"):
        open_reader(f"sqlite:///{tmp_path}/notes.db")


@pytest.mark.parametrize("url", ["orders.db", "sqlite:///", "sqlite:///:memory:", "mysql://host/db"])
def test_a_url_that_names_no_file_is_refused_with_examples(url: str) -> None:
    with pytest.raises(InvalidInput, match=r"sqlite:///orders\.db"):
        open_reader(url)
