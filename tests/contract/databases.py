"""The databases the conformance suite runs on: one class per adapter."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from pathlib import Path

import psycopg
import sqlalchemy as sa

from procession.storage.port import Storage
from procession.storage.postgresql import PostgreSQLStorage
from procession.storage.sqlite import SQLiteStorage
from procession.testing.database import copy_database
from tests.postgres import Server


class Database(ABC):
    """A database of its own for one test, open as often as the test likes."""

    integrity_error: type[Exception]
    """What a write that breaks a constraint raises."""
    one_writer: bool
    """Whether a transaction keeps all others out."""
    url: str

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

    def execute(self, statement: sa.Executable) -> None:
        """Change something behind the back of all storages."""
        engine = sa.create_engine(self.url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.begin() as connection:
            connection.execute(statement)
        engine.dispose()


class SQLiteDatabase(Database):
    integrity_error = sqlite3.IntegrityError
    one_writer = True

    def __init__(self, empty: Path, path: Path) -> None:
        super().__init__()
        self.path = copy_database(empty, path)
        self.url = f"sqlite:///{path}"

    def _connect(self) -> Storage:
        return SQLiteStorage(self.path)


class PostgreSQLDatabase(Database):
    integrity_error = psycopg.IntegrityError
    one_writer = False

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.server = server
        self.database = server.create_database()
        self.url = server.url(self.database)

    def _connect(self) -> Storage:
        return PostgreSQLStorage(self.url)

    def close(self) -> None:
        super().close()
        self.server.drop_database(self.database)
