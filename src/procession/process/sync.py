"""The process manager for plain code: the same calls without `await`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from procession.client.sync import SyncInstance, SyncProcession
from procession.process.base import Process
from procession.process.bulk import Bulk
from procession.process.info import ProcessDetail, ProcessInfo
from procession.process.result import Processable

if TYPE_CHECKING:
    from procession.process.manager import ProcessManager


class SyncProcesses:
    """`ProcessManager` without `await`, made by `processes.sync(app)`. Any thread may call it."""

    def __init__(self, manager: ProcessManager, app: SyncProcession) -> None:
        self._manager = manager
        self._app = app

    def start(
        self,
        kind: type[Process] | str,
        processable: Processable | tuple[str, str | int] | str,
        **options: Any,
    ) -> SyncInstance:
        """See `ProcessManager.start`."""
        started = self._app._call(self._manager.start(kind, processable, **options))
        return SyncInstance(self._app, started)

    def start_all(
        self,
        kind: type[Process] | str,
        processables: Iterable[Processable | tuple[str, str | int] | str],
        **options: Any,
    ) -> list[SyncInstance]:
        """See `ProcessManager.start_all`."""
        started = self._app._call(self._manager.start_all(kind, processables, **options))
        return [SyncInstance(self._app, one) for one in started]

    def search(self, **filters: Any) -> list[ProcessInfo]:
        """See `ProcessManager.search`."""
        return self._app._call(self._manager.search(**filters))

    def show(self, key: int) -> ProcessDetail:
        """See `ProcessManager.show`."""
        return self._app._call(self._manager.show(key))

    def restart(self, key: int) -> None:
        """See `ProcessManager.restart`."""
        self._app._call(self._manager.restart(key))

    def restart_all(self, keys: Sequence[int]) -> Bulk:
        """See `ProcessManager.restart_all`."""
        return self._app._call(self._manager.restart_all(keys))

    def migrate(self, key: int) -> None:
        """See `ProcessManager.migrate`."""
        self._app._call(self._manager.migrate(key))

    def migrate_all(self, keys: Sequence[int]) -> Bulk:
        """See `ProcessManager.migrate_all`."""
        return self._app._call(self._manager.migrate_all(keys))

    def outdated(
        self, process: type[Process] | str | None = None, *, from_version: int | None = None
    ) -> list[int]:
        """See `ProcessManager.outdated`."""
        return self._app._call(self._manager.outdated(process, from_version=from_version))

    def abandon(self, key: int, reason: str, **who: Any) -> None:
        """See `ProcessManager.abandon`."""
        self._app._call(self._manager.abandon(key, reason, **who))

    def abandon_all(self, keys: Sequence[int], reason: str, **who: Any) -> Bulk:
        """See `ProcessManager.abandon_all`."""
        return self._app._call(self._manager.abandon_all(keys, reason, **who))
