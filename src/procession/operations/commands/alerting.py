"""Telling people of commands: what is said, and a way to say it from any thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from procession.operations.alerts import Alert, AlertDesk, Channel
from procession.operations.commands.records import Holder, Record, written

GRACE = timedelta(seconds=30)
"""How long a process that ends waits for alerts to be sent."""


def outdated_alert(service: str, record: Record, held: Holder, now: int, *, taken: bool) -> Alert:
    """That the lease of a lock has ended and its holder did not give it back."""
    return _alert(
        service,
        record,
        now,
        id=f"command-{record.key}-lock-{held.token}",
        headline=f"the lock {record.key} is outdated",
        message=f"{held} has not renewed its lock since before {written(held.expires_at)}"
        + ("; somebody else runs the command now" if taken else ""),
        facts={"host": held.host, "process": held.pid, "locked since": written(held.locked_at)},
        data={"kind": "COMMAND_LOCK_OUTDATED", "host": held.host, "pid": held.pid, "taken_over": taken},
        next_step=(
            "Find out why that process ended (or hangs), and whether what it did is whole."
            if taken
            else "Find out why that process ended (or hangs). Then run the command again, which takes the "
            f"lock over, or free it: procession commands unlock {record.key}"
        ),
    )


def failure_alert(service: str, record: Record, summary: str, now: int) -> Alert:
    """That a command ended with an error."""
    return _alert(
        service,
        record,
        now,
        id=f"command-{record.key}-run-{record.fence}",
        headline=f"the command {record.key} failed",
        message=summary,
        facts={"fencing number": record.fence},
        data={"kind": "COMMAND_FAILED", "fencing_number": record.fence, "error": record.error},
        next_step=f"See its last lines with `procession commands status`, or in {record.key}.error; it is "
        "run again at its next time.",
    )


def _alert(
    service: str,
    record: Record,
    now: int,
    *,
    id: str,
    headline: str,
    message: str,
    facts: dict[str, Any],
    data: dict[str, Any],
    next_step: str,
) -> Alert:
    return Alert(
        id=id,
        service=service,
        at=datetime.fromtimestamp(now / 1000, UTC),
        headline=headline,
        message=message,
        facts={"command": record.key, "label": record.label, **facts},
        data={"command": record.key, "label": record.label, **data},
        next_step=next_step,
    )


class AlertBox:
    """Sends alerts over channels from a thread of its own, which lives while there is something to send.

    A process that ends waits for it, for `GRACE` at most.
    """

    def __init__(self, channels: Sequence[Channel]) -> None:
        self._channels = channels
        self._waiting: list[Alert] = []
        self._mutex = threading.Lock()
        self._thread: threading.Thread | None = None

    def hand_in(self, alert: Alert) -> None:
        """Have an alert sent; it does not wait. Any thread."""
        with self._mutex:
            self._waiting.append(alert)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="procession-alerts")
                self._thread.start()

    def flush(self) -> None:
        """Wait until what was handed in is sent or dropped."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while True:
            with self._mutex:
                alerts, self._waiting = self._waiting, []
                if not alerts:
                    self._thread = None
                    return
            asyncio.run(self._send(alerts))

    async def _send(self, alerts: Sequence[Alert]) -> None:
        desk = AlertDesk(self._channels)
        desk.open()
        for alert in alerts:
            desk.hand_in(alert)
        await desk.close(GRACE)
