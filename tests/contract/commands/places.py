"""Where the conformance suite keeps its locks: one class per adapter of the port."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from procession.errors import LockLost
from procession.operations.commands import CommandLock, Commands, HeldLock, files
from procession.operations.commands.port import LockStore
from procession.storage import open_storage
from tests.alerting import Collecting
from tests.postgres import Server


@contextmanager
def losing(lock: CommandLock) -> Iterator[HeldLock]:
    """A block in which the lock is lost; leaving it must say so."""
    held = lock.__enter__()
    yield held
    with pytest.raises(LockLost, match="is lost"):
        lock.__exit__(None, None, None)


class GetOrders:
    """A command."""


class ImportInvoices:
    """A command with instances."""


class Place(ABC):
    """Locks of one test, opened as often as the test likes; alerts go to `alerts`."""

    url: str | None = None

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.alerts = Collecting()
        self._opened: list[Commands] = []

    def open(self, **options: Any) -> Commands:
        """Commands as another process would have them."""
        commands = Commands(self.url, **{"locks": self.folder, "alerts": [self.alerts], **options})
        commands.register(
            {GetOrders: "Get Orders", ImportInvoices: ("Import Invoices", ["service1", "service2"])}
        )
        self._opened.append(commands)
        return commands

    def store(self) -> LockStore:
        return self.open()._store()

    @abstractmethod
    def jump(self, time: timedelta) -> None:
        """Let the clock of the store jump ahead."""

    def file(self, name: str) -> Path:
        return self.folder / name

    def close(self) -> None:
        for commands in self._opened:
            commands.close()


class FilePlace(Place):
    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(folder)
        self._monkeypatch = monkeypatch

    def jump(self, time: timedelta) -> None:
        now = files._now
        self._monkeypatch.setattr(files, "_now", lambda: now() + time // timedelta(milliseconds=1))


class DatabasePlace(Place):
    def jump(self, time: timedelta) -> None:
        assert self.url is not None
        storage = open_storage(self.url)
        storage.move_clock(time // timedelta(milliseconds=1))
        storage.close()


class SQLitePlace(DatabasePlace):
    def __init__(self, folder: Path, database: Path) -> None:
        super().__init__(folder)
        self.url = f"sqlite:///{database}"


class PostgreSQLPlace(DatabasePlace):
    def __init__(self, folder: Path, server: Server) -> None:
        super().__init__(folder)
        self._server = server
        self._database = server.create_database()
        self.url = server.url(self._database)

    def close(self) -> None:
        super().close()
        self._server.drop_database(self._database)
