"""Plain handlers that are quick lease more than they handle at once; slow ones leave it to others."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from procession import Job, Procession
from procession.engine.records import JOB_ACTIVATED
from tests.building import bpmn, end, start
from tests.building import job as service_task

PATIENCE = 60.0
CONCURRENCY = 2


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ahead.db"


def leased(file: Path) -> int:
    """Jobs that are leased just now."""
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        query = "SELECT count(*) FROM job WHERE state = ?"
        found: int = connection.execute(query, (JOB_ACTIVATED,)).fetchone()[0]
        return found
    finally:
        connection.close()


async def run(app: Procession, count: int) -> None:
    """Start so many, and wait until they have ended."""
    instances = [await app.start("p") for _ in range(count)]
    async with asyncio.timeout(PATIENCE):
        for instance in instances:
            await instance.result()


async def test_quick_handlers_lease_jobs_ahead(file: Path) -> None:
    # Given a handler that does nothing, and has done that often
    app = Procession(f"sqlite:///{file}")
    blocked = threading.Event()
    goes_on = threading.Event()

    @app.task("t", concurrency=CONCURRENCY)
    def work(job: Job) -> None:
        if blocked.is_set():
            goes_on.wait(PATIENCE)

    async with app:
        await app.deploy_files({"p.bpmn": bpmn(start() + service_task("t") + end(), "s>t t>e")})
        await run(app, 200)
        # When all at once nothing is done any more, and there is more to do
        blocked.set()
        running = asyncio.create_task(run(app, 20))
        # Then all that are left wait here
        try:
            async with asyncio.timeout(PATIENCE):
                while await asyncio.to_thread(leased, file) < 20:  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.01)
        finally:
            goes_on.set()
        # And they are done when it goes on
        await running


async def test_slow_handlers_lease_what_they_handle(file: Path) -> None:
    # Given a handler that takes a while
    app = Procession(f"sqlite:///{file}")
    seen: list[int] = []

    @app.task("t", concurrency=CONCURRENCY)
    def work(job: Job) -> None:
        time.sleep(0.1)
        seen.append(leased(file))

    async with app:
        await app.deploy_files({"p.bpmn": bpmn(start() + service_task("t") + end(), "s>t t>e")})
        # When there is much to do
        await run(app, 10)
    # Then it never had more than it works on
    assert max(seen) <= CONCURRENCY
