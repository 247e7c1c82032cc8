"""StreamActivatedJobs: jobs go to a worker as they come, as fast as it takes them."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from procession.broker import ActivatedJob, JobStream
from procession.errors import NotReady
from procession.gateway.grpc.calls import Context, streaming
from procession.gateway.grpc.core import STOPPING, Core
from procession.gateway.grpc.delivery import (
    MESSAGE_BYTES,
    check_request,
    fetch_of,
    give_back,
    lease_of,
    too_large,
    write_job,
)

WINDOW = 64
"""Jobs leased to a worker that its connection has not taken yet, at most."""


class Push:
    """One worker's stream. A job that was written makes room for another one."""

    def __init__(self, core: Core, request: Any) -> None:
        self._core = core
        self._waiting: deque[ActivatedJob] = deque()
        self._awake: asyncio.Future[None] | None = None
        self._ended = False
        self._stream = JobStream(
            request.type,
            request.worker,
            lease_of(request),
            fetch_of(request),
            self._deliver,
            credits=WINDOW,
        )

    def _deliver(self, jobs: list[ActivatedJob]) -> None:
        """On the node's thread."""
        self._core.inbox.call_each(self._receive, [jobs])

    def _receive(self, jobs: list[ActivatedJob]) -> None:
        if self._ended:
            give_back(self._core, jobs)
        else:
            self._waiting.extend(jobs)
            self._wake()

    def _wake(self) -> None:
        if self._awake is not None and not self._awake.done():
            self._awake.set_result(None)

    def _end(self) -> None:
        self._ended = True
        self._wake()

    async def run(self, context: Context) -> None:
        """Write jobs until the client leaves or the server stops; what was not written is given back."""
        core = self._core
        core.opened(self._end)
        core.node.open_stream(self._stream)
        try:
            while not self._ended:
                await self._write(context)
                await self._sleep()
        finally:
            self._ended = True
            core.closed(self._end)
            core.node.close_stream(self._stream, core.inbox)
            give_back(core, self._waiting)
        raise NotReady(STOPPING)

    async def _write(self, context: Context) -> None:
        written = 0
        while self._waiting and not self._ended:
            job = self._waiting[0]
            message = write_job(job)
            length = message.ByteSize()
            if length <= MESSAGE_BYTES:
                await context.write(message)
            else:
                too_large(self._core, job, length)
            self._waiting.popleft()
            written += 1
        if written:
            self._core.node.request(self._stream, written)

    async def _sleep(self) -> None:
        if not self._waiting and not self._ended:
            self._awake = self._core.loop.create_future()
            await self._awake


@streaming("StreamActivatedJobs", "STREAM", lambda r: f"stream jobs of type {r.type!r}")
async def stream(core: Core, request: Any, context: Context) -> None:
    check_request(request)
    await Push(core, request).run(context)
