"""The client side, the same for every server: who starts instances and who works on their jobs.

Both run on the event loop of one process, which is not the server's, over one connection each. A
handler does nothing: it completes its job at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
from pyzeebe.proto import gateway_pb2 as pb
from pyzeebe.proto import gateway_pb2_grpc as stubs

from benchmarks.measure import START_VARIABLES, TASK_RESULT
from benchmarks.models import TASK_TYPE, zeebe_process

TASKS = {"bench-1": 1, "bench-10": 10}
"""Process id to its number of tasks."""
LEASE_MS = 60_000
RESULT_MS = 60_000
POLL_MS = 10_000
POLL_JOBS = 100
BACKFILL_SECONDS = 1.0
"""A stream brings only what is made after it opened and what it could take; the rest is polled for,
as the Java client's streaming worker does."""
LEAST_PAUSE, MOST_PAUSE = 0.005, 0.2
"""Seconds before a refused call is tried again; doubled each time."""
_AGAIN = (
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.UNAVAILABLE,
)
_RESULT = json.dumps(TASK_RESULT)
_VARIABLES = json.dumps(START_VARIABLES)
_OPTIONS = (("grpc.use_local_subchannel_pool", 1),)  # a connection for each channel


class Load:
    """Clients of one server. `refused` counts the calls that it had no room or no time for."""

    def __init__(self, address: str) -> None:
        self._channels = [grpc.aio.insecure_channel(address, options=_OPTIONS) for _ in range(2)]
        self.creator: Any = stubs.GatewayStub(self._channels[0])
        self.worker: Any = stubs.GatewayStub(self._channels[1])
        self.refused = 0
        self.late = 0
        """Completions of jobs that had been completed already."""
        self.ended = 0
        """Instances whose last job was completed."""
        self.completed = 0
        """Jobs."""
        self._lanes: dict[int, asyncio.Future[None]] = {}
        self._completions: set[asyncio.Task[None]] = set()

    async def deploy(self) -> None:
        resources = [
            pb.Resource(name=f"{name}.bpmn", content=zeebe_process(name, tasks).encode())
            for name, tasks in TASKS.items()
        ]
        # A Zeebe that has just answered may not know its partition yet.
        await self.insist(self.creator.DeployResource, pb.DeployResourceRequest(resources=resources))
        self.refused = 0

    async def close(self) -> None:
        for channel in self._channels:
            await channel.close()

    # --- starting -----------------------------------------------------------------------------

    def start_request(self, process_id: str) -> Any:
        return pb.CreateProcessInstanceRequest(bpmnProcessId=process_id, version=-1, variables=_VARIABLES)

    def starter(self, process_id: str) -> Callable[[], Awaitable[None]]:
        """What starts an instance and returns when the completion of its last job was answered."""
        request = pb.CreateProcessInstanceRequest(bpmnProcessId=process_id, version=-1, variables=_VARIABLES)

        async def one() -> None:
            started = await self.insist(self.creator.CreateProcessInstance, request)
            await self._lane(started.processInstanceKey)

        return one

    def asker(self, process_id: str) -> Callable[[], Awaitable[None]]:
        """What starts an instance and awaits its result, as one call."""
        request = pb.CreateProcessInstanceWithResultRequest(
            request=self.start_request(process_id), requestTimeout=RESULT_MS
        )

        async def one() -> None:
            await self.insist(self.creator.CreateProcessInstanceWithResult, request)

        return one

    async def insist(self, call: Callable[[Any], Awaitable[Any]], request: Any) -> Any:
        """Call until there is room for it."""
        pause = LEAST_PAUSE
        while True:
            try:
                return await call(request)
            except grpc.aio.AioRpcError as error:
                if error.code() not in _AGAIN:
                    raise
            self.refused += 1
            await asyncio.sleep(pause)
            pause = min(pause * 2, MOST_PAUSE)

    def _lane(self, instance: int) -> asyncio.Future[None]:
        """Settled at the end of the instance, which may be known before its start was answered."""
        lane = self._lanes.pop(instance, None)
        if lane is None:
            lane = self._lanes[instance] = asyncio.get_running_loop().create_future()
        return lane

    # --- working ------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def streaming(self) -> AsyncIterator[None]:
        """A worker that jobs are pushed to."""
        async with _beside(self._stream(), self._backfill()):
            yield

    @contextlib.asynccontextmanager
    async def polling(self) -> AsyncIterator[None]:
        """A worker that asks for jobs, with long polls."""
        async with _beside(self._poll()):
            yield

    async def _stream(self) -> None:
        request = pb.StreamActivatedJobsRequest(type=TASK_TYPE, worker="bench", timeout=LEASE_MS)
        while True:
            async for job in self.worker.StreamActivatedJobs(request):
                self._take(job)

    async def _backfill(self) -> None:
        while True:
            await asyncio.sleep(BACKFILL_SECONDS)
            await self._activate(-1)

    async def _poll(self) -> None:
        while True:
            await self._activate(POLL_MS)

    async def _activate(self, wait_ms: int) -> None:
        request = pb.ActivateJobsRequest(
            type=TASK_TYPE,
            worker="bench",
            timeout=LEASE_MS,
            maxJobsToActivate=POLL_JOBS,
            requestTimeout=wait_ms,
        )
        try:
            async for answer in self.worker.ActivateJobs(request):
                for job in answer.jobs:
                    self._take(job)
        except grpc.aio.AioRpcError as error:
            if error.code() not in _AGAIN:
                raise
            self.refused += 1
            await asyncio.sleep(LEAST_PAUSE)

    def _take(self, job: Any) -> None:
        task = asyncio.create_task(self._complete(job))
        self._completions.add(task)
        task.add_done_callback(self._completions.discard)

    async def _complete(self, job: Any) -> None:
        request = pb.CompleteJobRequest(jobKey=job.key, variables=_RESULT)
        try:
            await self.insist(self.worker.CompleteJob, request)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
            self.late += 1  # an earlier try was carried out, or another lease
        self.completed += 1
        if job.elementId == f"task_{TASKS[job.bpmnProcessId]}":
            self.ended += 1
            lane = self._lane(job.processInstanceKey)
            if not lane.done():
                lane.set_result(None)


@contextlib.asynccontextmanager
async def _beside(*jobs: Any) -> AsyncIterator[None]:
    """Run coroutines until the context is left; one that fails is heard of then."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome


async def closed_loop(one: Callable[[], Awaitable[None]], in_flight: int, seconds: float) -> None:
    """Keep `in_flight` of them going for so long, then await what was begun."""
    end = time.monotonic() + seconds

    async def lane() -> None:
        while time.monotonic() < end:
            await one()

    async with asyncio.TaskGroup() as group:
        for _ in range(in_flight):
            group.create_task(lane())


async def open_loop(one: Callable[[], Awaitable[None]], per_second: float, count: int) -> list[float]:
    """Begin `count` of them at a steady rate; milliseconds each, from the moment it should have begun."""
    found: list[float] = []

    async def timed(due: float) -> None:
        await one()
        found.append((time.perf_counter() - due) * 1_000)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            due = began + number / per_second
            if (pause := due - time.perf_counter()) > 0:
                await asyncio.sleep(pause)
            group.create_task(timed(due))
    return found
