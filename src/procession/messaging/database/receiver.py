"""Consuming a queue of the database."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

from procession.errors import DatabaseBusy, NotReady
from procession.messaging.database import bells, queues
from procession.messaging.database.opening import OpenDatabase
from procession.messaging.database.settling import Settler
from procession.messaging.pauses import Pauses
from procession.messaging.port import Delivery, Receiver

log = logging.getLogger("procession.messaging")

CHECK = timedelta(seconds=1)
"""How often to look for messages of other processes, and for leases that ended."""
FIRST_PAUSE = timedelta(milliseconds=100)
LONGEST_PAUSE = timedelta(seconds=10)


class DatabaseDelivery(Delivery):
    """A leased message."""

    def __init__(self, leased: queues.Leased, receiver: DatabaseReceiver) -> None:
        self.message = leased.message
        self._leased = leased
        self._receiver = receiver

    async def acknowledge(self) -> bool:
        return await self._settle()

    async def requeue(self) -> bool:
        return await self._settle(again=True)

    async def bury(self, reason: str) -> bool:
        return await self._settle(dead=True, reason=reason)

    async def _settle(self, *, dead: bool = False, again: bool = False, reason: str = "") -> bool:
        settlement = queues.Settlement(self._leased.id, self._leased.fence, dead, again, reason)
        return await self._receiver.settle(settlement)


class DatabaseReceiver(Receiver):
    """Leases messages, up to `prefetch` at a time, and renews the leases of those that are held."""

    def __init__(
        self, database: OpenDatabase, queue: str, prefetch: int, limit: int, lease: timedelta
    ) -> None:
        self._database = database
        self._queue = queue
        self._prefetch = prefetch
        self._limit = limit
        self._lease = lease
        self._owner = uuid4().hex
        self._settler = Settler(database, self._owner)
        self._held: dict[int, queues.Leased] = {}
        self._ready: deque[queues.Leased] = deque()
        self._pauses = Pauses(FIRST_PAUSE, LONGEST_PAUSE)
        self._changed = asyncio.Event()
        self._stopping = False
        self._declared = False
        self._loop = asyncio.get_running_loop()
        bells.hang(database.name, queue, self._ring)
        self._renewing = asyncio.create_task(self._renew(), name=f"procession leases of {queue}")

    @property
    def _milliseconds(self) -> int:
        return int(self._lease.total_seconds() * 1000)

    def _ring(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._changed.set)

    async def __anext__(self) -> Delivery:
        while not self._stopping:
            if self._ready:
                return DatabaseDelivery(self._ready.popleft(), self)
            self._changed.clear()
            free = self._prefetch - len(self._held)
            if not (free and await self._take(free)):
                await self._wait(CHECK.total_seconds() if free else None)
        raise StopAsyncIteration

    async def _take(self, most: int) -> bool:
        try:
            if not self._declared:
                await self._database.declare(self._queue, self._limit)
                self._declared = True
            leased = await self._database.run(
                queues.lease, self._queue, self._owner, most, self._milliseconds
            )
        except (NotReady, DatabaseBusy) as error:
            log.log(
                logging.DEBUG if self._pauses.begun else logging.WARNING,
                "queue %s waits: %s",
                self._queue,
                error,
            )
            await asyncio.sleep(self._pauses.next())
            return True  # look again at once: enough was waited
        self._pauses.reset()
        self._held.update((one.id, one) for one in leased)
        self._ready.extend(leased)
        return bool(leased)

    async def _wait(self, seconds: float | None) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    async def settle(self, settlement: queues.Settlement) -> bool:
        """Settle what is held, together with what others settle meanwhile."""
        try:
            held = await self._settler.settle(settlement)
        finally:
            self._held.pop(settlement.id, None)
            self._changed.set()
        if settlement.again:
            bells.ring_all(self._database.name, self._queue)
        return held

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            if self._held:
                try:
                    await self._database.run(
                        queues.renew, self._owner, sorted(self._held), self._milliseconds
                    )
                except (NotReady, DatabaseBusy) as error:
                    log.warning("leases of queue %s could not be renewed: %s", self._queue, error)

    async def stop(self) -> None:
        self._stopping = True
        await self._give_back(self._ready)
        self._ready.clear()
        self._changed.set()

    async def _give_back(self, leased: Iterable[queues.Leased]) -> None:
        """Have messages delivered again now; when that fails, they are when their leases end."""
        settlements = [queues.Settlement(one.id, one.fence, again=True) for one in leased]
        await asyncio.gather(*map(self.settle, settlements), return_exceptions=True)

    async def close(self) -> None:
        bells.take_down(self._database.name, self._queue, self._ring)
        self._renewing.cancel()
        with suppress(asyncio.CancelledError):
            await self._renewing
        await self.stop()
        await self._settler.close()
        await self._give_back(tuple(self._held.values()))
