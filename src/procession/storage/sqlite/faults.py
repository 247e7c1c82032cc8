"""SQLite's errors, said in our words: what happened to which file, and what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from procession.errors import (
    DatabaseBusy,
    DatabaseCorrupt,
    DatabaseFull,
    DatabaseReadOnly,
    StorageError,
)

_KINDS: dict[int, tuple[type[StorageError], str]] = {
    sqlite3.SQLITE_FULL: (DatabaseFull, "no space is left for it; free some on its disk"),
    sqlite3.SQLITE_CORRUPT: (DatabaseCorrupt, "the file is damaged; restore it from a backup"),
    sqlite3.SQLITE_NOTADB: (DatabaseCorrupt, "the file is no SQLite database; name another one"),
    sqlite3.SQLITE_READONLY: (
        DatabaseReadOnly,
        "it may not be written; check the permissions of file and folder",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        StorageError,
        "it cannot be opened; check that the folder exists and may be written",
    ),
    sqlite3.SQLITE_PERM: (DatabaseReadOnly, "access is denied; check the permissions of file and folder"),
    sqlite3.SQLITE_IOERR: (StorageError, "reading or writing it failed; check its disk"),
    sqlite3.SQLITE_BUSY: (DatabaseBusy, "another process holds it; let that finish or stop it"),
    sqlite3.SQLITE_LOCKED: (DatabaseBusy, "another connection holds it; let that finish"),
}


def is_busy(error: sqlite3.Error) -> bool:
    return _primary_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _primary_code(error: sqlite3.Error) -> int:
    code: int = getattr(error, "sqlite_errorcode", 0) or 0
    return code & 0xFF


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Raise SQLite's errors about the database `name` as `StorageError`.

    Constraint and programming errors pass: they are faults of a batch, not of the database.
    """
    try:
        yield
    except sqlite3.Error as error:
        known = _KINDS.get(_primary_code(error))
        if known is None:
            raise
        kind, advice = known
        raise kind(f"database {name}: {advice} (SQLite says: {error})") from error


@contextmanager
def translated_errors(engine: sa.Engine) -> Iterator[None]:
    """As `translated`, for what comes through SQLAlchemy."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        if not isinstance(error.orig, sqlite3.Error):
            raise
        with translated(str(engine.url.database)):
            raise error.orig from error
