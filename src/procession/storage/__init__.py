"""Where the records live: a port, and SQLite or PostgreSQL behind it."""

from __future__ import annotations

import os

from procession.errors import InvalidInput
from procession.storage.port import Storage
from procession.storage.urls import is_postgresql, need_driver

__all__ = ["Storage", "open_storage"]


def open_storage(url: str, *, upgrade: bool = True) -> Storage:
    """Open the database of a URL: `sqlite:///relative.db`, `sqlite:////absolute.db`,
    `postgresql://user:password@host/database` (which takes `pip install "procession[postgresql]"`).

    The tables are created or upgraded if need be; without `upgrade` that is left to others.

    Raises:
        InvalidInput: the URL names no database this version can use, or its driver is not installed.
        SchemaMismatch: a newer Procession made it, or it needs an upgrade that is left to others.
        StorageError: it cannot be used.

    Another process may hold an SQLite file for `PROCESSION_BUSY_SECONDS` (environment, default 30) before
    we give up.
    """
    storage = _storage(url)
    try:
        storage.open(upgrade=upgrade)
    except BaseException:
        storage.close()
        raise
    return storage


def _storage(url: str) -> Storage:
    if is_postgresql(url):
        need_driver(url)
        from procession.storage.postgresql import PostgreSQLStorage

        return PostgreSQLStorage(url)
    from procession.storage.searches.opening import database_file
    from procession.storage.sqlite import SQLiteStorage

    return SQLiteStorage(database_file(url), busy_seconds=_busy_seconds())


def _busy_seconds() -> float:
    text = os.environ.get("PROCESSION_BUSY_SECONDS", "30")
    try:
        return float(text)
    except ValueError:
        raise InvalidInput(f"PROCESSION_BUSY_SECONDS is {text!r}, not a number of seconds") from None
