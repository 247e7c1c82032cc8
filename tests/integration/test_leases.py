"""Leases between a worker and its node: kept while a job is unanswered, and no longer."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

from procession import Job, Procession

from .models import ALL

LEASE = timedelta(milliseconds=500)
PATIENCE = timedelta(seconds=30)


async def test_a_handler_that_has_completed_its_job_goes_on_undisturbed(url: str) -> None:
    # Given a handler that completes its job itself and then takes longer than the lease
    app = Procession(url)
    went_on = asyncio.Event()

    @app.task("work", timeout=LEASE)
    async def work(job: Job) -> None:
        await job.complete()
        await asyncio.sleep(LEASE.total_seconds() * 2)
        went_on.set()

    async with app:
        await app.deploy_files(ALL)
        # When it runs
        instance = await app.start("one_job")
        await instance.result(timeout=PATIENCE)
        # Then nobody cancels it
        await asyncio.wait_for(went_on.wait(), PATIENCE.total_seconds())


async def test_a_handler_whose_job_was_taken_back_is_cancelled(url: str) -> None:
    # Given a handler that waits for something while its instance is cancelled
    app = Procession(url)
    began, ended = asyncio.Event(), asyncio.Event()

    @app.task("work", timeout=LEASE)
    async def work(job: Job) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with app:
        await app.deploy_files(ALL)
        instance = await app.start("one_job")
        await asyncio.wait_for(began.wait(), PATIENCE.total_seconds())
        await app.cancel(instance.key)
        # Then it is cancelled when its lease cannot be renewed
        await asyncio.wait_for(ended.wait(), PATIENCE.total_seconds())


async def test_a_handler_that_outlives_its_lease_keeps_it(url: str) -> None:
    # Given a handler that runs several times as long as its lease, beside another node that would take over
    apps = Procession(url), Procession(url)
    runs: list[int] = []
    for app in apps:

        @app.task("work", timeout=LEASE)
        async def work(job: Job) -> None:
            runs.append(job.lease)
            await asyncio.sleep(LEASE.total_seconds() * 3)

    async with apps[0], apps[1]:
        await apps[0].deploy_files(ALL)
        # When it is done
        instance = await apps[0].start("one_job")
        await instance.result(timeout=PATIENCE)
    # Then nobody else had the job meanwhile
    assert runs == [1]


async def test_a_job_whose_lease_ends_before_its_handler_is_called_is_handed_out_again(url: str) -> None:
    # Given a process that holds two jobs, and comes to the second one when both leases have ended
    app = Procession(url)
    runs: list[tuple[int, int]] = []
    stood_still = False

    @app.task("work", timeout=LEASE)
    async def work(job: Job) -> None:
        nonlocal stood_still
        runs.append((job.instance_key, job.lease))
        if not stood_still:
            stood_still = True
            time.sleep(LEASE.total_seconds() * 2)  # noqa: ASYNC251  # everything here waits, as if it was stopped

    async with Procession(url, serve=False) as other:
        await other.deploy_files(ALL)
        started = [(await other.start("one_job")) for _ in range(2)]
        # When it works
        async with app:
            for one in started:
                await one.result(timeout=PATIENCE)
    # Then the second one ran only under a new lease
    of_second = [lease for key, lease in runs if key != runs[0][0]]
    assert of_second
    assert 1 not in of_second
