"""Alerts as log records."""

from __future__ import annotations

import logging

from procession.operations.alerts.alert import Alert
from procession.operations.alerts.channel import Channel

log = logging.getLogger("procession.alerts")


class LogChannel(Channel):
    """Writes each alert as one ERROR record of the logger `procession.alerts`."""

    name = "log"

    async def send(self, alert: Alert) -> None:
        log.error("%s\n%s", alert.subject, alert.text, extra={"alert": alert.as_json()})
