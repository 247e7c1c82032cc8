"""The SQLite storage: connections, turns, clock and keys."""

from __future__ import annotations

import errno
import sqlite3
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from procession.errors import DatabaseReadOnly, StorageError
from procession.storage.port import Clock, Storage, Transaction, Wire
from procession.storage.sqlite.faults import is_busy, translated, translated_errors
from procession.storage.sqlite.locks import WriterLocks, wait_until
from procession.storage.sqlite.remembered import Remembered
from procession.storage.sqlite.transaction import SQLiteTransaction
from procession.storage.sqlite.wire import DatagramWire
from procession.storage.versions import Versions, check_current, check_readable

BUSY_SECONDS = 30.0
"""How long a writer waits for its turn before it gives up."""

_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)
_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA cache_size=-16384",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA wal_autocheckpoint=4000",
    "PRAGMA journal_size_limit=67108864",
)


class SQLiteStorage(Storage):
    """A database file. One writing connection, used by one thread at a time."""

    turn_seconds = 0.008  # meanwhile no other process can write
    works_here = True

    def __init__(self, path: Path, *, busy_seconds: float = BUSY_SECONDS) -> None:
        self.path = path
        self.name = f"sqlite:///{path}"
        self._data_version = 0
        self._remembered = Remembered()
        self._remembered_version = 0
        self._busy_seconds = busy_seconds
        self._connection: sqlite3.Connection | None = None
        self._locks: WriterLocks | None = None
        self._reader: sa.Engine | None = None

    def open(self, *, upgrade: bool = True) -> None:
        from procession.storage.migrate import migrate

        if not upgrade and not self.path.exists():
            check_current(None, str(self.path))  # so that no empty file is left behind
        with translated(str(self.path)):
            self._locks = self._make_locks()
            self._locks.acquire(self._deadline())
            try:
                self._connect()
                engine = sa.create_engine(self.writer_url())
                try:
                    with translated_errors(engine):
                        migrate(engine, str(self.path), may_upgrade=upgrade)
                finally:
                    engine.dispose()
                self._check_writable()
            finally:
                self._locks.release()

    def _make_locks(self) -> WriterLocks:
        try:
            return WriterLocks(self.path)
        except OSError as error:
            raise sqlite_cannot_open(self.path, error) from error

    def _connect(self) -> None:
        self._connection = connection = sqlite3.connect(
            self.path, timeout=0, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        deadline = self._deadline()
        for pragma in _PRAGMAS:
            wait_until(lambda pragma=pragma: _done(connection, pragma), deadline, str(self.path))  # type: ignore[misc]

    def _check_writable(self) -> None:
        """SQLite opens a file that may only be read and says so at the first write: let that be now."""
        with self._begun(self._deadline()) as connection:
            connection.execute("UPDATE engine_state SET last_now=last_now")

    def writer_url(self) -> sa.URL:
        return sa.URL.create("sqlite", database=str(self.path))

    def _deadline(self) -> float:
        return time.monotonic() + self._busy_seconds

    @contextmanager
    def transaction(self, ahead: Collection[int] = (), *, hurry: bool = False) -> Iterator[Transaction]:
        """See the port. One writer at a time: nothing is ever contended."""
        with translated(str(self.path)), self._turn() as connection:
            self._forget_if_changed(connection)
            yield SQLiteTransaction(connection, self._read_clock(connection), self._remembered)

    def _forget_if_changed(self, connection: sqlite3.Connection) -> None:
        """Nobody else can write now; whoever did before has moved the version on."""
        (version,) = connection.execute("PRAGMA data_version").fetchone()
        if version != self._remembered_version:
            self._remembered_version = version
            self._remembered.clear()

    @contextmanager
    def _turn(self) -> Iterator[sqlite3.Connection]:
        """The write lock of the file, in an open transaction; rolled back unless committed."""
        locks = self._locks
        if locks is None:
            raise sqlite3.ProgrammingError("the storage is not open")
        deadline = self._deadline()
        locks.acquire(deadline)
        try:
            with self._begun(deadline) as connection:
                yield connection
        finally:
            locks.release()

    @contextmanager
    def _begun(self, deadline: float) -> Iterator[sqlite3.Connection]:
        """An open transaction, for who has the turn; rolled back unless committed."""
        connection = self._connection
        if connection is None:
            raise sqlite3.ProgrammingError("the storage is not open")
        wait_until(lambda: _done(connection, "BEGIN IMMEDIATE"), deadline, str(self.path))
        try:
            yield connection
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _read_clock(self, connection: sqlite3.Connection) -> Clock:
        last_now, offset, zone, version, readable_since = connection.execute(
            "SELECT last_now, clock_offset, time_zone, version, readable_since FROM engine_state, schema_info"
        ).fetchone()
        check_readable(Versions(version, readable_since), str(self.path))
        host = time.time_ns() // 1_000_000 + offset
        return Clock(max(host, last_now), ZoneInfo(zone))

    def reserve_keys(self, count: int) -> range:
        with translated(str(self.path)), self._turn() as connection:
            (end,) = connection.execute(
                "UPDATE engine_state SET next_key=next_key+? RETURNING next_key", (count,)
            ).fetchone()
            connection.execute("COMMIT")
        return range(end - count, end)

    def move_clock(self, milliseconds: int) -> None:
        with translated(str(self.path)), self._turn() as connection:
            connection.execute("UPDATE engine_state SET clock_offset=clock_offset+?", (milliseconds,))
            connection.execute("COMMIT")

    def changed(self) -> bool:
        if self._connection is None:
            return False
        with translated(str(self.path)):
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
            if version == self._data_version:
                return False
            self._read_clock(self._connection)
        self._data_version = version
        return True

    def wire(self, *, listen: bool) -> Wire:
        return DatagramWire(self.path, listen=listen)

    def reader(self) -> sa.Engine:
        if self._reader is None:
            self._reader = sa.create_engine(self.writer_url())
        return self._reader

    def leave(self) -> None:
        """Nothing is waited for without a limit."""

    def close(self) -> None:
        if self._reader is not None:
            self._reader.dispose()
            self._reader = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._locks is not None:
            self._locks.close()
            self._locks = None


def sqlite_cannot_open(path: Path, error: OSError) -> Exception:
    """The error for a path where no file can be made."""
    kind = DatabaseReadOnly if error.errno in _DENIED else StorageError
    return kind(
        f"database {path}: it cannot be opened ({error.strerror}); "
        "check that the folder exists, and the permissions of file and folder"
    )


def _done(connection: sqlite3.Connection, statement: str) -> bool:
    """Run a statement that may find the database busy."""
    try:
        connection.execute(statement).fetchall()
    except sqlite3.OperationalError as error:
        if is_busy(error):
            return False
        raise
    return True
