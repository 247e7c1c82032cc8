"""The inbox: a message's effect is applied once, because its id is stored with it."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, overload

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

from procession.errors import DatabaseBusy, WrongState
from procession.messaging.dialects import MARIADB, busy, now_ms
from procession.messaging.message import check_name
from procession.messaging.sessions import SyncOne, connection_of, is_async, must_be_transaction
from procession.messaging.tables import inbox

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from procession.messaging.sessions import AsyncOne

FORGOTTEN_AT_ONCE = 1000


class Inbox:
    """Applies what a message asks for exactly once, in the transaction of whoever applies it.

        with Session(engine) as session, session.begin():
            with inbox.once(message.id, session) as first:
                if first:
                    apply(session)

    The id is stored in the session's own transaction, and the caller commits. A transaction that meets
    an id another one has stored but not committed waits for it: if that one commits, this is not the
    first; if it rolls back, it is. An error inside the block rolls the whole transaction back, so that
    an id can never be committed without its effect.
    """

    @overload
    def once(self, message_id: str, session: SyncOne) -> AbstractContextManager[bool]: ...
    @overload
    def once(self, message_id: str, session: AsyncOne) -> AbstractAsyncContextManager[bool]: ...
    def once(
        self, message_id: str, session: SyncOne | AsyncOne
    ) -> AbstractContextManager[bool] | AbstractAsyncContextManager[bool]:
        """Whether this transaction is the first that applies a message.

        Args:
            message_id: the id, the same on each delivery (at most 255 bytes).
            session: the session or connection whose transaction applies it (`async with` for an
                asynchronous one). Not in autocommit mode.

        Raises:
            InvalidInput: the id is empty or too long, or the connection is in autocommit mode.
            DatabaseBusy: others were in the way. Nothing was applied: roll back, and handle the message
                again (a `Consumer` does both when the error leaves the handler).
            WrongState: on leaving the block: the database has rolled the transaction back meanwhile (a
                deadlock on MariaDB), and the block went on regardless.
        """
        check_name("message id", message_id)
        return _AsyncOnce(message_id, session) if is_async(session) else _Once(message_id, session)

    def forget(self, engine: sa.Engine, *, older_than: timedelta) -> int:
        """Delete ids that were stored longer ago than a message can possibly come again.

        Deletes a thousand at a time, each in a transaction of its own. Answers how many there were.
        """
        forgotten = 0
        while True:
            with engine.begin() as connection:
                count = _forget(connection, older_than)
            forgotten += count
            if count < FORGOTTEN_AT_ONCE:
                return forgotten

    async def aforget(self, engine: AsyncEngine, *, older_than: timedelta) -> int:
        """As `forget`, for an asynchronous engine."""
        forgotten = 0
        while True:
            async with engine.begin() as connection:
                count = await connection.run_sync(_forget, older_than)
            forgotten += count
            if count < FORGOTTEN_AT_ONCE:
                return forgotten


class _Once(AbstractContextManager[bool]):
    def __init__(self, message_id: str, session: SyncOne) -> None:
        self._id = message_id
        self._session = session
        self._first = False

    def __enter__(self) -> bool:
        self._first = _record(self._session, self._id)
        return self._first

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._session.rollback()
        elif self._first:
            _check_still_there(self._session, self._id)


class _AsyncOnce(AbstractAsyncContextManager[bool]):
    def __init__(self, message_id: str, session: AsyncOne) -> None:
        self._id = message_id
        self._session = session
        self._first = False

    async def __aenter__(self) -> bool:
        self._first = await self._session.run_sync(_record, self._id)
        return self._first

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            await self._session.rollback()
        elif self._first:
            await self._session.run_sync(_check_still_there, self._id)


def _record(session: SyncOne, message_id: str) -> bool:
    connection = connection_of(session, inbox)
    values = {"message_id": message_id, "received_at": now_ms()}
    try:
        insert = _insert(connection.dialect.name).values(values).inline()
        done = connection.execute(insert, execution_options={"preserve_rowcount": True})
    except sa.exc.DBAPIError as error:
        if not busy(error):
            raise
        raise DatabaseBusy(
            f"message {message_id} could not be looked up, others were in the way; roll back and handle it "
            "again. If this happens often on SQLite: begin with BEGIN IMMEDIATE, or call once() before "
            "anything else in the transaction"
        ) from error
    must_be_transaction(connection)
    return done.rowcount == 1


def _insert(dialect: str) -> sqlite.Insert | postgresql.Insert | mysql.Insert:
    """An insert that changes exactly one row if the id is new, and waits for others who insert it."""
    if dialect in MARIADB:
        # An update locks the row for itself, where INSERT IGNORE would share it: two that wait for a
        # third which rolls back would be a deadlock. A row that is changed counts as two (and one that
        # is set to what it was counts as one here, because SQLAlchemy asks for the rows found).
        return mysql.insert(inbox).on_duplicate_key_update(received_at=inbox.c.received_at + 1)
    if dialect == "postgresql":
        return postgresql.insert(inbox).on_conflict_do_nothing()
    return sqlite.insert(inbox).on_conflict_do_nothing()


def _check_still_there(session: SyncOne, message_id: str) -> None:
    """Make sure that a deadlock has not undone what was recorded; only MariaDB goes on after one."""
    connection = connection_of(session, inbox)
    if connection.dialect.name not in MARIADB:
        return
    if connection.scalar(sa.select(inbox.c.message_id).where(inbox.c.message_id == message_id)) is None:
        session.rollback()
        raise WrongState(
            f"the database rolled back the transaction that applies message {message_id} (a deadlock), and "
            "an error that said so was swallowed; nothing was applied: let the error leave the block"
        )


def _forget(connection: sa.Connection, older_than: timedelta) -> int:
    limit = now_ms() - int(older_than.total_seconds() * 1000)
    old = (
        sa.select(inbox.c.message_id)
        .where(inbox.c.received_at < limit)
        .order_by(inbox.c.received_at)
        .limit(FORGOTTEN_AT_ONCE)
        .subquery()
    )
    # One level deeper, because MariaDB does not limit inside IN.
    chosen = sa.select(old.c.message_id)
    return connection.execute(inbox.delete().where(inbox.c.message_id.in_(chosen))).rowcount
