"""Workers that vanish: what was leased to them can be had again."""

from __future__ import annotations

import asyncio
import contextlib
import random

import grpc
from pyzeebe.proto import gateway_pb2 as pb
from pyzeebe.proto import gateway_pb2_grpc as stubs

from tests.building import bpmn, end, job, start
from tests.fuzz.target import SECONDS, Target

JOBS = 60
WORKERS = 120
LEASE = 1_500
"""Milliseconds. A job on its way to a worker that leaves just then waits for the end of its lease."""
LONG_LEASE = 3_600_000
TYPE = "abandoned"
MODEL = bpmn(start() + job("task", type=TYPE) + end(), "s>task task>e", id=TYPE)


async def test_workers_that_vanish_hold_no_jobs(target: Target, rng: random.Random, rounds: int) -> None:
    async with grpc.aio.insecure_channel(target.address) as channel:
        stub = stubs.GatewayStub(channel)  # type: ignore[no-untyped-call] # generated code
        await stub.DeployResource(
            pb.DeployResourceRequest(resources=[pb.Resource(name="abandoned.bpmn", content=MODEL)])
        )

        # Given: workers that come and go while jobs are made
        create = pb.CreateProcessInstanceRequest(bpmnProcessId=TYPE, version=-1)
        workers = [_vanish(target.address, rng.random(), rng.random() < 0.5) for _ in range(WORKERS)]
        await asyncio.gather(*workers, *(stub.CreateProcessInstance(create) for _ in range(JOBS)))

        # Then: one that stays gets all jobs
        async with asyncio.timeout(SECONDS):
            assert len(await _all_jobs(stub)) == JOBS
    target.assert_well()


async def test_workers_that_left_before_the_jobs_came_get_none(target: Target, rng: random.Random) -> None:
    async with grpc.aio.insecure_channel(target.address) as channel:
        stub = stubs.GatewayStub(channel)  # type: ignore[no-untyped-call] # generated code
        await stub.DeployResource(
            pb.DeployResourceRequest(resources=[pb.Resource(name="abandoned.bpmn", content=MODEL)])
        )

        # Given: workers with long leases, whose connections are closed
        workers = [_vanish(target.address, rng.random(), rng.random() < 0.5, LONG_LEASE) for _ in range(20)]
        await asyncio.gather(*workers)
        await stub.Topology(pb.TopologyRequest())

        # When
        create = pb.CreateProcessInstanceRequest(bpmnProcessId=TYPE, version=-1)
        await asyncio.gather(*(stub.CreateProcessInstance(create) for _ in range(JOBS)))

        # Then
        async with asyncio.timeout(SECONDS):
            assert len(await _all_jobs(stub)) == JOBS


async def _vanish(address: str, after: float, streams: bool, lease: int = LEASE) -> None:
    """A worker on a connection of its own, which cancels its call or simply hangs up."""
    async with grpc.aio.insecure_channel(
        address, options=(("grpc.use_local_subchannel_pool", 1),)
    ) as channel:
        stub = stubs.GatewayStub(channel)  # type: ignore[no-untyped-call] # generated code
        if streams:
            made = stub.StreamActivatedJobs(
                pb.StreamActivatedJobsRequest(type=TYPE, worker="gone", timeout=lease)
            )
        else:
            made = stub.ActivateJobs(
                pb.ActivateJobsRequest(
                    type=TYPE, worker="gone", timeout=lease, maxJobsToActivate=5, requestTimeout=60_000
                )
            )
        with contextlib.suppress(asyncio.CancelledError, TimeoutError):
            async with asyncio.timeout(after):
                async for _ in made:
                    pass
        if after < 0.5:
            made.cancel()


async def _all_jobs(stub: stubs.GatewayStub) -> set[int]:
    found: set[int] = set()
    ask = pb.ActivateJobsRequest(
        type=TYPE, worker="stays", timeout=LONG_LEASE, maxJobsToActivate=JOBS, requestTimeout=20_000
    )
    while len(found) < JOBS:
        async for answer in stub.ActivateJobs(ask):
            found.update(one.key for one in answer.jobs)
    return found
