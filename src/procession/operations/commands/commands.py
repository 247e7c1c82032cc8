"""Commands of an application: what there are, their locks, and what operators do with them."""

from __future__ import annotations

import getpass
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

import msgspec

from procession.errors import DeadlineExceeded, InvalidInput, StorageError
from procession.model.text import storable
from procession.operations.alerts import Alert, Channel, LogChannel, channel_for
from procession.operations.commands.alerting import AlertBox, outdated_alert
from procession.operations.commands.decorating import key_for, running_under
from procession.operations.commands.files import FileStore
from procession.operations.commands.folder import Folder
from procession.operations.commands.keys import ALL, Named, is_channel, unknown
from procession.operations.commands.lock import CommandLock
from procession.operations.commands.port import Action, LockStore, Operation, Overview
from procession.operations.commands.records import Holder, Record, Status, Switch, freed, outdated
from procession.operations.commands.registry import Instances, Registration, Registry
from procession.operations.commands.shown import CommandStatus, shown_as

log = logging.getLogger("procession.commands")

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_LEASE = timedelta(minutes=1)
DEFAULT_LOCKS = "storage/locks"
LOCKS_VARIABLE = "PROCESSION_LOCKS"
POLL_SECONDS = 0.5
"""Between two looks of who waits until all is idle."""


class Commands:
    """The commands of an application.

    Args:
        url: the Procession database that keeps the locks; None: files in the locks directory alone do.
        locks: the locks directory; None means `PROCESSION_LOCKS` (environment), else `storage/locks`.
        alerts: channels, or their URL texts (`channel_for`), that tell of outdated locks and failed runs;
            none means the log.
        service: what alerts call the application.
        lease: how long a lock outlives a holder that was killed; it is renewed at each third of that.
        upgrade: make or upgrade the tables if need be.

    Raises:
        InvalidInput: a channel's text means none, or the lease is not longer than 0.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        locks: str | Path | None = None,
        alerts: Sequence[Channel | str] = (),
        service: str = "procession",
        lease: timedelta = DEFAULT_LEASE,
        upgrade: bool = True,
    ) -> None:
        self.url = url
        self.locks = Path(locks or os.environ.get(LOCKS_VARIABLE) or DEFAULT_LOCKS).absolute()
        self.upgrade = upgrade
        self._service = service
        self._lease = _checked(lease)
        channels = [channel_for(one) for one in alerts]
        self._alerts = AlertBox(channels or [LogChannel()])
        self._registry = Registry()
        self._opened: LockStore | None = None
        self._registered: dict[str, str] = {}
        self._mutex = threading.Lock()

    # --- which there are --------------------------------------------------------------------------

    def register(self, commands: Mapping[Named, Registration]) -> Self:
        """Register classes or functions as commands, each with a label, or with a label and its instances.

        The lock key is the name in kebab-case; with instances there is one for each:
        `{ImportInvoices: ("Import Invoices", ["service1"])}` makes `import-invoices-service1`.

        Raises:
            InvalidInput: a key is reserved for the process manager, belongs to another command, or cannot
                be one.
        """
        self._registry.add(commands)
        return self

    def command(
        self, label: str, *, instances: Instances | None = None, lease: timedelta | None = None
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Register a function, plain or async, that runs under its lock (see `lock`).

        Args:
            instances: the function then has a parameter `instance`, which says whose lock it is.

        Raises:
            InvalidInput: as `register`, or the parameter is missing.
        """

        def decorate(function: Callable[P, R]) -> Callable[P, R]:
            key = key_for(function, by_instance=instances is not None)
            self.register({function: label if instances is None else (label, instances)})
            return running_under(
                lambda *args, **kwargs: self.lock(key(*args, **kwargs), lease=lease), function
            )

        return decorate

    # --- locks --------------------------------------------------------------------------------------

    def lock(self, key: str, *, lease: timedelta | None = None) -> CommandLock:
        """The lock of a key, for `with` and `async with`; see `CommandLock`.

        Raises:
            NotFound: nobody registered the key; the message lists those that are.
            InvalidInput: the lease is not longer than 0.
        """
        label = self._registry.label(key)
        return CommandLock(
            key, label, _checked(self._lease if lease is None else lease), self._store, self._tell
        )

    def _tell(self, make: Callable[[str], Alert]) -> None:
        self._alerts.hand_in(make(self._service))

    def _store(self) -> LockStore:
        """The store, which knows what is registered."""
        with self._mutex:
            if self._opened is None:
                self._opened = self._open()
            if not self._registry.empty and self._registry.labels() != self._registered:
                labels = self._registry.labels()
                self._opened.register(labels)
                self._registered = labels
            return self._opened

    def _open(self) -> LockStore:
        folder = Folder(self.locks)
        if self.url is None:
            return FileStore(folder)
        from procession.operations.commands.database import DatabaseStore
        from procession.operations.commands.mirror import Mirror
        from procession.storage.short import open_short

        return DatabaseStore(open_short(self.url, upgrade=self.upgrade), Mirror(folder))

    # --- what operators see and do --------------------------------------------------------------------

    def status(self) -> list[CommandStatus]:
        """Every command, by key. Of an outdated lock people are told, once: it is `LOCKED` then.

        Raises:
            StorageError: the locks cannot be read.
        """
        found = self._store().overview()
        records = {record.key: record for record in found.records}
        shown = [
            msgspec.structs.replace(records.get(key) or Record(key=key, label=label), label=label)
            for key, label in self._shown(found)
        ]
        return [
            shown_as(self._told(record, found.now), found.now, found.switch(record.key)) for record in shown
        ]

    def _shown(self, found: Overview) -> list[tuple[str, str]]:
        """Keys with labels: what is registered, or where nothing is, what the store knows."""
        stored = {record.key: record.label for record in found.records}
        channels = {key: self._registry.label(key) for key in stored if is_channel(key)}
        shown = stored if self._registry.empty else {}
        return sorted((shown | channels | self._registry.labels()).items())

    def _told(self, record: Record, now: int) -> Record:
        """The record; if its lock is outdated and nobody has noticed yet, people are told."""
        if not outdated(record, now) or record.notified:
            return record
        try:
            with self._store().changing(record.key) as draft:
                held = draft.record.holder
                if held is None or not outdated(draft.record, draft.now) or draft.record.notified:
                    return draft.record
                draft.record = told = msgspec.structs.replace(draft.record, notified=True)
        except StorageError as error:
            log.warning("the lock %s is outdated, which cannot be noted: %s", record.key, error)
            return record
        self._tell(lambda service: outdated_alert(service, told, held, draft.now, taken=False))
        return told

    def disable(self, key: str = ALL, *, actor: str | None = None, reason: str = "") -> None:
        """Keep a command (without a key: all) from starting, and tell its run to stop. Recorded.

        Args:
            actor: who does it; None means the user of this process.

        Raises:
            NotFound: there is no such command; the message lists those there are.
            StorageError: the locks cannot be used.
        """
        self._known(key)
        self._store().disable(key, _action(Operation.DISABLE, actor, reason))

    def enable(self, key: str = ALL, *, actor: str | None = None, reason: str = "") -> Switch | None:
        """Undo `disable`, also where a file did it. Answers what still disables the command, if anything
        does. Recorded.

        Raises:
            NotFound: there is no such command; the message lists those there are.
            StorageError: the locks cannot be used, or a file cannot be removed.
        """
        self._known(key)
        self._store().enable(key, _action(Operation.ENABLE, actor, reason))
        return self._store().glance(key).switch

    def unlock(self, key: str = ALL, *, actor: str | None = None, reason: str = "") -> dict[str, Holder]:
        """Take a lock (without a key: all) from its holder, whose `check` and `fence` then fail. Answers
        whose locks were freed, by key. Recorded.

        Raises:
            NotFound: there is no such command; the message lists those there are.
            StorageError: the locks cannot be used.
        """
        self._known(key)
        keys = [record.key for record in self._store().overview().records] if key == ALL else [key]
        action, freed_from = _action(Operation.UNLOCK, actor, reason), {}
        for each in keys:
            with self._store().changing(each) as draft:
                if draft.record.holder is not None:
                    freed_from[each] = draft.record.holder
                    draft.record, draft.action = freed(draft.record), action
        return freed_from

    def _known(self, key: str) -> None:
        if key == ALL or is_channel(key):
            return
        known = set(self._registry.labels())
        if key not in known:
            known |= {record.key for record in self._store().overview().records}
        if key not in known:
            raise unknown(key, known)

    def wait_until_idle(self, timeout: timedelta | None = None) -> list[CommandStatus]:
        """Wait until no command is `Working`; answers what they are then.

        Raises:
            DeadlineExceeded: some still are after `timeout` (None: no limit); they are named.
            StorageError: the locks cannot be read.
        """
        until = None if timeout is None else time.monotonic() + timeout.total_seconds()
        while True:
            found = self.status()
            working = [one for one in found if one.status is Status.WORKING]
            if not working:
                return found
            if until is not None and time.monotonic() >= until:
                names = ", ".join(f"{one.key} ({one.note})" for one in working)
                raise DeadlineExceeded(
                    f"still working after {timeout}: {names}; wait longer, or if such a process is gone, "
                    "free its lock with `procession commands unlock`"
                )
            time.sleep(POLL_SECONDS)

    # --- leaving --------------------------------------------------------------------------------------

    def close(self) -> None:
        """Send what alerts there are, and let go of the database. Idempotent; it opens again when used."""
        self._alerts.flush()
        with self._mutex:
            if self._opened is not None:
                self._opened.close()
            self._opened, self._registered = None, {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _checked(lease: timedelta) -> timedelta:
    if lease <= timedelta(0):
        raise InvalidInput(f"a lease must be longer than 0, not {lease}")
    return lease


def _action(operation: Operation, actor: str | None, reason: str) -> Action:
    actor = actor or f"{getpass.getuser()}@{socket.gethostname()}"
    return Action(operation=operation, actor=storable(actor), reason=storable(reason))
