"""Fair turns for writers of one file in several processes.

SQLite's own busy handler starves a second writer. Two file locks stand in front of BEGIN IMMEDIATE:
whoever waits holds the turnstile, so a busy writer that comes back has to queue behind it. The
kernel drops both when a process dies.
"""

from __future__ import annotations

import fcntl
import os
import time
import weakref
from collections.abc import Callable
from pathlib import Path

from procession.errors import DatabaseBusy

RETRY_SECONDS = 0.0005


def wait_until(attempt: Callable[[], bool], deadline: float, what: str) -> None:
    """Try every half millisecond.

    Raises:
        DatabaseBusy: it did not succeed before `deadline` (monotonic seconds).
    """
    while not attempt():
        if time.monotonic() >= deadline:
            raise DatabaseBusy(
                f"another process holds {what}; find it (for example with `fuser`), let it finish or stop it"
            )
        time.sleep(RETRY_SECONDS)


class WriterLocks:
    """The turnstile and the main lock, in files beside the database."""

    def __init__(self, database: Path) -> None:
        self._name = str(database)
        self._files = [
            os.open(f"{database}-{kind}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            for kind in ("turnstile", "writer")
        ]
        _open.add(self)

    def acquire(self, deadline: float) -> None:
        """Take the turn.

        Raises:
            DatabaseBusy: not before `deadline` (monotonic seconds).
        """
        turnstile, writer = self._files
        wait_until(lambda: _try(turnstile), deadline, self._name)
        try:
            wait_until(lambda: _try(writer), deadline, self._name)
        finally:
            fcntl.flock(turnstile, fcntl.LOCK_UN)

    def release(self) -> None:
        fcntl.flock(self._files[1], fcntl.LOCK_UN)

    def close(self) -> None:
        for file in self._files:
            os.close(file)
        self._files = []


_open: weakref.WeakSet[WriterLocks] = weakref.WeakSet()


def _close_in_child() -> None:
    """A fork shares its parent's locks, and would keep them if the parent were killed."""
    for locks in list(_open):
        locks.close()


os.register_at_fork(after_in_child=_close_in_child)


def _try(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
