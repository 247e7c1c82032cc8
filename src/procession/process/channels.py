"""Strict channels: one process after the other, the oldest first, across all nodes.

Each process of a strict channel begins with an element that waits for its turn. For each channel there
is one instance of the process below with one job, and whoever holds that job gives the turns: its lease
makes sure that it is one node, and its fencing number that a node which was paused comes too late. Whose
turns come next, and in which order, was written under that lease (variable `line`) before the first of
them is given, and each is given only when the process before it has ended. So a node that was paused can
only do what the next one does as well: no two are past their turn at once, whoever dies when.

A process's place is its key. It was taken from the database when the start was called, so it is above
those of all whose start was answered before, on whatever node and whatever the clocks say.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from msgspec import structs

from procession.bpmn import write
from procession.client.job import Failure, Job, NotBegun
from procession.engine import commands as c
from procession.errors import Aborted, NotFound, ProcessionError, WrongState
from procession.model import Body, FlowNode, JobDefinition, Kind, Process, SequenceFlow
from procession.process.compiling import CHANNEL_JOB
from procession.storage.searches.turns import LINE, Turn, lease_of, waiting_turns

if TYPE_CHECKING:
    from procession.client.app import Procession

log = logging.getLogger("procession.process")

PROCESS_ID = "process-channel"
JOB_TYPE = f"{PROCESS_ID}-turns"
AHEAD = 100
"""Turns that are written down at once."""
LOOK_SECONDS = 1.0
"""Between two looks for processes that nobody told of."""
LEASE_MS = 10_000
"""Of the job with which a process waits: it is completed at once."""
AGAIN_SECONDS = 1.0
"""After a fault of the database."""
MOST_CHANNELS = 1000
FOREVER = timedelta(days=36_500)


def content() -> bytes:
    """The BPMN file of the process that gives the turns of a channel."""
    flows = (
        SequenceFlow(id="begin", source="start", target="turns"),
        SequenceFlow(id="finish", source="turns", target="end"),
    )
    turns = FlowNode(
        id="turns", kind=Kind.SERVICE_TASK, name="Give turns", job=JobDefinition(type=JOB_TYPE, retries="1")
    )
    nodes = (
        FlowNode(id="start", kind=Kind.START_EVENT, outgoing=("begin",)),
        structs.replace(turns, incoming=("begin",), outgoing=("finish",)),
        FlowNode(id="end", kind=Kind.END_EVENT, incoming=("finish",)),
    )
    return write([Process(id=PROCESS_ID, name="Channel", body=Body(nodes=nodes, flows=flows))])


class Turns:
    """Gives the turns of strict channels."""

    def __init__(self, app: Procession, lease: timedelta) -> None:
        self._app = app
        self._closing = asyncio.Event()
        self._channels: list[str] = []
        app.task(JOB_TYPE, timeout=lease, max_runtime=FOREVER, concurrency=MOST_CHANNELS)(self.give)

    async def open(self, channels: Iterable[str]) -> None:
        """Make sure that the turns of these channels are given by somebody."""
        self._closing.clear()
        await self._app.deploy_files({f"{PROCESS_ID}.bpmn": content()})
        self._channels = sorted(set(channels))
        for channel in self._channels:
            await self._app.start(
                PROCESS_ID, {"channel": channel}, business_key=_name(channel), idempotency_key=channel
            )

    def close(self) -> None:
        """Let go of the channels: other nodes take over."""
        self._closing.set()

    @property
    def lines(self) -> dict[str, str]:
        """By the business keys of what gives turns: the types of jobs with which processes wait there."""
        return {_name(channel): _job_type(channel) for channel in self._channels}

    async def give(self, job: Job, channel: str, line: list[Turn] | None = None) -> None:
        """Give turns until the app is left, or the lease is lost."""
        left = list(line or ())
        while not self._closing.is_set():
            try:
                if not left:
                    await self._write_line(channel)
                    continue
                await self._give(left[0], channel)
                left.pop(0)
            except ProcessionError as error:
                # Such as a database that is away. What was written is still true: nothing is lost by waiting.
                log.warning("the turns of channel %r: %s", channel, error)
                await self._wait_for(asyncio.sleep(AGAIN_SECONDS))
        raise NotBegun

    async def _give(self, turn: Turn, channel: str) -> None:
        """Let the process whose turn it is begin, if it has not, and wait until it has ended."""
        ended = self._app._backend.watch(turn.instance_key)
        try:
            with contextlib.suppress(NotFound):  # it was let before, or abandoned
                await self._let(turn, channel)
            if not await self._wait_for(ended):
                raise NotBegun
            with contextlib.suppress(Aborted, NotFound):
                ended.result()
        finally:
            ended.cancel()
            ended.add_done_callback(_heard)

    async def _let(self, turn: Turn, channel: str) -> None:
        try:
            await self._app._send(c.CompleteJob(turn.job_key, lease=turn.lease))
        except WrongState:
            engine = self._app._backend.reader("strict channels")
            known = await asyncio.to_thread(lease_of, engine, turn.job_key, _job_type(channel))
            if known is not None:
                await self._let_all_the_same(turn.job_key, known)
            # Else it was moved to a version that waits for no turn, and its job is a step's.

    async def _let_all_the_same(self, job_key: int, known: int) -> None:
        """It is not due, as the clock was put back since, or was moved to another version that waits here."""
        lease = await self._app._send(c.LeaseJob(job_key, JOB_TYPE, LEASE_MS))
        if lease != known + 1:
            await self._app._send(c.ReleaseJob(job_key, lease))
            raise WrongState(f"job {job_key} has just changed", key=job_key)
        await self._app._send(c.CompleteJob(job_key, lease=lease))

    async def _write_line(self, channel: str) -> None:
        """Write down whose turns come next, as far as is known; wait a while if there is nobody.

        Raises:
            Failure: that writes it, under this job's lease. Handed out again at once, it gives these turns.
        """
        job_type = _job_type(channel)
        bell = self._app._backend.when_jobs(job_type)
        try:
            engine = self._app._backend.reader("strict channels")
            line = await asyncio.to_thread(waiting_turns, engine, job_type, channel, AHEAD)
            if line:
                said = f"{len(line)} turns from {line[0].instance_key} on"
                raise Failure(said, retries=1, backoff=timedelta(0), variables={LINE: line})
            await self._wait_for(bell, LOOK_SECONDS)
        finally:
            bell.cancel()

    async def _wait_for(self, awaited: Awaitable[object], seconds: float | None = None) -> bool:
        """Wait for something, or until this app is left or the time is over; whether it came."""
        waited = asyncio.ensure_future(awaited)
        closing = asyncio.ensure_future(self._closing.wait())
        try:
            await asyncio.wait((waited, closing), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            return waited.done()
        finally:
            closing.cancel()
            if not waited.done():
                waited.cancel()


def _name(channel: str) -> str:
    """The business key of what gives its turns."""
    return f"channel:{channel}"


def _job_type(channel: str) -> str:
    """Of the jobs that wait for their turn in it."""
    return f"{CHANNEL_JOB}.{channel}"


def _heard(ended: asyncio.Future[dict[str, str]]) -> None:
    """What nobody waits for any more may fail."""
    if not ended.cancelled():
        ended.exception()
