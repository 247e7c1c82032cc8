"""A lock in somebody's hands: renewed in the background, and proof that it is still theirs."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy.exc import DBAPIError, ProgrammingError

from procession.broker import FORKED
from procession.errors import InvalidInput, LockLost, NotReady
from procession.operations.commands.port import LockStore
from procession.operations.commands.records import Record, Switch, lost, released, renewed

if TYPE_CHECKING:
    from sqlalchemy import Connection, Executable
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
    from sqlalchemy.orm import Session

    SyncTransaction: TypeAlias = "Connection | Session"
    AsyncTransaction: TypeAlias = "AsyncConnection | AsyncSession"

log = logging.getLogger("procession.commands")

LOOK_SECONDS = 0.5
"""Between two looks at what the database disables."""
RENEWALS = 3
"""In the time of a lease."""

held_here: ContextVar[HeldLock | None] = ContextVar("procession-held-lock", default=None)


def held_lock() -> HeldLock:
    """The lock of the command that runs here.

    Raises:
        NotReady: no command runs here under a lock.
    """
    found = held_here.get()
    if found is None or found.given_back:
        raise NotReady(
            "no command runs here; call this in a function of @command, or inside command_lock(...)"
        )
    return found


class HeldLock:
    """What `with command_lock(key) as lock` gives. Any thread may use it.

    Its lease is renewed in the background. `should_stop` says when a long run should end early; `check`
    and `fence` prove that the lock is still held, before something is done that nobody else may do too.
    """

    def __init__(self, store: LockStore, record: Record, lease: timedelta, asked_at: float) -> None:
        assert record.holder is not None
        self.key = record.key
        self.fencing_number = record.fence
        """Greater than that of everybody who had this lock before. Send it along with what you write
        elsewhere, and let the receiver refuse numbers smaller than the greatest it has seen."""
        self._store = store
        self._token = record.holder.token
        self._lease = lease
        self._pid = os.getpid()
        self._lost: LockLost | None = None
        self._switch: Switch | None = None
        self._faulty = False
        self._done = threading.Event()
        self._renewed_at = asked_at
        """Of the monotonic clock, before the store was asked: so the lease ends here first."""
        self._keeper = threading.Thread(target=self._keep, name=f"procession-lock-{self.key}", daemon=True)
        self._keeper.start()

    def __repr__(self) -> str:
        return f"HeldLock(key={self.key!r}, fencing_number={self.fencing_number})"

    @property
    def forked(self) -> bool:
        """Whether this process was forked from the one that holds the lock: it has no part in it."""
        return self._pid != os.getpid()

    @property
    def given_back(self) -> bool:
        """Whether its block was left, in whatever thread."""
        return self._done.is_set()

    # --- what a run asks --------------------------------------------------------------------------

    def should_stop(self) -> bool:
        """Whether the run should end now: the command was disabled, or the lock is lost, or may be because
        it could not be renewed for a whole lease. Looks at files at once, and at what the database
        disables as it was half a second ago at most; cheap enough for every turn of a loop."""
        return self.why_stop() is not None

    def why_stop(self) -> str | None:
        """Why the run should end now, for logs; None: it should not."""
        if self._lost is not None:
            return self._lost.message
        if self.forked:
            return FORKED
        if time.monotonic() - self._renewed_at >= self._lease.total_seconds():
            return f"the lock {self.key} could not be renewed for a whole lease"
        found = self._switch or self._store.obstacle(self.key, self._token)
        return None if found is None else str(found)

    def check(self) -> None:
        """Make sure that the lock is still held, and for a whole lease from now on.

        Raises:
            LockLost: it is not; write nothing more.
            NotReady: this process was forked from the one that holds it.
            StorageError: the store cannot be asked.
        """
        self._must_be_ours()
        self._renew()

    async def acheck(self) -> None:
        """As `check`, for async functions."""
        await asyncio.to_thread(self.check)

    def fence(self, transaction: SyncTransaction) -> None:
        """Make sure, inside a transaction of the caller's in Procession's database, that the lock is still
        held and that nobody takes it over before that transaction ends. Call it before the first write:
        what is written then commits under this lock, or not at all. Keep such transactions short; on
        SQLite the lease cannot be renewed meanwhile.

        Args:
            transaction: an SQLAlchemy connection or session.

        Raises:
            LockLost: it is not held any more; roll back.
            Unsupported: the locks are in files.
            InvalidInput: the transaction is not in a database with Procession's tables.
        """
        self._must_be_ours()
        with _explained():
            row = transaction.execute(self._fencing(_dialect(transaction))).first()
        self._must_have(row)

    async def afence(self, transaction: AsyncTransaction) -> None:
        """As `fence`, for async connections and sessions."""
        self._must_be_ours()
        with _explained():
            row = (await transaction.execute(self._fencing(_dialect(transaction)))).first()
        self._must_have(row)

    def _fencing(self, dialect: str) -> Executable:
        return self._store.fencing(self.key, self._token, self.fencing_number, dialect)

    def _must_have(self, row: object) -> None:
        if row is None:
            self._lost = lost(self.key, self.fencing_number, "it was taken over or freed")
            raise self._lost

    def _must_be_ours(self) -> None:
        if self.forked:
            raise NotReady(FORKED)
        if self._lost is not None:
            raise self._lost

    # --- the background -----------------------------------------------------------------------------

    def _keep(self) -> None:
        each = self._lease.total_seconds() / RENEWALS
        while not self._done.wait(min(LOOK_SECONDS, each)):
            try:
                seen = self._store.glance(self.key)
                self._switch = seen.switch
                ours = seen.record.holder is not None and seen.record.holder.token == self._token
                if not ours or time.monotonic() - self._renewed_at >= each:
                    self._renew()
            except LockLost as error:
                log.error("%s", error)
                return
            except Exception as error:
                if not self._faulty:
                    log.warning("lock %s cannot be renewed, trying again: %s", self.key, error)
                self._faulty = True
            else:
                self._faulty = False

    def _renew(self) -> None:
        asked_at = time.monotonic()
        with self._store.changing(self.key) as draft:
            try:
                draft.record = renewed(draft.record, draft.now, self._token, self.fencing_number, self._lease)
            except LockLost as error:  # raised below: that a file was removed by hand is to be stored
                self._lost = error
        if self._lost is not None:
            raise self._lost
        self._renewed_at = asked_at

    # --- the end --------------------------------------------------------------------------------------

    def release(self, failure: str | None) -> Record | None:
        """Give the lock back; `failure`: the lines that say what went wrong. Answers what is known of the
        command now; None if that could not be stored: then the lock is free when its lease ends.

        Raises:
            LockLost: it was lost meanwhile.
        """
        self._done.set()
        self._keeper.join()
        record: Record | None = None
        try:
            with self._store.changing(self.key) as draft:
                try:
                    draft.record = released(
                        draft.record, draft.now, self._token, self.fencing_number, failure
                    )
                except LockLost as error:
                    self._lost = error
                record = draft.record
        except Exception as error:
            log.error("lock %s cannot be given back, it ends with its lease: %s", self.key, error)
            record = None
        if self._lost is not None:
            raise self._lost
        return record


def _dialect(transaction: Any) -> str:
    bound = transaction.get_bind() if hasattr(transaction, "get_bind") else transaction
    name: str = bound.dialect.name
    return name


@contextmanager
def _explained() -> Iterator[None]:
    """Says whose fault it is if the caller's transaction knows nothing of locks."""
    try:
        yield
    except DBAPIError as error:
        if isinstance(error, ProgrammingError) or "no such table" in str(error.orig):
            raise InvalidInput(
                f"the transaction given is not in the database of the lock: {error.orig}"
            ) from error
        raise
