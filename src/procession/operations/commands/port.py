"""The port to where locks are kept: a database, or a folder where there is none.

The conformance suite in `tests/contract/commands` holds every adapter to these docstrings.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import Any

import msgspec
import sqlalchemy as sa

from procession.operations.commands.keys import disabled_by
from procession.operations.commands.records import Record, Switch


class Operation(StrEnum):
    """What operators do to commands."""

    DISABLE = "disable"
    ENABLE = "enable"
    UNLOCK = "unlock"


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """Who does what, and why."""

    operation: Operation
    actor: str
    reason: str


class Draft:
    """A record under exclusive access: put another one in its place to change it."""

    def __init__(self, record: Record, *, now: int, switch: Switch | None, floor: int = 0) -> None:
        self.record = record
        self.now = now
        """Epoch milliseconds, by the store's clock."""
        self.switch = switch
        """What disables the command, if anything does."""
        self.floor = floor
        """The next fencing number is at least this."""
        self.action: Action | None = None
        """To be recorded with the change."""


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """All there is to know at one moment."""

    now: int
    records: Sequence[Record]
    switches: Mapping[str, Switch]
    """By the key that is disabled."""

    def switch(self, key: str) -> Switch | None:
        """What disables a key."""
        return first(self.switches, key)


class LockStore(ABC):
    """Where locks live. Any thread may use it, and any process that was forked."""

    name: str
    """What to call it in messages; holds no password."""

    @abstractmethod
    def register(self, labels: Mapping[str, str]) -> None:
        """Keep these keys and what people call them. Others that are known stay.

        Raises:
            StorageError: the store cannot be used.
        """

    @abstractmethod
    def changing(self, key: str) -> AbstractContextManager[Draft]:
        """Exclusive access to the record of a key, which need not be there yet.

        Nobody else, in no thread, process or host, has it at the same time. What the draft holds at the
        end is stored, all or nothing; if the block ends with an error, nothing is. A fencing number that
        was stored is never given out again, whatever happens to files. The lock of a key whose `KEY.lock`
        somebody removed by hand is free.

        Raises:
            CommandLocked: the last holder has still a transaction open that is fenced (see `fencing`).
            DatabaseBusy: others have it for too long.
            StorageError: the store cannot be used; whether the change was made may be unknown.
        """

    @abstractmethod
    def overview(self) -> Overview:
        """All that is known, of one moment. Waits for nobody who changes something.

        Raises:
            StorageError: the store cannot be read.
        """

    @abstractmethod
    def glance(self, key: str) -> Draft:
        """What is so now, as `changing` would show it, without keeping anybody out: nothing put into the
        draft is stored. Cheap, and waits for nobody.

        Raises:
            StorageError: the store cannot be read.
        """

    @abstractmethod
    def disable(self, key: str, action: Action) -> None:
        """Disable a key until `enable`, recording who and why. Doing it again replaces that.

        Raises:
            StorageError: the store cannot be used.
        """

    @abstractmethod
    def enable(self, key: str, action: Action) -> None:
        """Take away what disables a key itself, in the store and in its folder. Idempotent.

        Raises:
            StorageError: the store cannot be used, or a file cannot be removed.
        """

    @abstractmethod
    def fencing(self, key: str, token: str, fence: int, dialect: str) -> sa.Executable:
        """A statement for a transaction of the holder's own, in the same database: it answers a row if the
        lock is still held under `fence`, and until that transaction ends nobody takes the lock over.

        Raises:
            Unsupported: the locks are in no database.
        """

    @abstractmethod
    def obstacle(self, key: str, token: str) -> Switch | str | None:
        """What a glance at files, and at nothing that could take long, says against a run going on: a
        switch, or that the lock's file was removed."""

    @abstractmethod
    def close(self) -> None:
        """Release everything. Idempotent."""


def first(switches: Mapping[str, Switch], key: str) -> Switch | None:
    """The first of the switches that disables a key."""
    return next((switches[by] for by in disabled_by(key) if by in switches), None)


def as_json(action: Action, key: str, at: str) -> dict[str, Any]:
    """An action as files keep it."""
    return {
        "at": at,
        "key": key,
        "action": action.operation,
        "actor": action.actor,
        "reason": action.reason,
    }
