"""The databases the conformance suite runs on: one class per adapter."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from pathlib import Path

from procession.storage.port import Storage
from procession.storage.sqlite import SQLiteStorage
from procession.testing.database import copy_database


class Database(ABC):
    """A database of its own for one test, open as often as the test likes."""

    integrity_error: type[Exception]
    """What a write that breaks a constraint raises."""

    def __init__(self) -> None:
        self._opened: list[Storage] = []

    @abstractmethod
    def _connect(self) -> Storage:
        """A storage on this database, not open yet."""

    def connect(self) -> Storage:
        """A storage on this database, not open yet; closed when the test ends."""
        storage = self._connect()
        self._opened.append(storage)
        return storage

    def open(self) -> Storage:
        """Another storage on this database, as another process would have."""
        storage = self.connect()
        storage.open()
        return storage

    def close(self) -> None:
        for storage in self._opened:
            storage.close()


class SQLiteDatabase(Database):
    integrity_error = sqlite3.IntegrityError

    def __init__(self, empty: Path, path: Path) -> None:
        super().__init__()
        self.path = copy_database(empty, path)

    def _connect(self) -> Storage:
        return SQLiteStorage(self.path)
