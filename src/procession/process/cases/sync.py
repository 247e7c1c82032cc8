"""The case manager for plain code: the same calls without `await`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from procession.client.sync import SyncInstance, SyncProcession
from procession.process.cases.base import BusinessCase
from procession.process.cases.info import CaseDetail, CaseInfo

if TYPE_CHECKING:
    from procession.process.cases.manager import CaseManager


class SyncCases:
    """`CaseManager` without `await`, made by `cases.sync(app)`. Any thread may call it."""

    def __init__(self, manager: CaseManager, app: SyncProcession) -> None:
        self._manager = manager
        self._app = app

    def start(self, case: type[BusinessCase] | str, payload: Any = None, **options: Any) -> SyncInstance:
        """See `CaseManager.start`."""
        started = self._app._call(self._manager.start(case, payload, **options))
        return SyncInstance(self._app, started)

    def search(self, **filters: Any) -> list[CaseInfo]:
        """See `CaseManager.search`."""
        return self._app._call(self._manager.search(**filters))

    def show(self, key: int) -> CaseDetail:
        """See `CaseManager.show`."""
        return self._app._call(self._manager.show(key))

    def wait(self, key: int, timeout: timedelta) -> CaseDetail:
        """See `CaseManager.wait`."""
        return self._app._call(self._manager.wait(key, timeout))
