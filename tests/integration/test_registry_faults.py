"""The registry and the gateway while their database is away."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from procession.operations.registry import Registry
from tests.gateway.api.world import PATIENCE, V1, World, client_of, named, serving, until
from tests.postgres import Server, own_server

LEASE = timedelta(seconds=3)
PATH = "/open-account/v1/x"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with own_server() as started:
        started.make_template()
        yield started


@pytest.fixture
async def world(server: Server) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        yield World(server.url(server.create_database()), stack)


async def test_requests_go_on_while_the_database_restarts_and_servers_come_back(
    server: Server, world: World
) -> None:
    # Given a server behind a gateway
    app_url = await world.stack.enter_async_context(serving(named("one")))
    announced = world.registry.announce(serves=V1, url=app_url, lease=LEASE)
    await world.stack.enter_async_context(announced)
    gateway = await world.gateway()
    client = await world.stack.enter_async_context(client_of(gateway))
    before = announced.fencing_number

    # When the database goes away for longer than the lease
    await asyncio.to_thread(server.stop, signal.SIGQUIT)
    try:
        await until(lambda: not gateway.readiness().ready)
        await asyncio.sleep(LEASE.total_seconds())

        # Then requests go on
        assert (await client.post(PATH)).text == "one"
    finally:
        await asyncio.to_thread(server.start)

    # also when it is there again, and says of the server that its lease has ended
    async def answers() -> None:
        assert (await client.post(PATH)).text == "one"
        await asyncio.sleep(0.01)

    while announced.fencing_number == before or not gateway.readiness().ready:
        await answers()
    await answers()
    assert [one.id for one in await world.registry.alive()] == [announced.id]


async def test_draining_and_leaving_do_not_wait_for_a_database_that_is_away(
    server: Server, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    notice = timedelta(seconds=0.1)
    async with world.registry.announce(
        serves=V1, url="http://127.0.0.1:1", lease=timedelta(seconds=1), notice=notice
    ) as announced:
        await asyncio.to_thread(server.stop, signal.SIGQUIT)
        try:
            await asyncio.wait_for(announced.drain(), PATIENCE)
            await asyncio.wait_for(announced.__aexit__(None, None, None), PATIENCE)
        finally:
            await asyncio.to_thread(server.start)

    assert "cannot be told that this process drains" in caplog.text
    assert "cannot leave the registry" in caplog.text
    async with Registry(world.url) as registry:
        assert await registry.alive() == []
