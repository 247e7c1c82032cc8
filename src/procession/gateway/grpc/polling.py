"""ActivateJobs: a worker asks for jobs, and waits a while for the first."""

from __future__ import annotations

import asyncio
from typing import Any

from procession.broker import ActivatedJob, JobStream
from procession.errors import InvalidInput
from procession.gateway.grpc.calls import Context, streaming
from procession.gateway.grpc.core import Core
from procession.gateway.grpc.delivery import check_request, fetch_of, give_back, lease_of, packed

POLL_SECONDS = 10.0
"""How long jobs are waited for when the request does not say: clients allow twice that."""
MOST_JOBS = 1000
"""In one answer."""


class Poll:
    """One request for jobs: it gets one delivery, perhaps of nothing."""

    def __init__(self, core: Core, request: Any) -> None:
        self._core = core
        self._hasty = request.requestTimeout < 0
        self._seconds = request.requestTimeout / 1000 or POLL_SECONDS
        self._answer: asyncio.Future[list[ActivatedJob]] = core.loop.create_future()
        self._stream = JobStream(
            request.type,
            request.worker,
            lease_of(request),
            fetch_of(request),
            self._deliver,
            credits=min(request.maxJobsToActivate, MOST_JOBS),
            once=True,
            hasty=self._hasty,
        )

    def _deliver(self, jobs: list[ActivatedJob]) -> None:
        """On the node's thread."""
        self._core.inbox.call_each(self._receive, [jobs])

    def _receive(self, jobs: list[ActivatedJob]) -> None:
        if not self._answer.done():
            self._answer.set_result(jobs)
        else:
            give_back(self._core, jobs)

    async def jobs(self) -> list[ActivatedJob]:
        """The jobs, as soon as there are any; none when the time is up or the server stops."""
        core = self._core
        timer = None if self._hasty else core.loop.call_later(self._seconds, self._expire)
        core.opened(self._expire)
        core.node.open_stream(self._stream)
        try:
            return await self._answer
        except BaseException:
            if not self._answer.cancelled():  # they came, but he who asked had just left
                give_back(core, self._answer.result())
            self._close()
            raise
        finally:
            core.closed(self._expire)
            if timer is not None:
                timer.cancel()

    def _expire(self) -> None:
        if not self._answer.done():
            self._close()
            self._answer.set_result([])

    def _close(self) -> None:
        """What is delivered from now on is given back."""
        self._core.node.close_stream(self._stream, self._core.inbox)


@streaming("ActivateJobs", "ACTIVATE", lambda r: f"activate jobs of type {r.type!r}")
async def activate(core: Core, request: Any, context: Context) -> None:
    check_request(request)
    if request.maxJobsToActivate < 1:
        raise InvalidInput(f"at least 1 job must be asked for, not {request.maxJobsToActivate}")
    jobs = await Poll(core, request).jobs()
    left = {job.key: job for job in jobs}
    try:
        for inside, message in packed(core, jobs):
            await context.write(message)
            for job in inside:
                del left[job.key]
    except BaseException:
        give_back(core, left.values())
        raise
