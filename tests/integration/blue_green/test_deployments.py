"""A deployment in the middle of load: generations of servers change places behind two gateways."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx

from .load import KEYED, PLAIN, Load
from .processes import PATIENCE, Crew, ended

CLIENTS = 12
V1, V2 = "open-account.v1", "open-account.v2"


async def _held(gateway: str) -> str:
    """A long poll: the build that answered it in the end."""
    async with httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as client:
        response = await client.get(f"{gateway}/open-account/v1/held")
        found: str = response.json()["build"]
        return found


async def _exists(file: Path) -> None:
    async with asyncio.timeout(PATIENCE):
        while not file.exists():  # noqa: ASYNC110, ASYNC240 - another process makes it
            await asyncio.sleep(0.05)


async def test_no_request_is_lost_while_a_new_generation_takes_over(any_crew: Crew, tmp_path: Path) -> None:
    # Given two servers of the old build behind two gateways, under load, and a long poll
    crew = any_crew
    gateways = await crew.gateways(2)
    old = await crew.servers(("old", "old"), V1)
    async with Load(gateways, CLIENTS) as load:
        await load.more(200, build="old")
        waiting = asyncio.create_task(_held(gateways[0]))
        await _exists(tmp_path / "held-old")

        # When servers of a new build start, which serve a new api as well, and then the old ones drain
        new = await crew.servers(("new", "new"), V1, V2)
        load.apis = ["v1", "v2"]
        await load.more(50, build="new", api="v1")
        await load.more(50, build="new", api="v2")
        for process in old:
            process.terminate()
        await load.more(100)
        (tmp_path / "go").touch()

        # Then these end when they have answered all they held, and the new ones carry on
        assert [await ended(process) for process in old] == [0, 0]
        assert await waiting == "old"
        await load.more(200, build="new")

    # and no request was lost, or carried out twice
    assert load.failures == []
    assert {build for _, build in load.builds[-100:]} == {"new"}
    carried_out = crew.carried_out()
    assert set(carried_out) == load.done[PLAIN] | load.done[KEYED]
    assert set(carried_out.values()) == {1}

    for process in new:
        process.terminate()
    assert [await ended(process) for process in new] == [0, 0]


async def test_a_killed_server_loses_no_request_that_may_be_repeated(crew: Crew) -> None:
    # Given three servers behind two gateways, under load
    gateways = await crew.gateways(2)
    servers = await crew.servers(("first", "second", "third"), V1)
    async with Load(gateways, CLIENTS) as load:
        await load.more(200)

        # When two are killed in the middle, one after the other, and another one comes
        servers[0].kill()
        await load.more(200)
        await crew.servers(("fourth",), V1)
        servers[1].kill()
        await load.more(200)
        await load.more(50, build="fourth")

    # Then whatever may be repeated was answered
    assert [failure for failure in load.failures if failure[0] != PLAIN] == []

    # and what may not was carried out once at most, and is known to be in doubt if it was not answered
    carried_out = crew.carried_out()
    assert [why for _, _, why in load.failures if not why.startswith("502 ")] == []
    assert load.done[PLAIN] | load.done[KEYED] <= set(carried_out)
    keyed = load.done[KEYED]
    assert {command: n for command, n in carried_out.items() if n > 1 and command not in keyed} == {}


async def test_the_last_servers_of_an_api_go_and_others_go_on(crew: Crew) -> None:
    # Given servers of two apis under load
    (gateway,) = await crew.gateways(1)
    (retired,) = await crew.servers(("one",), V1)
    await crew.servers(("two",), V2)
    async with Load([gateway], 4) as load:
        load.apis = ["v2"]
        await load.more(20)

        # When the only one of v1 is drained
        retired.terminate()
        assert await ended(retired) == 0

        # Then v1 is to be tried again later, and v2 goes on
        async with httpx.AsyncClient(base_url=gateway, timeout=PATIENCE, trust_env=False) as client:
            response = await client.get("/open-account/v1/build")
            assert (response.status_code, response.headers["retry-after"]) == (503, "2")
            assert (await client.get("/open-account/v3/build")).json()["versions"] == ["v1", "v2"]
        await load.more(20)

    assert load.failures == []
