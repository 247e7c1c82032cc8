"""Databases for tests: made once, then copied, because creating the tables costs more than a test."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path


def create_database(path: Path) -> Path:
    """A new database with all tables and no rows, in one file."""
    from procession.storage import open_storage

    open_storage(f"sqlite:///{path}").close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


def copy_database(source: Path, target: Path) -> Path:
    """A copy of a database nobody has open."""
    shutil.copyfile(source, target)
    return target
