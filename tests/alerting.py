"""Alerts for tests, and a channel that remembers them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from procession.broker import IncidentNotice
from procession.operations.alerts import Alert, Channel, incident_alert

PATIENCE = 60.0
"""Seconds after which something that has not happened never will."""


def a_notice(**changes: Any) -> IncidentNotice:
    """Of an incident of job 7 at Ship."""
    facts: dict[str, Any] = {
        "kind": "JOB_NO_RETRIES",
        "message": "no parcel",
        "at": datetime(2026, 3, 1, 12, tzinfo=UTC),
        "incident_key": 9,
        "process_id": "order",
        "instance_key": 5,
        "element_id": "Ship",
        "job_key": 7,
        "job_type": "order_ship",
        "retries": 0,
    }
    return IncidentNotice(**{**facts, **changes})


def an_alert(**changes: Any) -> Alert:
    """An alert about job 7 at Ship."""
    return incident_alert("shop", a_notice(**changes), "mend it")


class Collecting(Channel):
    """Remembers what was sent; `fails` says what happens first."""

    name = "collecting"

    def __init__(self, *fails: Exception) -> None:
        self.sent: list[Alert] = []
        self.attempts = 0
        self.closed = False
        self._fails = list(fails)
        self._changed = asyncio.Event()

    async def send(self, alert: Alert) -> None:
        self.attempts += 1
        if self._fails:
            raise self._fails.pop(0)
        self.sent.append(alert)
        self._changed.set()

    async def close(self) -> None:
        self.closed = True

    async def wait_for(self, count: int) -> list[Alert]:
        """The alerts, once there are so many."""
        async with asyncio.timeout(PATIENCE):
            while len(self.sent) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.sent
