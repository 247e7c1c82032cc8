"""The port to whatever takes alerts to people."""

from __future__ import annotations

from abc import ABC, abstractmethod

from procession.operations.alerts.alert import Alert


class Channel(ABC):
    """A way to people. `AlertDesk` sends one alert at a time, on one event loop."""

    name: str
    """What logs call it; holds no secret."""

    @abstractmethod
    async def send(self, alert: Alert) -> None:
        """Send one alert. It may be called again with the same alert, whose `id` then is the same.

        It must end within a time limit of its own.

        Raises:
            InvalidInput: the alert was refused, and would be again: it is dropped.
            Exception: anything else is a failed attempt, and tried again later.
        """

    async def close(self) -> None:
        """Let go of what it holds."""
        return
