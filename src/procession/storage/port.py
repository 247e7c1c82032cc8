"""The storage port: what a node needs of a database. SQLite fills it; PostgreSQL will.

The conformance suite in `tests/contract` holds every adapter to these docstrings.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from contextlib import AbstractContextManager
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa

from procession.engine import Reads, Target, Unit
from procession.engine.records import CommandRow, Definition, Job


class Clock(msgspec.Struct, frozen=True):
    """The time a transaction works with."""

    now: int
    """Epoch milliseconds; never below that of any transaction that committed a change."""
    zone: ZoneInfo
    """The zone of times without one."""


class Transaction(ABC):
    """One batch: everything read and written here is one atomic, isolated unit.

    Leaving the context without `commit` rolls back. A reply may leave only after `commit` returned:
    from then on the changes survive a kill and a power loss.
    """

    clock: Clock

    def unit(self) -> Unit:
        """A unit of work to load into; it may know some rows already."""
        return Unit()

    @abstractmethod
    def lock(self, targets: Collection[Target]) -> set[Target]:
        """Lock the root process instances of these records, as far as that goes without waiting.

        Answers the targets whose root is locked now, and those that do not exist (any more). Work on
        the others must be left for a later transaction. Called once, before anything is loaded.
        """

    @abstractmethod
    def load(self, reads: Reads) -> None:
        """Load everything `reads` names into its unit, one query per table and look-up.

        A look-up by correlation key or start key also locks that key until the transaction ends;
        keys are locked sorted, after all roots.

        Element instances come with all element instances around them. Afterwards the unit knows of
        each named record whether it exists.
        """

    @abstractmethod
    def resource(self, definition_key: int) -> tuple[Definition, bytes] | None:
        """A process definition and the file it came from."""

    @abstractmethod
    def commands(self, limit: int) -> list[CommandRow]:
        """Waiting command rows, oldest first."""

    @abstractmethod
    def due_timers(self, limit: int) -> list[int]:
        """Keys of timers due at `clock.now`, earliest first."""

    @abstractmethod
    def activatable(self, unit: Unit, type_: str, limit: int) -> list[Job]:
        """Jobs of a type that may be handed out now (created, backed off long enough, or with an
        expired lease), highest priority first, then oldest; put into `unit`. Jobs the unit
        already knows are left out."""

    @abstractmethod
    def next_job_due(self, type_: str) -> int | None:
        """When the next job of a type that is leased or backs off becomes activatable."""

    @abstractmethod
    def next_timer_due(self) -> int | None:
        """When the earliest timer is due."""

    @abstractmethod
    def sweep_messages(self, limit: int) -> int:
        """Delete messages whose time to live has passed, with their correlations. Answers how many."""

    @abstractmethod
    def write(self, unit: Unit) -> None:
        """Write what became of the unit's records."""

    @abstractmethod
    def commit(self) -> None:
        """Make it durable.

        Raises:
            StorageError: it is not; nothing of the transaction happened.
        """


class Storage(ABC):
    """A database with Procession's tables."""

    name: str
    """What to call it in messages and on command lines: its URL without a password."""
    place: Path | None
    """The file, where other processes of this machine can be told of commits; None elsewhere."""

    @abstractmethod
    def open(self) -> None:
        """Connect; create or upgrade the tables if need be.

        Raises:
            SchemaMismatch: a newer Procession made them in a way this one cannot read.
            StorageError: the database cannot be used.
        """

    @abstractmethod
    def transaction(self) -> AbstractContextManager[Transaction]:
        """Begin a batch. Waits for other writers, fairly, and not for ever.

        Raises:
            DatabaseBusy: another process holds the database for too long.
        """

    @abstractmethod
    def reserve_keys(self, count: int) -> range:
        """Take a block of keys, in a transaction of its own. Gaps are normal."""

    @abstractmethod
    def move_clock(self, milliseconds: int) -> None:
        """Test clock: let every node's time jump ahead."""

    @abstractmethod
    def changed(self) -> bool:
        """Whether another process has committed since this was last asked. Cheap."""

    @abstractmethod
    def reader(self) -> sa.Engine:
        """For searches: sees what is committed and never waits for writers."""

    @abstractmethod
    def close(self) -> None:
        """Release everything. Idempotent."""
