"""An instance that is started and awaited in one go is watched from its first batch."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from procession import NotFound, Procession
from procession.engine import commands as c
from tests.building import bpmn, end, job, start

SECONDS = 30.0
STRAIGHT = bpmn(start() + end(), "s>e", id="straight")
WORK = bpmn(start() + job("work") + end(), "s>work work>e", id="order")


@pytest.fixture
def app(tmp_path: Path) -> Procession:
    return Procession(f"sqlite:///{tmp_path / 'awaited.db'}")


async def test_it_may_end_in_the_batch_that_starts_it(app: Procession) -> None:
    async with app:
        # Given
        await app.deploy_files({"straight.bpmn": STRAIGHT})

        # When
        found = await app.run("straight", {"n": 1}, timeout=timedelta(seconds=SECONDS))

        # Then
        assert found == {"n": 1}


async def test_many_at_once_each_get_their_own_result(app: Procession) -> None:
    @app.task("work")
    async def work(n: int) -> dict[str, int]:
        return {"n": n * 2}

    async with app:
        # Given
        await app.deploy_files({"order.bpmn": WORK})

        # When
        wait = timedelta(seconds=SECONDS)
        found = await asyncio.gather(*(app.run("order", {"n": n}, timeout=wait) for n in range(100)))

        # Then
        assert found == [{"n": n * 2} for n in range(100)]


async def test_one_that_an_earlier_start_made_and_has_ended_is_found(app: Procession) -> None:
    async with app:
        # Given
        await app.deploy_files({"straight.bpmn": STRAIGHT})
        node, inbox = app._embedded.node, app._embedded.inbox
        command = c.StartInstance("straight", variables={"n": "1"}, idempotency_key="once")
        first, ended = node.run(command, inbox)
        await ended

        # When
        second, ended = node.run(command, inbox)

        # Then
        assert await asyncio.wait_for(ended, SECONDS) == {"n": "1"}
        assert (await second).key == (await first).key
        assert not (await second).created


async def test_one_that_cannot_start_leaves_nobody_waiting(app: Procession) -> None:
    async with app:
        # When
        with pytest.raises(NotFound):
            await app.run("unknown", timeout=timedelta(seconds=SECONDS))

        # Then
        assert app._embedded.node._waiting == {}
