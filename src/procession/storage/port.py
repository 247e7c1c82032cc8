"""The storage port: what a node needs of a database. SQLite and PostgreSQL fill it.

The conformance suite in `tests/contract` holds every adapter to these docstrings.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from contextlib import AbstractContextManager
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa

from procession.engine import Reads, Target, Unit
from procession.engine.records import CommandRow, Definition, Job


class Contended(Exception):
    """Another transaction has locked what this one needs; nothing of this one happened.

    Run the same work again in a transaction that takes `keys` ahead. If they are `held`, waiting for
    one of them took too long: leave the work that needs them for later. (Without keys it was a record.)
    """

    def __init__(self, keys: frozenset[int], *, held: bool) -> None:
        super().__init__("another transaction holds what this one needs")
        self.keys = keys
        self.held = held


class Clock(msgspec.Struct, frozen=True):
    """The time a transaction works with."""

    now: int
    """Epoch milliseconds, of the host (never below that of a transaction that committed a change) or,
    where there is one, of the server."""
    zone: ZoneInfo
    """The zone of times without one."""


class Transaction(ABC):
    """One batch: everything read and written here is one atomic, isolated unit.

    Leaving the context without `commit` rolls back. A reply may leave only after `commit` returned:
    from then on the changes survive a kill and a power loss.
    """

    @property
    @abstractmethod
    def clock(self) -> Clock:
        """The same from `lock` on, and not before the last change of any root that is locked. Looked at
        before anything is written.

        Raises:
            SchemaMismatch: the tables were upgraded to what this program does not know.
        """

    def unit(self) -> Unit:
        """A unit of work to load into; it may know some rows already."""
        return Unit()

    @abstractmethod
    def lock(self, targets: Collection[Target]) -> set[Target]:
        """Lock the root process instances of these records, as far as that goes without waiting.

        Answers the targets whose root is locked now, and those that do not exist (any more). Work on
        the others must be left for a later transaction. Called once, before anything is loaded.

        Raises:
            OutOfOrder: `activatable` was called already.
        """

    @abstractmethod
    def load(self, reads: Reads) -> None:
        """Load everything `reads` names into its unit, one query per table and look-up.

        A look-up by an index that `locks` also locks the value until the transaction ends.

        Element instances come with all element instances around them. Afterwards the unit knows of
        each named record whether it exists.

        Raises:
            Contended: another transaction has locked a value or a record.
            OutOfOrder: `activatable` was called already, and a job is among it or a look-up that locks.
        """

    @abstractmethod
    def resource(self, definition_key: int) -> tuple[Definition, bytes] | None:
        """A process definition and the file it came from."""

    @abstractmethod
    def commands(self, limit: int, without: Collection[int] = ()) -> list[CommandRow]:
        """Waiting command rows that nobody else works on, oldest first; they are this transaction's now.

        `without` are the keys of rows to leave out."""

    @abstractmethod
    def due_timers(self, limit: int, without: Collection[int] = ()) -> list[int]:
        """Keys of timers due at `clock.now`, earliest first, whose roots could be locked.

        `without` are the keys of timers to leave out."""

    @abstractmethod
    def activatable(self, unit: Unit, type_: str, limit: int) -> list[Job]:
        """Jobs of a type that may be handed out now (created, backed off long enough, or with an
        expired lease), highest priority first, then oldest; put into `unit`. Jobs the unit
        already works with are left out, and those that another transaction does. Nothing is waited
        for after this: what would is refused (`order.OutOfOrder`)."""

    @abstractmethod
    def next_job_due(self, type_: str) -> int | None:
        """When the next job of a type that is leased or backs off becomes activatable."""

    @abstractmethod
    def next_timer_due(self) -> int | None:
        """When the earliest timer is due."""

    @abstractmethod
    def sweep_messages(self, limit: int) -> int:
        """Delete messages whose time to live has passed, with their correlations. Answers how many.

        Comes after everything that waits, and leaves out what others hold."""

    @abstractmethod
    def write(self, unit: Unit) -> None:
        """Write what became of the unit's records."""

    @abstractmethod
    def commit(self) -> None:
        """Make it durable. If the answer of the database is lost, it is found out what happened.

        Raises:
            StorageError: it is not; nothing of the transaction happened.
        """


class Wire(ABC):
    """How the nodes of a database send each other short messages. Used by one thread; nothing waits."""

    limit: int
    """Bytes of a message at most."""

    @abstractmethod
    def fileno(self) -> int:
        """Of the socket that becomes readable when there is something to receive; -1: none now."""

    @abstractmethod
    def listen(self) -> None:
        """Let the others' messages come here, if they do not yet."""

    @abstractmethod
    def others(self) -> bool:
        """Whether anybody else may listen."""

    @abstractmethod
    def send(self, payload: bytes) -> None:
        """Send UTF-8 text to all others. It may be lost."""

    @abstractmethod
    def pending(self) -> bool:
        """Whether something has been taken from the socket already: look before you sleep on it."""

    @abstractmethod
    def receive(self) -> list[bytes]:
        """What has come; an empty text stands for what was lost."""

    @abstractmethod
    def close(self) -> None:
        """Release everything. Idempotent."""


class Storage(ABC):
    """A database with Procession's tables."""

    name: str
    """What to call it in messages and on command lines: its URL without a password."""
    turn_seconds: float
    """How long a batch should work at most before its commit: others have to wait so long for what it
    holds."""
    works_here: bool = False
    """Whether all of that work is done by the thread that asks for it."""

    @abstractmethod
    def open(self, *, upgrade: bool = True) -> None:
        """Connect; create or upgrade the tables if need be (and this is not forbidden).

        Raises:
            SchemaMismatch: a newer Procession made them in a way this one cannot read; or they need an
                upgrade, without `upgrade`.
            StorageError: the database cannot be used.
        """

    @abstractmethod
    def transaction(
        self, ahead: Collection[int] = (), *, hurry: bool = False
    ) -> AbstractContextManager[Transaction]:
        """Begin a batch. Waits for other writers, fairly, and not for ever.

        The schema stays as it is until the batch ends; its `clock` says whether this program knows it.

        Args:
            ahead: locks to begin with, as `Contended` named them.
            hurry: wait next to no time for what others hold.

        Raises:
            DatabaseBusy: another process holds the database for too long.
            StorageError: it cannot be reached.
        """

    @abstractmethod
    def reserve_keys(self, count: int) -> range:
        """Take a block of keys, in a transaction of its own. Gaps are normal."""

    @abstractmethod
    def move_clock(self, milliseconds: int) -> None:
        """Test clock: let every node's time jump ahead."""

    @abstractmethod
    def changed(self) -> bool:
        """Whether another process has committed since this was last asked, or may have. Cheap.

        Raises:
            SchemaMismatch: the tables were upgraded to what this program does not know.
            StorageError: the database cannot be reached.
        """

    @abstractmethod
    def wire(self, *, listen: bool) -> Wire:
        """A way to the other nodes; with `listen`, from them too."""

    @abstractmethod
    def reader(self) -> sa.Engine:
        """For searches: sees what is committed and never waits for writers."""

    @abstractmethod
    def leave(self) -> None:
        """The node is leaving: do not wait any longer for a server that is away. Any thread."""

    @abstractmethod
    def close(self) -> None:
        """Release everything. Idempotent."""
