"""Locks in files alone, where there is no database. One host's clock counts: that of who looks."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import msgspec
import sqlalchemy as sa

from procession.errors import StorageError, Unsupported
from procession.operations.commands.folder import DISABLED, ERROR, EXECUTION, LOCK, Folder
from procession.operations.commands.port import Action, Draft, LockStore, Overview, as_json
from procession.operations.commands.records import Record, Switch, written
from procession.storage.sqlite.locks import wait_until

GUARD = ".guard"
"""Held (flock) by whoever changes something; holds the last fencing number of the directory."""
ACTIONS = "actions.log"
"""What operators did, a JSON object in each line."""
PATIENCE_SECONDS = 30.0
_NUMBER_BYTES = 20


class FileStore(LockStore):
    """Locks in a directory. Whoever changes something holds its guard; the kernel drops that at a kill.

    Fencing numbers are at least the time in milliseconds, so they grow even if all files are lost.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self.name = f"locks directory {folder}"
        self._labels: dict[str, str] = {}

    def register(self, labels: Mapping[str, str]) -> None:
        self._labels |= labels

    @contextmanager
    def changing(self, key: str) -> Iterator[Draft]:
        with self._translated(), self._guarded() as guard:
            record, now = self._read(key), _now()
            floor = max(guard.number() + 1, now)
            draft = Draft(record, now=now, switch=self._folder.switch(key), floor=floor)
            yield draft
            if draft.record.fence != record.fence:
                guard.keep(draft.record.fence)
            self._folder.put(record, draft.record)
            if draft.action is not None:
                self._note(draft.action, key)
            guard.check()

    def overview(self) -> Overview:
        with self._translated():
            names = self._folder.names()
            with contextlib.suppress(OSError):  # whoever looks need not be allowed to write
                self._folder.remove_old_errors(names)
            keys = self._labels.keys() | _keys_of(names)
            records = [self._folder.read(key, self._labels.get(key, key), names) for key in sorted(keys)]
            return Overview(now=_now(), records=records, switches=switches_of(self._folder, names))

    def glance(self, key: str) -> Draft:
        with self._translated():
            return Draft(self._read(key), now=_now(), switch=self._folder.switch(key))

    def _read(self, key: str) -> Record:
        return self._folder.read(key, self._labels.get(key, key))

    def disable(self, key: str, action: Action) -> None:
        with self._translated(), self._guarded() as guard:
            self._folder.put_switch(key, action.actor, action.reason, _now())
            self._note(action, key)
            guard.check()

    def enable(self, key: str, action: Action) -> None:
        with self._translated(), self._guarded():
            self._folder.remove_switch(key)
            self._note(action, key)

    def fencing(self, key: str, token: str, fence: int, dialect: str) -> sa.Executable:
        raise Unsupported(
            f"the lock {key} is in files, so no transaction can be fenced by it; keep locks in the database "
            "(Commands(url)), or store the greatest fencing number seen and compare (docs/commands.md)"
        )

    def obstacle(self, key: str, token: str) -> Switch | str | None:
        with contextlib.suppress(OSError):
            return self._folder.switch(key) or gone(self._folder, key, token)
        return None

    def close(self) -> None:
        """Nothing is kept open."""

    def _note(self, action: Action, key: str) -> None:
        line = msgspec.json.encode(as_json(action, key, written(_now())))
        with self._folder.file(ACTIONS).open("ab") as log:
            log.write(line + b"\n")

    @contextmanager
    def _guarded(self) -> Iterator[_Guard]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            self._folder.path.mkdir(parents=True, exist_ok=True)
            guard = _Guard(self._folder)
            try:
                wait_until(guard.try_lock, deadline, self.name)
                if guard.is_current():
                    yield guard
                    return
            finally:
                guard.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(
                f"{self.name} cannot be used: {error.strerror} ({error.filename or self._folder}); without a "
                "database nothing can be locked elsewhere, so see to the directory and its disk"
            ) from error


class _Guard:
    """The guard file of the directory that is there now."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._file = os.open(folder.file(GUARD), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)

    def try_lock(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def is_current(self) -> bool:
        """Whether it is the file that others find: the directory may have been removed and made anew."""
        with contextlib.suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(self._file), self._folder.file(GUARD).stat())
        return False

    def check(self) -> None:
        """Make sure that what was written is where others look.

        Raises:
            StorageError: it is not.
        """
        if not self.is_current():
            raise StorageError(f"locks directory {self._folder} was removed meanwhile; try again")

    def number(self) -> int:
        """The last fencing number given out; 0 if none is known."""
        text = os.pread(self._file, _NUMBER_BYTES, 0)
        return int(text) if text.isdigit() else 0

    def keep(self, number: int) -> None:
        """Remember the last fencing number."""
        os.pwrite(self._file, f"{number:0{_NUMBER_BYTES}}".encode(), 0)

    def close(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)  # a child forked meanwhile may have the file open, too
        os.close(self._file)


def gone(folder: Folder, key: str, token: str) -> str | None:
    """What is wrong with the file of a lock that `token` holds, if anything is."""
    owner = folder.owner(key)
    if owner == token:
        return None
    return f"{folder.file(key + LOCK)} " + ("was removed" if owner is None else "is somebody else's")


def switches_of(folder: Folder, names: frozenset[str]) -> dict[str, Switch]:
    """What files disable, by key."""
    keys = [name.removesuffix(DISABLED) for name in names if name.endswith(DISABLED)]
    return {key: folder.switch_at(key) for key in keys}


def _keys_of(names: frozenset[str]) -> set[str]:
    return {
        name.removesuffix(suffix)
        for name in names
        for suffix in (LOCK, EXECUTION, ERROR)
        if name.endswith(suffix) and not name.startswith(".")
    }


def _now() -> int:
    return time.time_ns() // 1_000_000
