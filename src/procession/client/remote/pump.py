"""Bringing jobs to one worker: pushed by the server, and polled for beside that.

A stream brings what becomes activatable while it is open; what did so before, or could not be pushed,
has to be polled for: at once when a stream opens, then ever more rarely, up to ten times the interval.
Where a server cannot push, or the stream is broken, long polls take its place.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from typing import Any

import grpc

from procession.broker import JobStream
from procession.client.remote.channel import Channel
from procession.client.remote.jobs import activated, fetched
from procession.client.remote.leases import Leases
from procession.client.remote.stubs import pb
from procession.errors import NotAllowed, NotReady, ProcessionError, Unsupported

log = logging.getLogger("procession.remote")

LONG_POLL_SECONDS = 10.0
ANSWER_SECONDS = 10.0
"""How long a poll's answer may take beyond what it was asked to wait."""
AT_ONCE = -1
GATHER_SECONDS = 0.005
"""After a poll that found jobs: so long for more slots to become free before the next."""
CLOSE_SECONDS = 1.0
DENIED_SECONDS = 30.0
"""Before the next try, where the server refuses the credentials: somebody has to see to them first."""
_LEVELS = {NotReady: logging.INFO, NotAllowed: logging.ERROR}
QUIET_SECONDS = 0.25
"""On leaving: if nothing comes for so long, nothing more is on its way."""
UNUSED_MOST = 500
"""On leaving: so many jobs at most are read only to be given back."""


class Pause:
    """Waits that double, with a fifth at random so that clients do not come all at once."""

    def __init__(self, first: float, most: float) -> None:
        self._first, self._most = first, most
        self._next = first

    def reset(self) -> None:
        self._next = self._first

    async def sleep(self) -> None:
        seconds, self._next = self._next, min(self._next * 2, self._most)
        await asyncio.sleep(seconds * random.uniform(0.8, 1.2))


class Pump:
    """Serves a `JobStream`; on the event loop only."""

    def __init__(self, stream: JobStream, channel: Channel, leases: Leases) -> None:
        self.stream = stream
        self._channel = channel
        self._leases = leases
        self._room = asyncio.Event()
        self._pushes = True
        """Whether the server pushes, as far as is known."""
        self._rest = Pause(stream.rest_seconds, 10 * stream.rest_seconds)
        self._polling = False
        """Whether a poll that is answered at once is under way."""
        self._closing = False
        self._unused: list[Any] = []
        """Jobs that were read, but not handed over: no slot was free."""
        self._pushing_task = asyncio.create_task(self._push())
        self._polling_task = asyncio.create_task(self._poll())

    def request(self, count: int) -> None:
        self.stream.credits += count
        if self.stream.credits > 0:
            self._room.set()

    async def close(self) -> None:
        """Take no more jobs. Those that have come already are handed over: who leaves gives them back.

        So a poll that is about to be answered is not thrown away with its jobs, and what was pushed
        while no slot was free does not stay leased.
        """
        self._closing = True
        self._pushing_task.cancel()
        if self._polling:
            await asyncio.wait([self._polling_task], timeout=CLOSE_SECONDS)
        self._polling_task.cancel()
        await asyncio.gather(self._pushing_task, self._polling_task, return_exceptions=True)
        self._hand_over(self._unused)  # not before: the stream would have brought them once more
        self.stream.credits = 0

    async def _has_room(self) -> None:
        while self.stream.credits <= 0:
            self._room.clear()
            await self._room.wait()

    # --- pushed -----------------------------------------------------------------------------------

    async def _push(self) -> None:
        pause = Pause(0.1, 5.0)
        while True:
            await self._has_room()
            try:
                async with self._channel.stream(
                    "StreamActivatedJobs", self._push_request(), wait=True
                ) as call:
                    self._pushes = True
                    self._rest.reset()
                    await self._read(call, pause)
            except Unsupported:
                log.info("the server does not push jobs of type %r: they are polled for", self.stream.type)
                self._pushes = False
                return
            except ProcessionError as error:
                self._pushes = False
                await self._recover("stream", error, pause)
            else:
                self._pushes = False
                await pause.sleep()

    def _push_request(self) -> Any:
        stream = self.stream
        return pb.StreamActivatedJobsRequest(
            type=stream.type, worker=stream.worker, timeout=stream.timeout, fetchVariable=fetched(stream)
        )

    async def _read(self, call: Any, pause: Pause) -> None:
        try:
            while True:
                await self._has_room()
                job = await call.read()
                if job is grpc.aio.EOF:
                    return
                pause.reset()
                self._unused.append(job)
                await self._has_room()  # a poll may have taken it meanwhile
                self._hand_over([self._unused.pop()])
        except asyncio.CancelledError:
            if not call.done():  # then it waited for room
                await self._read_the_rest(call)
            raise

    async def _read_the_rest(self, call: Any) -> None:
        """What the server has pushed so far is leased, whether it was read or not."""
        with contextlib.suppress(TimeoutError, grpc.aio.AioRpcError):
            async with asyncio.timeout(CLOSE_SECONDS):
                while len(self._unused) < UNUSED_MOST:
                    job = await asyncio.wait_for(call.read(), QUIET_SECONDS)
                    if job is grpc.aio.EOF:
                        return
                    self._unused.append(job)

    # --- polled for -------------------------------------------------------------------------------

    async def _poll(self) -> None:
        trouble = Pause(0.1, 5.0)
        while not self._closing:
            await self._has_room()
            try:
                found = await self._activate(at_once=self._pushes)
            except ProcessionError as error:
                await self._recover("poll", error, trouble)
                continue
            trouble.reset()
            if found:
                self._rest.reset()
                await asyncio.sleep(GATHER_SECONDS)
            elif self._pushes:
                await self._rest.sleep()

    async def _activate(self, *, at_once: bool) -> int:
        """Ask for as many as there is room for; answers how many came."""
        stream, asked, found = self.stream, self.stream.credits, 0
        stream.credits -= asked  # nobody else may fill these slots meanwhile
        wait = 0.0 if at_once else LONG_POLL_SECONDS
        request = pb.ActivateJobsRequest(
            type=stream.type,
            worker=stream.worker,
            timeout=stream.timeout,
            maxJobsToActivate=asked,
            fetchVariable=fetched(stream),
            requestTimeout=AT_ONCE if at_once else int(wait * 1000),
        )
        self._polling = at_once
        try:
            timeout = wait + ANSWER_SECONDS
            async with self._channel.stream("ActivateJobs", request, timeout, wait=True) as call:
                while (response := await call.read()) is not grpc.aio.EOF:
                    came = len(response.jobs)
                    self.request(min(came, asked - found))
                    found += came
                    self._hand_over(response.jobs)
        finally:
            self._polling = False
            self.request(max(asked - found, 0))
        return found

    # --- handed over ------------------------------------------------------------------------------

    def _hand_over(self, jobs: Any) -> None:
        fresh = []
        for job in jobs:
            self._leases.clock.observe(job.deadline - self.stream.timeout)
            if self._leases.is_over(job.deadline):
                log.info("job %d came after its lease had ended", job.key)  # it waited for a slot too long
                continue
            taken = activated(job, self._leases.next_number())
            self._leases.grant(taken)
            fresh.append(taken)
        self.stream.credits -= len(fresh)
        if fresh:
            self.stream.deliver(fresh)

    async def _recover(self, what: str, error: ProcessionError, pause: Pause) -> None:
        level = _LEVELS.get(type(error), logging.WARNING)
        log.log(level, "the %s for jobs of type %r is tried again: %s", what, self.stream.type, error)
        await (asyncio.sleep(DENIED_SECONDS) if isinstance(error, NotAllowed) else pause.sleep())
