"""Who runs, by the database's word and time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from procession.errors import InvalidInput
from procession.operations.registry import Kind, Registration, Registry, Served, Standing
from procession.operations.registry.store import REMEMBER_ENDED, REMEMBER_LOST
from procession.storage import open_storage

from ..databases import Database

SERVES = [("open-account", "v1"), ("open-account", "v2")]
URL = "http://127.0.0.1:8081"
LONG = timedelta(hours=1)
AT_ONCE = timedelta(0)
PATIENCE = 30.0


async def becomes(found: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await found():  # noqa: ASYNC110 - what is awaited is in the database
            await asyncio.sleep(0.02)


def jump(database: Database, time: timedelta) -> None:
    """Let the database's clock jump ahead."""
    storage = open_storage(database.url)
    storage.move_clock(time // timedelta(milliseconds=1))
    storage.close()


async def only(registry: Registry) -> Registration:
    (found,) = await registry.known()
    return found


async def test_an_announced_server_is_alive_with_all_that_it_serves(
    registry: Registry, other: Registry
) -> None:
    async with registry.announce(serves=SERVES, url=f"{URL}/") as announced:
        (found,) = await other.alive()

    assert (found.id, found.kind, found.url) == (announced.id, Kind.SERVER, URL)
    assert found.serves == (Served(case="open-account", api="v1"), Served(case="open-account", api="v2"))
    assert (found.standing, found.pid) == (Standing.LIVE, os.getpid())
    assert found.expires_at - found.started_at == timedelta(seconds=15)


async def test_one_that_leaves_is_not_alive_but_known(registry: Registry) -> None:
    async with registry.announce(serves=SERVES, url=URL):
        pass

    assert await registry.alive() == []
    assert (await only(registry)).standing is Standing.ENDED


async def test_one_that_left_is_forgotten_after_a_while(database: Database, registry: Registry) -> None:
    async with registry.announce(serves=SERVES, url=URL):
        pass
    jump(database, REMEMBER_ENDED + timedelta(minutes=1))

    async with registry.announce(serves=SERVES, url="http://127.0.0.1:8082") as announced:
        assert [one.id for one in await registry.known()] == [announced.id]


async def test_a_lease_ends_by_the_time_of_the_database(
    database: Database, registry: Registry, other: Registry
) -> None:
    async with registry.announce(serves=SERVES, url=URL, lease=LONG):
        jump(database, LONG)

        assert await other.alive() == []
        assert (await only(other)).standing is Standing.LOST


async def test_a_lease_is_renewed_in_the_background(registry: Registry, other: Registry) -> None:
    async with registry.announce(serves=SERVES, url=URL, lease=timedelta(seconds=0.9)):
        before = await only(other)

        async def renewed() -> bool:
            return (await only(other)).expires_at > before.expires_at

        await becomes(renewed)


async def test_whose_lease_has_ended_comes_back_with_a_greater_number(
    database: Database, registry: Registry, other: Registry
) -> None:
    async with registry.announce(serves=SERVES, url=URL, lease=timedelta(seconds=3)) as announced:
        before = announced.fencing_number
        jump(database, LONG)

        async def back() -> bool:
            told = announced.fencing_number > before  # it hears of it a moment after it is committed
            return told and [one.id for one in await other.alive()] == [announced.id]

        await becomes(back)
        assert (await only(other)).fencing_number == announced.fencing_number


async def test_a_renewal_with_an_old_number_is_refused(registry: Registry) -> None:
    async with registry.announce(serves=SERVES, url=URL, lease=LONG) as announced:
        stale = announced.fencing_number - 1

        assert await registry.run(lambda store: store.renew(announced.id, stale, LONG)) is None
        assert await registry.run(lambda store: store.renew(announced.id, stale + 1, LONG)) is False


async def test_one_that_drains_is_alive_and_says_so(registry: Registry, other: Registry) -> None:
    async with registry.announce(serves=SERVES, url=URL, notice=AT_ONCE) as announced:
        await announced.drain()

        (found,) = await other.alive()
        assert found.standing is Standing.DRAINING


async def test_draining_returns_only_when_gateways_have_had_the_time_to_notice(registry: Registry) -> None:
    loop = asyncio.get_running_loop()
    async with registry.announce(serves=SERVES, url=URL, notice=timedelta(seconds=0.3)) as announced:
        began = loop.time()
        await announced.drain()

    assert loop.time() - began >= 0.3


async def test_one_that_drains_still_does_after_its_lease_had_ended(
    database: Database, registry: Registry, other: Registry
) -> None:
    second = timedelta(seconds=3)
    async with registry.announce(serves=SERVES, url=URL, lease=second, notice=AT_ONCE) as announced:
        await announced.drain()
        jump(database, LONG)

        async def back() -> bool:
            return [one.standing for one in await other.alive()] == [Standing.DRAINING]

        await becomes(back)


async def test_a_worker_sees_that_somebody_tells_it_to_drain(registry: Registry, other: Registry) -> None:
    async with (
        registry.announce_worker(app="orders:app", serves=[("open-account", "v1")]) as first,
        registry.announce_worker(app="orders:app") as second,
    ):
        told = [one for one in await other.alive(Kind.WORKER) if one.id == first.id]
        await other.drain(told)

        await asyncio.wait_for(first.told_to_drain(), PATIENCE)
        standings = {one.id: one.standing for one in await other.alive(Kind.WORKER)}
        assert standings == {first.id: Standing.DRAINING, second.id: Standing.LIVE}


async def test_servers_and_workers_are_told_apart(registry: Registry) -> None:
    async with (
        registry.announce(serves=SERVES, url=URL) as server,
        registry.announce_worker(app="orders:app") as worker,
    ):
        assert [one.id for one in await registry.alive(Kind.SERVER)] == [server.id]
        assert [one.id for one in await registry.alive(Kind.WORKER)] == [worker.id]


async def test_a_lost_server_is_remembered_for_a_day(
    database: Database, registry: Registry, other: Registry
) -> None:
    # Given one that was killed: its row is there, and nobody renews it
    lost = registry.announce(serves=SERVES, url=URL, lease=timedelta(days=30))
    await lost.__aenter__()
    await registry.run(lambda store: store.renew(lost.id, lost.fencing_number, timedelta(0)))

    async with other.announce(serves=SERVES, url="http://127.0.0.1:8082"):
        assert {one.id: one.standing for one in await other.known()}[lost.id] is Standing.LOST
    jump(database, REMEMBER_LOST + timedelta(minutes=1))

    async with other.announce(serves=SERVES, url="http://127.0.0.1:8082"):
        assert lost.id not in {one.id for one in await other.known()}
    await lost.__aexit__(None, None, None)


async def test_a_lost_server_is_forgotten_when_another_listens_in_its_place(
    registry: Registry, other: Registry
) -> None:
    lost = registry.announce(serves=SERVES, url=URL, lease=timedelta(days=30))
    await lost.__aenter__()
    await registry.run(lambda store: store.renew(lost.id, lost.fencing_number, timedelta(0)))

    async with other.announce(serves=SERVES, url=URL) as announced:
        assert [one.id for one in await other.known()] == [announced.id]
    await lost.__aexit__(None, None, None)


async def test_many_who_come_and_go_at_once_do_not_disturb_each_other(database: Database) -> None:
    async def one(number: int) -> None:
        async with Registry(database.url) as registry:
            for _ in range(5):
                async with registry.announce(serves=SERVES, url=f"http://127.0.0.1:{9000 + number}"):
                    pass

    await asyncio.gather(*(one(number) for number in range(6)))

    async with Registry(database.url) as registry:
        assert {standing.standing for standing in await registry.known()} == {Standing.ENDED}


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8081", "ftp://host", "http://", "http://host:99999", "http://h/?a"]
)
def test_a_url_that_cannot_be_right_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="is no URL of a server"):
        Registry("sqlite:///unused.db").announce(serves=SERVES, url=url)


@pytest.mark.parametrize(
    "pair", [("OpenAccount", "v1"), ("open-account", ""), ("open/account", "v1"), ("a", "../b")]
)
def test_what_can_be_no_part_of_a_path_is_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(InvalidInput, match=r"write for example open-account\.v1"):
        Registry("sqlite:///unused.db").announce(serves=[pair], url=URL)


def test_the_gateways_own_paths_are_no_names_of_cases() -> None:
    with pytest.raises(InvalidInput, match="the gateway answers that path"):
        Registry("sqlite:///unused.db").announce(serves=[("health", "v1")], url=URL)


def test_a_server_that_serves_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput, match="has to serve something"):
        Registry("sqlite:///unused.db").announce(serves=[], url=URL)
