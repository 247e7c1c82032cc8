"""How jobs come from a server and go back: against one of the test's own, which shows what it was told."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Iterator
from concurrent import futures
from datetime import timedelta

import grpc
import pytest
from pyzeebe.proto import gateway_pb2 as pb
from pyzeebe.proto import gateway_pb2_grpc as stubs

from procession import Job, Procession

LONG = timedelta(seconds=60)
HOUR = 3_600_000


def job_of(key: int) -> pb.ActivatedJob:
    return pb.ActivatedJob(
        key=key, type="work", retries=3, variables="{}", customHeaders="{}", deadline=4_000_000_000_000
    )


class Polled(stubs.GatewayServicer):
    """Knows no StreamActivatedJobs; gives out one job."""

    def __init__(self) -> None:
        self.jobs: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.jobs.put(1)
        self.completed: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.failed: queue.SimpleQueue[tuple[int, int]] = queue.SimpleQueue()
        """Keys and retries."""
        self.workers: set[str] = set()

    def Topology(self, request: pb.TopologyRequest, context: grpc.ServicerContext) -> pb.TopologyResponse:  # noqa: N802
        return pb.TopologyResponse()

    def ActivateJobs(  # noqa: N802
        self, request: pb.ActivateJobsRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.ActivateJobsResponse]:
        self.workers.add(request.worker)
        try:
            key = self.jobs.get(timeout=0.1)
        except queue.Empty:
            return
        yield pb.ActivateJobsResponse(jobs=[job_of(key)])

    def CompleteJob(  # noqa: N802
        self, request: pb.CompleteJobRequest, context: grpc.ServicerContext
    ) -> pb.CompleteJobResponse:
        self.completed.put(request.jobKey)
        return pb.CompleteJobResponse()

    def FailJob(self, request: pb.FailJobRequest, context: grpc.ServicerContext) -> pb.FailJobResponse:  # noqa: N802
        self.failed.put((request.jobKey, request.retries))
        return pb.FailJobResponse()


class Pushing(Polled):
    """Pushes six jobs at once, and then none."""

    def StreamActivatedJobs(  # noqa: N802
        self, request: pb.StreamActivatedJobsRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.ActivatedJob]:
        left = queue.SimpleQueue[None]()
        context.add_callback(lambda: left.put(None))
        yield from map(job_of, range(11, 17))
        left.get()


def served(servicer: Polled) -> Iterator[str]:
    """The URL of a server."""
    server = grpc.server(futures.ThreadPoolExecutor(8))
    stubs.add_GatewayServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]  # generated
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"grpc://127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.fixture
def polled() -> Polled:
    return Polled()


@pytest.fixture
def pushing() -> Pushing:
    return Pushing()


@pytest.fixture
def polled_url(polled: Polled) -> Iterator[str]:
    yield from served(polled)


@pytest.fixture
def pushing_url(pushing: Pushing) -> Iterator[str]:
    yield from served(pushing)


async def got(what: queue.SimpleQueue[int]) -> int:
    return await asyncio.to_thread(what.get, True, LONG.total_seconds())


async def test_a_server_that_cannot_push_is_polled(polled: Polled, polled_url: str) -> None:
    app = Procession(polled_url, worker_name="shipping", connect_timeout=LONG)
    app.task("work")(lambda: None)
    async with app:
        assert await got(polled.completed) == 1
        polled.jobs.put(2)
        assert await got(polled.completed) == 2
    assert polled.workers == {"shipping"}


async def test_what_was_pushed_while_no_slot_was_free_is_given_back_on_leaving(
    pushing: Pushing, pushing_url: str
) -> None:
    app = Procession(pushing_url, connect_timeout=LONG, grace=timedelta(0))
    busy: asyncio.Queue[int] = asyncio.Queue()

    @app.task("work", concurrency=2, timeout=timedelta(milliseconds=HOUR))
    async def work(job: Job) -> None:
        await busy.put(job.key)
        await asyncio.Event().wait()

    async with app:
        for _ in range(2):
            await asyncio.wait_for(busy.get(), LONG.total_seconds())
    back = {pushing.failed.get(timeout=LONG.total_seconds()) for _ in range(7)}
    assert back == {(key, 3) for key in (1, *range(11, 17))}
