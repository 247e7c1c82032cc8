"""The relay: publishes what is committed in the outbox."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Self
from uuid import uuid4

import sqlalchemy as sa

from procession.errors import DatabaseBusy, NotReady
from procession.messaging import claims
from procession.messaging.pauses import Pauses
from procession.messaging.port import Transport
from procession.messaging.sending import Sending
from procession.messaging.transactions import Transactions

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from procession.messaging.outbox import Outbox

log = logging.getLogger("procession.messaging")

BATCH = 500
LEASE = timedelta(seconds=30)
CHECK = timedelta(seconds=1)
"""How long a message may wait whose commit nobody told us of."""
GATHER = timedelta(milliseconds=10)
"""Pause before the next batch when there were commits during the last one: larger batches cost less. A
commit while nothing goes on is looked at at once."""
FIRST_PAUSE = timedelta(milliseconds=100)
LONGEST_PAUSE = timedelta(seconds=10)


class Relay:
    """Publishes what is committed in an outbox while it runs: `async with outbox.relay(engine, transport)`.

    Any number of relays may serve one outbox, in any processes: each takes the lanes that nobody holds,
    for one batch. What the broker has confirmed is deleted. A broker or database that is away is tried
    again after growing pauses of up to ten seconds; a message that the broker refuses (its queue does not
    exist yet) is tried again after up to a minute, with what has the same ordering key waiting behind it.

    Args:
        engine: the service's database, synchronous or not.
        transport: where to publish; it is not closed with the relay.
        outbox: whose nudges to listen to.
        batch: messages at a time.
        lease: how long others wait for a relay that died in the middle of a batch.
    """

    def __init__(
        self,
        engine: sa.Engine | AsyncEngine,
        transport: Transport,
        *,
        outbox: Outbox | None = None,
        batch: int = BATCH,
        lease: timedelta = LEASE,
    ) -> None:
        self._transactions = Transactions(engine)
        self._transport = transport
        self._outbox = outbox
        self._batch = batch
        self._lease = lease
        self._owner = uuid4().hex
        self._nudged = asyncio.Event()
        self._stopping = False
        self._pauses = Pauses(FIRST_PAUSE, LONGEST_PAUSE)
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        if self._outbox is not None:
            self._outbox.add_bell(self.nudge)
        self._task = asyncio.create_task(self._run(), name="procession outbox relay")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._outbox is not None:
            self._outbox.remove_bell(self.nudge)
        self._stopping = True
        self._nudged.set()
        if self._task is not None:
            await self._task
        await self._transactions.close()

    def nudge(self) -> None:
        """Look now; from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._nudged.set)

    async def _run(self) -> None:
        while not self._stopping:
            self._nudged.clear()
            try:
                more = await self.relay_batch()
            except (NotReady, DatabaseBusy) as error:
                await self._pause(error)
            except Exception as error:
                log.exception("the outbox relay failed")
                await self._pause(error)
            else:
                if self._pauses.begun:
                    log.warning("the outbox relay works again")
                self._pauses.reset()
                if self._nudged.is_set() and not (more or self._stopping):
                    await asyncio.sleep(GATHER.total_seconds())
                elif not more:
                    await self._wait(CHECK.total_seconds())

    async def relay_batch(self) -> bool:
        """Claim, publish and delete one batch. Answers whether there may be more to do at once.

        Raises:
            NotReady: the database or the transport is away.
            DatabaseBusy: others were in the way.
        """
        try:
            claim = await self._transactions.run(claims.claim, self._owner, self._batch, self._lease)
        except sa.exc.IntegrityError:  # another relay made the lanes just now
            return True
        if claim is None:
            return False
        sending = Sending(self._transport)
        try:
            await sending.send(claim.rows)
        finally:
            held = await self._transactions.run(
                claims.finish, self._owner, claim, sending.confirmed, sending.refused
            )
        if not held:
            log.warning("a batch took longer than its lease of %s: it may be published again", self._lease)
        if sending.away is not None:
            raise sending.away
        return len(claim.rows) == self._batch or claim.skipped

    async def _pause(self, error: Exception) -> None:
        log.log(logging.DEBUG if self._pauses.begun else logging.WARNING, "the outbox waits: %s", error)
        await self._wait(self._pauses.next(), nudges=False)

    async def _wait(self, seconds: float, *, nudges: bool = True) -> None:
        """Wait, but not for longer than until there is something to do, or it is to stop."""
        try:
            async with asyncio.timeout(seconds):
                while not self._stopping:
                    await self._nudged.wait()
                    if nudges or self._stopping:
                        return
                    self._nudged.clear()
        except TimeoutError:
            return
