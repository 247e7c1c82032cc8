"""Short transactions of operations, beside the batches of nodes: a few statements each, on any thread."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import sqlalchemy as sa

from procession.storage import open_storage
from procession.storage.schema import engine_state, schema_info
from procession.storage.searches.opening import database_file
from procession.storage.searches.reading import reading
from procession.storage.sqlite.adapter import BUSY_SECONDS
from procession.storage.sqlite.faults import translated_errors as sqlite_errors
from procession.storage.sqlite.locks import WriterLocks
from procession.storage.urls import is_postgresql
from procession.storage.versions import Versions, check_readable

_SERVER_TIME: sa.ColumnElement[int] = sa.literal_column(
    "floor(extract(epoch FROM clock_timestamp())*1000)::bigint"
)


class ShortTransactions(ABC):
    """A database with Procession's tables. Survives a fork: the child has connections of its own."""

    name: str
    """What to call it in messages: without a password."""
    engine: sa.Engine

    def __init__(self) -> None:
        self._pid = os.getpid()

    @abstractmethod
    def writing(self) -> AbstractContextManager[sa.Connection]:
        """A context with a connection in a transaction that commits at its end, unless that is an error.

        Raises:
            DatabaseBusy: others hold the database, or a row of it, for too long.
            StorageError: it cannot be used.
        """

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection that sees one committed state and never waits for writers.

        Raises:
            StorageError: the database cannot be read.
        """
        self._after_fork()
        with reading(self.engine) as connection:
            yield connection

    def _after_fork(self) -> None:
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self.engine.dispose(close=False)  # the connections are the parent's
            self._begin_anew()

    def _begin_anew(self) -> None:
        """Replace what a fork must not share."""
        return

    def close(self) -> None:
        """Release everything. Idempotent."""
        self.engine.dispose(close=self._pid == os.getpid())


class _SQLite(ShortTransactions):
    """Takes its turns with the nodes (see `sqlite/locks.py`)."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.name = str(path)
        self._path = path
        self.engine = sa.create_engine(
            sa.URL.create("sqlite", database=str(path)),
            creator=lambda: sqlite3.connect(
                path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            ),
        )
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._locks = WriterLocks(self._path)
        self._turn = threading.Lock()  # the file locks tell processes apart, not threads

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        self._after_fork()
        with self._turn, sqlite_errors(self.engine):
            self._locks.acquire(time.monotonic() + BUSY_SECONDS)
            try:
                with self.engine.connect() as connection:
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                    yield connection
                    connection.commit()
            finally:
                self._locks.release()

    def close(self) -> None:
        super().close()
        self._locks.close()


class _PostgreSQL(ShortTransactions):
    def __init__(self, url: str) -> None:
        from procession.storage.postgresql.address import Address
        from procession.storage.postgresql.reading import make_engine

        super().__init__()
        address = Address(url)
        self.name = address.name
        self.engine = make_engine(address.for_short(), address.name)

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        from procession.storage.postgresql.reading import translated_errors

        self._after_fork()
        with translated_errors(self.engine), self.engine.begin() as connection:
            yield connection


def open_short(url: str, *, upgrade: bool = True) -> ShortTransactions:
    """Open the database of a URL, as `open_storage` does.

    Raises:
        InvalidInput, SchemaMismatch, StorageError: see `open_storage`.
    """
    open_storage(url, upgrade=upgrade).close()
    return _PostgreSQL(url) if is_postgresql(url) else _SQLite(database_file(url))


def clock(connection: sa.Connection, name: str) -> int:
    """The database's time in epoch milliseconds, as batches have it. To be asked first: it makes sure that
    the tables are such as this program knows, and that they stay so until the transaction ends.

    Raises:
        SchemaMismatch: the tables were upgraded to what this program does not know.
    """
    on_server = connection.dialect.name == "postgresql"
    state, info = engine_state.c, schema_info.c
    asked = (state.last_now, state.clock_offset, info.version, info.readable_since)
    query = sa.select(*asked, *([_SERVER_TIME.label("server")] if on_server else ()))
    row = connection.execute(query.select_from(engine_state.join(schema_info, sa.true()))).one()
    check_readable(Versions(row.version, row.readable_since), name)
    if on_server:
        return int(row.server + row.clock_offset)
    return int(max(time.time_ns() // 1_000_000 + row.clock_offset, row.last_now))
