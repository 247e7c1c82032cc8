"""The PostgreSQL storage: sessions, clock, keys, and commits whose answer was lost."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa

from procession.errors import DatabaseReadOnly, StorageError
from procession.storage import versions
from procession.storage.port import Contended, Storage, Transaction, Wire
from procession.storage.postgresql import statements as s
from procession.storage.postgresql.address import Address
from procession.storage.postgresql.changes import ForeignCommits
from procession.storage.postgresql.faults import cannot_connect, translated
from procession.storage.postgresql.reading import make_engine, translated_errors
from procession.storage.postgresql.session import Answer, Session, Statement, let_go
from procession.storage.postgresql.transaction import PostgreSQLTransaction
from procession.storage.postgresql.wire import NotifyWire
from procession.storage.versions import Versions, check_readable

log = logging.getLogger("procession.storage")

_BACKOFF_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0)
_IN_PROGRESS_SECONDS = 0.2


class PostgreSQLStorage(Storage):
    """A database on a server. One session for batches, used by one thread at a time."""

    turn_seconds = 0.1  # only its own roots and values are held meanwhile, and a batch costs round trips

    def __init__(self, url: str) -> None:
        self._address = Address(url)
        self.name = self._address.name
        self._session: Session | None = None
        self._started_at = ""
        """When the server of the session was started, or recovered: numbers of transactions from before
        may mean others."""
        self._others = ForeignCommits()
        self._reader: sa.Engine | None = None
        self._leaving = threading.Event()
        self._pid = os.getpid()
        _open.add(self)

    def open(self, *, upgrade: bool = True) -> None:
        from procession.storage.migrate import migrate

        session = self._connected(prepared=False)
        try:
            version, encoding = session.server_version, session.parameter(b"server_encoding")
            [(read_only,)] = self._ask(session, s.READ_ONLY)
        finally:
            session.close()
        if version < versions.OLDEST_SERVER:
            raise StorageError(
                f"database {self.name}: its server is PostgreSQL {version}; "
                f"use {versions.OLDEST_SERVER} or newer"
            )
        if encoding != "UTF8":
            raise StorageError(f"database {self.name}: its encoding is {encoding}; create one with UTF8")
        if read_only == "on":
            raise DatabaseReadOnly(
                f"database {self.name}: it may only be read; connect to the primary server"
            )
        engine = make_engine(self._address.for_reading(read_only=False), self.name)
        try:
            with translated_errors(engine):
                migrate(engine, self.name, may_upgrade=upgrade)
        finally:
            engine.dispose()
        self._session = self._connected()

    def _connected(self, *, prepared: bool = True) -> Session:
        """A new session.

        Raises:
            StorageError: there is none to be had.
        """
        statements = s.all_statements() if prepared else [s.READ_ONLY]
        try:
            session = Session(self._address.for_batches(), statements)
        except psycopg.OperationalError as error:
            raise cannot_connect(self.name, error) from error
        except psycopg.Error:
            with translated(self.name):
                raise
        if prepared:
            try:
                [(self._started_at,)] = self._ask(session, s.STARTED_AT)
            except BaseException:
                session.close()
                raise
        return session

    def _ask(self, session: Session, statement: Statement, *parameters: bytes) -> list[Any]:
        with translated(self.name):
            answer = session.ask(statement, *parameters)
            session.sync()
            return answer.rows

    def _living(self) -> Session:
        """The session of batches, made anew if it was lost."""
        session = self._session
        if session is None:
            raise StorageError(f"database {self.name} is not open")
        if session.lost:
            session.close()
            session = self._session = self._connected()
            self._others = ForeignCommits()  # after a crash the numbers may begin lower
            log.warning("connected to %s again", self.name)
        return session

    @contextmanager
    def transaction(self, ahead: Collection[int] = (), *, hurry: bool = False) -> Iterator[Transaction]:
        session = self._living()
        with translated(self.name):
            transaction = PostgreSQLTransaction(
                session, ahead, hurry=hurry, settle=self._commit, check=self._check_schema
            )
            try:
                yield transaction
            finally:
                self._others.own(transaction.xid)
                try:
                    transaction.roll_back()
                except psycopg.OperationalError:
                    session.lost = True  # with the session, the server ends its transaction

    def _commit(self, session: Session, xid: str, witness: tuple[str, int] | None, answer: Answer) -> None:
        """Send what was asked, COMMIT at the end; if the connection dies of it, find out what happened."""
        try:
            session.sync()
        except psycopg.OperationalError as error:
            if not session.lost:
                raise
            log.warning(
                "the connection to %s was lost in a commit; finding out about it: %s", self.name, error
            )
            if not self._was_committed(xid, witness):
                raise
            return
        if answer.tag != b"COMMIT":
            raise StorageError(f"database {self.name} undid a transaction instead of committing it")

    def _was_committed(self, xid: str, witness: tuple[str, int] | None) -> bool:
        """What became of a transaction, for as long as it takes to know.

        Raises:
            StorageError: the storage is being closed, or the server was restarted and nothing tells. It
                does not say that nothing happened.
        """
        began_on, tries = self._started_at, 0
        while True:
            try:
                session = self._living()
                if self._started_at != began_on:
                    # After a crash a number that never reached the disk is given out again.
                    if witness is None:
                        break
                    return self._stands(session, *witness)
                [(status,)] = self._ask(session, s.XID_STATUS, xid.encode())
                if status != "in progress":
                    return bool(status == "committed")
                seconds = _IN_PROGRESS_SECONDS
            except psycopg.Error as error:
                raise StorageError(
                    f"database {self.name}: the connection was lost in a commit, and whether that happened "
                    f"cannot be found out (PostgreSQL says: {error})"
                ) from error
            except StorageError as error:
                log.warning("still finding out about a commit: %s", error)
                seconds = _BACKOFF_SECONDS[min(tries, len(_BACKOFF_SECONDS) - 1)]
                tries += 1
            if self._leaving.wait(seconds):
                raise StorageError(
                    f"database {self.name}: the connection was lost in a commit, and it was left before "
                    "it was known whether that happened"
                )
        raise StorageError(
            f"database {self.name}: the server was restarted in a commit that made no record to look for, "
            "so whether it happened cannot be found out"
        )

    def _stands(self, session: Session, name: str, key: int) -> bool:
        """Whether a record that the transaction made is there."""
        table = s.STATEMENTS[name]
        return bool(self._ask(session, table.by_key, *[array or b"" for array in table.keys([key])]))

    def reserve_keys(self, count: int) -> range:
        [(end,)] = self._ask_alone(s.RESERVE, str(count).encode())
        return range(end - count, end)

    def move_clock(self, milliseconds: int) -> None:
        self._ask_alone(s.MOVE, str(milliseconds).encode())

    def _ask_alone(self, statement: Statement, *parameters: bytes) -> list[Any]:
        """A statement that is its own transaction."""
        session = self._living()
        with translated(self.name):
            xid = session.ask(s.XID)
            answer = session.ask(statement, *parameters)
            session.sync()
        self._others.own(xid.rows[0][0])
        return answer.rows

    def changed(self) -> bool:
        if self._session is None:
            return False
        session = self._living()
        try:
            [(snapshot, *versions)] = self._ask(session, s.SNAPSHOT)
        except Contended:
            return True  # an upgrade goes on
        self._check_schema(Versions(*versions))
        return self._others.seen_in(snapshot)

    def _check_schema(self, found: Versions) -> None:
        check_readable(found, self.name)

    def wire(self, *, listen: bool) -> Wire:
        return NotifyWire(self._address, listen=listen)

    def reader(self) -> sa.Engine:
        if self._reader is None:
            self._reader = make_engine(self._address.for_reading(), self.name)
        return self._reader

    def leave(self) -> None:
        self._leaving.set()

    def close(self) -> None:
        self._leaving.set()
        if self._reader is not None:
            self._reader.dispose(close=self._pid == os.getpid())
            self._reader = None
        if self._session is not None:
            self._session.close()
            self._session = None

    def sessions(self) -> list[Session]:
        return [self._session] if self._session is not None else []


_open: weakref.WeakSet[PostgreSQLStorage] = weakref.WeakSet()


def _let_go_in_child() -> None:
    for storage in list(_open):
        let_go(storage.sessions())


os.register_at_fork(after_in_child=_let_go_in_child)
