"""Strict channels: one process after the other, the oldest first, across all nodes.

Each process of a strict channel begins with an element that waits for its turn. For each channel there
is one instance of the process below with one job, and whoever holds that job gives the turns: its lease
makes sure that it is one node, and its fencing number that a node which was paused comes too late. Whose
turn it is was written under that lease (variable `holder`) before the turn is given, and nobody else gets
one before that process has ended. So no two are past their turn at once, whoever dies when.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from msgspec import structs

from procession.bpmn import write
from procession.client.job import Failure, Job, NotBegun
from procession.errors import Aborted, NotFound, WrongState
from procession.model import Body, FlowNode, JobDefinition, Kind, Process, SequenceFlow
from procession.process.compiling import CHANNEL_JOB
from procession.storage.searches.steps import oldest_job

if TYPE_CHECKING:
    from procession.client.app import Procession

log = logging.getLogger("procession.process")

PROCESS_ID = "process-channel"
JOB_TYPE = f"{PROCESS_ID}-turns"
LOOK_SECONDS = 1.0
"""Between two looks for processes that others have started."""
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

    def __init__(self, app: Procession) -> None:
        self._app = app
        self._closing = asyncio.Event()
        self._started = asyncio.Event()
        """Something was started in this process: no need to wait for the next look."""
        app.task(JOB_TYPE, max_runtime=FOREVER, concurrency=MOST_CHANNELS)(self.give)

    async def open(self, channels: Iterable[str]) -> None:
        """Make sure that the turns of these channels are given by somebody."""
        self._closing.clear()
        await self._app.deploy_files({f"{PROCESS_ID}.bpmn": content()})
        for channel in sorted(set(channels)):
            await self._app.start(
                PROCESS_ID, {"channel": channel}, business_key=f"channel:{channel}", idempotency_key=channel
            )

    def close(self) -> None:
        """Let go of the channels: other nodes take over."""
        self._closing.set()
        self._started.set()

    def look(self) -> None:
        """A process was started."""
        self._started.set()

    async def give(self, job: Job, channel: str, holder: int | None = None) -> None:
        """Give turns until the app is left, or the lease is lost."""
        while not self._closing.is_set():
            if holder is not None:
                await self._let(holder, channel)
            following = await self._following(channel)
            if following is not None:
                # Written under this job's lease. Handed out again at once, it gives that turn.
                raise Failure(
                    f"turn of {following}", retries=1, backoff=timedelta(0), variables={"holder": following}
                )
            holder = None
        raise NotBegun

    async def _let(self, holder: int, channel: str) -> None:
        """Let the process whose turn it is begin, if it has not, and wait until it has ended."""
        engine = self._app._backend.reader("strict channels")
        job_type = f"{CHANNEL_JOB}.{channel}"
        waiting = await asyncio.to_thread(oldest_job, engine, job_type, instance_key=holder)
        if waiting is not None:
            with contextlib.suppress(NotFound, WrongState):  # it was let before, or abandoned
                await self._app.complete_job(waiting.key)
        ended = self._app._backend.watch(holder)
        closing = asyncio.ensure_future(self._closing.wait())
        try:
            await asyncio.wait((ended, closing), return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                raise NotBegun
            with contextlib.suppress(Aborted, NotFound):
                ended.result()
        finally:
            closing.cancel()
            ended.cancel()

    async def _following(self, channel: str) -> int | None:
        """The oldest process that waits for its turn; None if there is none in a second."""
        engine = self._app._backend.reader("strict channels")
        self._started.clear()
        oldest = await asyncio.to_thread(oldest_job, engine, f"{CHANNEL_JOB}.{channel}")
        if oldest is not None:
            return oldest.instance_key
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._started.wait(), LOOK_SECONDS)
        return None
