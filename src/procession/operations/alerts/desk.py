"""Where alerts are handed in: each channel has its own queue and works at its own pace."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta

from procession.errors import InvalidInput
from procession.operations.alerts.alert import Alert
from procession.operations.alerts.channel import Channel

log = logging.getLogger("procession.alerts")

CAPACITY = 1000
FIRST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(minutes=5)
KEEP_FOR = timedelta(days=1)


class AlertDesk:
    """Sends alerts over all channels, each at least once while this process lives.

    A channel that fails is tried again with growing waits and holds up no other. An alert is dropped,
    with an ERROR in the log that carries all of it, when the channel refuses it for good, when it could
    not be sent for `keep_for`, when `capacity` others wait, and when the desk closes before it is sent.

    Args:
        capacity: alerts that wait in front of each channel, at most.
        first_wait, longest_wait: after the first failed attempt, doubling, and at most.
    """

    def __init__(
        self,
        channels: Sequence[Channel],
        *,
        capacity: int = CAPACITY,
        first_wait: timedelta = FIRST_WAIT,
        longest_wait: timedelta = LONGEST_WAIT,
        keep_for: timedelta = KEEP_FOR,
    ) -> None:
        self._lanes = [_Lane(one, capacity, first_wait, longest_wait, keep_for) for one in channels]
        self._senders: list[asyncio.Task[None]] = []

    def open(self) -> None:
        """Begin to send, on the running event loop."""
        self._senders = [asyncio.create_task(lane.run()) for lane in self._lanes]

    def hand_in(self, alert: Alert) -> None:
        """Have an alert sent; it does not wait. To be called on the event loop."""
        for lane in self._lanes:
            lane.add(alert)

    async def close(self, grace: timedelta) -> None:
        """Send what waits, for `grace` at most, and let go of the channels."""
        finished = [asyncio.create_task(lane.queue.join()) for lane in self._lanes]
        if finished:
            await asyncio.wait(finished, timeout=grace.total_seconds())
        for task in (*finished, *self._senders):
            task.cancel()
        await asyncio.gather(*finished, *self._senders, return_exceptions=True)
        for lane in self._lanes:
            lane.drop_all()
            await lane.channel.close()


class _Lane:
    """One channel's queue."""

    def __init__(
        self, channel: Channel, capacity: int, first_wait: timedelta, longest_wait: timedelta, keep: timedelta
    ) -> None:
        self.channel = channel
        self.queue: asyncio.Queue[tuple[Alert, float]] = asyncio.Queue(capacity)
        """With the time of the loop until which each is kept."""
        self._first_wait = first_wait.total_seconds()
        self._longest_wait = longest_wait.total_seconds()
        self._keep = keep.total_seconds()
        self._sending: Alert | None = None

    def add(self, alert: Alert) -> None:
        try:
            self.queue.put_nowait((alert, asyncio.get_running_loop().time() + self._keep))
        except asyncio.QueueFull:
            self._drop(alert, "too many others wait")

    async def run(self) -> None:
        while True:
            self._sending, until = await self.queue.get()
            await self._deliver(self._sending, until)
            self._sending = None
            self.queue.task_done()

    async def _deliver(self, alert: Alert, until: float) -> None:
        wait = self._first_wait
        while True:
            try:
                await self.channel.send(alert)
                return
            except InvalidInput as error:
                self._drop(alert, f"it was refused: {error}")
                return
            except Exception as error:
                if asyncio.get_running_loop().time() + wait > until:
                    self._drop(alert, f"it could not be sent for too long: {error!r}")
                    return
                log.warning("alert %s: %s fails, again in %g s: %r", alert.id, self.channel.name, wait, error)
            await asyncio.sleep(wait)
            wait = min(wait * 2, self._longest_wait)

    def drop_all(self) -> None:
        if self._sending is not None:
            self._drop(self._sending, "the desk was closed")
        while not self.queue.empty():
            self._drop(self.queue.get_nowait()[0], "the desk was closed")

    def _drop(self, alert: Alert, reason: str) -> None:
        log.error("ALERT DROPPED by %s, %s:\n%s\n%s", self.channel.name, reason, alert.subject, alert.text)
