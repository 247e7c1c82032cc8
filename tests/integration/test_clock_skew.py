"""Hosts whose clocks differ by twenty minutes: on PostgreSQL only the server's clock counts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from procession import Procession, StorageError
from procession.storage.searches import InstanceStatus
from tests.building import bpmn, catch, end, job, on_duration, start
from tests.migrations import engine

from .companions import Companion
from .models import ALL

PATIENCE = timedelta(seconds=60)
COUNT = 20
AHEAD, BEHIND = "600", "-600"
WAITS = bpmn(
    start() + catch("wait", on_duration("PT2S")) + job("work") + end(), "s>wait wait>work work>e", id="both"
)


def ask(url: str, statement: str) -> list[tuple[Any, ...]]:
    made = engine(url)
    with made.connect() as connection:
        rows = [tuple(row) for row in connection.execute(sa.text(statement))]
    made.dispose()
    return rows


async def completed(app: Procession, count: int) -> None:
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while (await app.count_instances())[InstanceStatus.COMPLETED] < count:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def test_timers_backoffs_and_leases_go_by_the_databases_clock(postgresql_url: str) -> None:
    url = postgresql_url
    async with Procession(url, serve=False) as app:
        await app.deploy_files({"both.bpmn": WAITS})
        # Given a node ten minutes ahead and one ten minutes behind
        with Companion("skewed", url, AHEAD) as ahead, Companion("skewed", url, BEHIND) as behind:
            ahead.expect("ready")
            behind.expect("ready")
            # When instances wait for a timer, then fail and back off, then are worked on for three leases
            for _ in range(COUNT):
                await app.start("both")
            await completed(app, COUNT)
            ahead.finish()
            behind.finish()
    # Then no timer was early or late by the difference, and none fired twice
    timers = ask(url, "SELECT ended_at-started_at FROM element_instance WHERE element_id='wait'")
    assert len(timers) == COUNT
    assert all(2_000 <= waited < 40_000 for (waited,) in timers), timers
    # And each job was handed out again after its backoff; a machine that is too busy to renew leases of a
    # second may lose one or two, clocks that count would lose them all the time
    jobs = ask(url, "SELECT lease, failures, ended_at-created_at FROM job")
    assert all(failures == 1 and 2 <= lease <= 5 for lease, failures, _ in jobs), jobs
    assert all(5_000 <= lived < 60_000 for *_, lived in jobs), jobs
    assert ask(url, "SELECT count(*) FROM incident") == [(0,)]


@pytest.mark.parametrize(("holder", "heir"), [(AHEAD, BEHIND), (BEHIND, AHEAD)])
async def test_a_lease_ends_when_the_database_says_so(holder: str, heir: str, postgresql_url: str) -> None:
    url = postgresql_url
    async with Procession(url, serve=False) as app:
        await app.deploy_files(ALL)
        await app.start("one_job")
        with Companion("skewed_never_done", url, holder) as other:
            other.expect("ready")
            other.expect("leased")
            # When a node is killed with a job in its hands
            other.kill()
        # Then another one takes it over as soon as the lease has ended, whatever their clocks say
        with Companion("skewed", url, heir) as other:
            other.expect("ready")
            await completed(app, 1)
            other.finish()
    [(lived,)] = ask(url, "SELECT ended_at-created_at FROM job")
    assert lived < PATIENCE.total_seconds() * 1000


@contextmanager
def wrong_clock(monkeypatch: pytest.MonkeyPatch, seconds: int) -> Iterator[None]:
    clock = time.time_ns
    with monkeypatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: clock() + seconds * 1_000_000_000)
        patch.setattr(time, "time", lambda: clock() / 1e9 + seconds)
        yield


async def test_an_answer_that_failed_is_sent_again_by_a_host_that_is_ahead(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a handler on a host ten minutes ahead, and a database that is away when it answers
    broken = asyncio.Event()
    app = Procession(postgresql_url)

    @app.task("work", timeout=timedelta(seconds=30))
    async def work() -> None:
        broken.set()

    with wrong_clock(monkeypatch, 600):
        async with app:
            await app.deploy_files(ALL)
            transaction = app._embedded.storage.transaction

            def fails(*args: Any, **kwargs: Any) -> Any:
                if broken.is_set():
                    raise StorageError("the database is away")
                return transaction(*args, **kwargs)

            monkeypatch.setattr(app._embedded.storage, "transaction", fails)
            await app.start("one_job")
            await broken.wait()
            await asyncio.sleep(1.5)
            # When it is back
            broken.clear()
            await completed(app, 1)
    # Then the answer has come, under the same lease
    assert ask(postgresql_url, "SELECT lease FROM job") == [(1,)]
