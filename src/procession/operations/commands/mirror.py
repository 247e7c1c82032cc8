"""The locks directory beside a database: it shows what the database knows, and is obeyed.

Nothing here fails: where the directory cannot be used that is logged once, and the database decides.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from procession.operations.commands.files import gone, switches_of
from procession.operations.commands.folder import ERROR, LOCK, Folder
from procession.operations.commands.records import Record, Switch, freed, without_error

log = logging.getLogger("procession.commands")

T = TypeVar("T")


class Mirror:
    """The directory, used as far as it can be."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._faulty = False
        self._mine: dict[str, str] = {}
        """Of the locks taken here: in which directory their files were written."""

    def _do(self, action: Callable[[], T], otherwise: T) -> T:
        try:
            done = action()
        except OSError as error:
            if not self._faulty:
                log.warning(
                    "locks directory %s cannot be used, so what its files say is not obeyed and the "
                    "database decides; see to it: %s",
                    self._folder,
                    error,
                )
            self._faulty = True
            return otherwise
        return done

    def put(self, before: Record, after: Record) -> str | None:
        """Write what has changed. Answers in which directory the files are now; None: nowhere."""

        def write() -> str:
            made = self._folder.make()
            self._folder.put(before, after)
            return made

        written = self._do(write, None)
        if written is not None and self._faulty:
            self._faulty = False
            log.warning("locks directory %s can be used again", self._folder)
        self._mine.pop(after.key, None)
        if written is not None and after.holder is not None:
            self._mine[after.key] = written
        return written

    def identity(self) -> str | None:
        return self._do(self._folder.identity, None)

    def names(self) -> frozenset[str]:
        return self._do(self._folder.names, frozenset())

    def obeyed(self, record: Record, mirror: str | None, error_mirror: str | None) -> Record:
        """The record, without what people removed by hand from the directory that had it."""
        here = self.identity() if mirror or error_mirror else None
        if here is None:
            return record

        def look() -> Record:
            found = record
            if mirror == here and record.holder is not None and not self._folder.has(record.key + LOCK):
                found = freed(found)
            if error_mirror == here and record.error is not None and not self._folder.has(record.key + ERROR):
                found = without_error(found)
            return found

        return self._do(look, record)

    def switch(self, key: str) -> Switch | None:
        """What file disables a key."""
        return self._do(lambda: self._folder.switch(key), None)

    def switches(self) -> dict[str, Switch]:
        """What files disable, by key; errors that are too old go."""

        def look() -> dict[str, Switch]:
            names = self._folder.names()
            return switches_of(self._folder, names)

        return self._do(look, {})

    def remove_stray(self, key: str) -> None:
        """Remove the file of a lock that nobody holds: it was freed elsewhere, or never committed."""
        if self._do(lambda: self._folder.has(key + LOCK), False):
            self._do(lambda: self._folder.file(key + LOCK).unlink(missing_ok=True), None)

    def remove_old_errors(self) -> None:
        try:
            self._folder.remove_old_errors(self._folder.names())
        except OSError as error:  # whoever looks need not be allowed to write
            log.debug("old errors stay in %s: %s", self._folder, error)

    def remove_switch(self, key: str) -> None:
        """Remove the file that disables a key.

        Raises:
            OSError: it is there, and cannot be removed.
        """
        try:
            self._folder.remove_switch(key)
        except NotADirectoryError:  # then it is not there
            return

    def obstacle(self, key: str, token: str) -> Switch | str | None:
        """See `LockStore.obstacle`."""

        def look() -> Switch | str | None:
            found = self._folder.switch(key)
            place = self._mine.get(key)
            if found is not None or place is None or place != self._folder.identity():
                return found
            return gone(self._folder, key, token)

        return self._do(look, None)
