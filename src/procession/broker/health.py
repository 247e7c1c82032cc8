"""Whether a node can work: what its last contacts with the database were like."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta

import msgspec

from procession.errors import DatabaseFull, StorageError

log = logging.getLogger("procession.broker")

SILENT_SECONDS = 7.0
"""A node asks each second, and waits at most five for a lock: after this the database does not answer."""
FULL_SECONDS = 10.0
"""A full disk may still take something small, such as a trial: so long it must have refused nothing."""


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether an app can work, as health checks want to know it."""

    ready: bool
    since: datetime
    """By this host's clock."""
    reason: str | None
    """Why it is not ready, and what to do; None if it is."""


class Health:
    """Written by the node's thread, read by any."""

    def __init__(self) -> None:
        self._state = Readiness(ready=True, since=datetime.now(UTC), reason=None)
        self._heard = time.monotonic()
        self._trial_from = 0.0

    @property
    def failing(self) -> bool:
        """Whether something failed since a trial last succeeded."""
        return not self._state.ready

    @property
    def trial_due(self) -> bool:
        """Whether it is time to try if the database can be written again."""
        return self.failing and time.monotonic() >= self._trial_from

    def heard(self) -> None:
        """The database has answered."""
        self._heard = time.monotonic()

    def failed(self, error: StorageError) -> None:
        """The database could not be used."""
        self.heard()
        if isinstance(error, DatabaseFull):
            self._trial_from = time.monotonic() + FULL_SECONDS
        if error.message != self._state.reason:
            log.warning("not ready: %s", error.message)
        since = self._state.since if self.failing else datetime.now(UTC)
        self._state = Readiness(ready=False, since=since, reason=error.message)

    def recovered(self) -> None:
        """It can be written again."""
        log.warning("ready again, after %s", datetime.now(UTC) - self._state.since)
        self._state = Readiness(ready=True, since=datetime.now(UTC), reason=None)

    def readiness(self) -> Readiness:
        state, silent = self._state, time.monotonic() - self._heard
        if not state.ready or silent < SILENT_SECONDS:
            return state
        since = datetime.now(UTC) - timedelta(seconds=silent)
        reason = f"the database has not answered for {silent:.0f} seconds; check the server and the network"
        return Readiness(ready=False, since=since, reason=reason)
