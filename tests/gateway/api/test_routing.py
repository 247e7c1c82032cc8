"""Which server gets a request, and what is said where there is none."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec import structs

from procession.errors import StorageError
from procession.gateway.api import watching
from procession.operations.registry import Registration, Registry, Standing

from .world import V1, V2, Recorder, Scope, World, answer, client_of, named, until


async def test_a_request_goes_to_a_server_of_its_api(world: World) -> None:
    await world.server(named("one"), V1)
    await world.server(named("two"), V2)
    client = await world.client()

    assert (await client.get("/open-account/v1/instances")).text == "one"
    assert (await client.get("/open-account/v2/instances")).text == "two"
    assert (await client.post("/open-account/v2")).text == "two"


async def test_a_request_arrives_as_it_was_sent(world: World) -> None:
    server = Recorder()
    await world.server(server)
    client = await world.client()

    target = "/open-account/v1/users/a%2Fb%20c?q=1&q=%C3%A4&empty="
    response = await client.post(
        target, content=b"\x00body", headers={"X-Own": "mine", "Content-Type": "a/b"}
    )

    assert response.text == "done"
    assert server.scopes[0]["method"] == "POST"
    assert server.scopes[0]["raw_path"] + b"?" + server.scopes[0]["query_string"] == target.encode()
    assert server.bodies == [b"\x00body"]
    assert (server.header("x-own"), server.header("content-type")) == (["mine"], ["a/b"])
    assert server.header("content-length") == ["5"]


async def test_the_path_of_a_servers_url_is_put_before_that_of_requests(world: World) -> None:
    server = Recorder()
    announced = await world.server(server, [("other", "v1")])
    (found,) = await world.registry.alive()
    assert announced.id == found.id
    await world.announce(f"{found.url}/base", V1)
    client = await world.client()

    await client.get("/open-account/v1/x")

    assert server.scopes[0]["path"] == "/base/open-account/v1/x"


async def test_an_unknown_api_is_told_the_known_ones(world: World) -> None:
    await world.server(named("both"), [("open-account", "v2"), ("open-account", "v10"), ("close", "v7")])
    client = await world.client()

    response = await client.get("/open-account/v3/instances")

    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["versions"] == ["v2", "v10"]
    assert "has no api 'v3', known are v2, v10" in response.json()["detail"]


@pytest.mark.parametrize(
    "path", ["/cases/8f3a", "/", "/nothing", "/Open-Account/v1/x", "/%6Fpen-account/v1/x"]
)
async def test_an_unknown_case_is_told_the_known_ones(world: World, path: str) -> None:
    await world.server(named("both"), [("open-account", "v1"), ("close-account", "v1")])
    client = await world.client()

    response = await client.get(path)

    assert response.status_code == 404
    assert response.json()["cases"] == ["close-account", "open-account"]


async def test_a_server_that_was_just_announced_is_found_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("procession.gateway.api.watching.AT_MOST_EACH_SECONDS", 0.0)
    client = await world.client()
    assert (await client.get("/open-account/v1/x")).status_code == 404

    await world.server(named("one"))

    assert (await client.get("/open-account/v1/x")).text == "one"


async def test_a_known_api_without_a_server_is_to_be_tried_again_later(world: World) -> None:
    async with world.registry.announce(serves=V1, url="http://127.0.0.1:1"):
        pass
    client = await world.client()

    response = await client.get("/open-account/v1/x")

    assert (response.status_code, response.headers["retry-after"]) == (503, "2")
    assert "no server for open-account v1 takes requests now" in response.json()["detail"]


@pytest.mark.parametrize(
    "path", ["/open-account/v1/../v2/x", "/open-account/v1/%2e%2E/x", "/open-account/v1/."]
)
async def test_paths_that_lead_elsewhere_are_refused(world: World, path: str) -> None:
    server = Recorder()
    await world.server(server)
    gateway = await world.gateway()

    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    head = await reader.read()
    writer.close()

    assert head.startswith(b"HTTP/1.1 400 ")
    assert server.scopes == []


async def test_servers_of_one_api_take_turns(world: World) -> None:
    for name in ("one", "two", "three"):
        await world.server(named(name))
    client = await world.client()

    answers = [(await client.get("/open-account/v1/x")).text for _ in range(9)]

    assert sorted(answers) == ["one"] * 3 + ["three"] * 3 + ["two"] * 3


async def test_the_server_with_the_least_under_way_gets_the_next_request(world: World) -> None:
    held, go = asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Any, send: Any) -> None:
        held.set()
        await go.wait()
        await answer(send, b"slow")

    await world.server(slow)
    client = await world.client()
    waiting = asyncio.create_task(client.get("/open-account/v1/x"))
    await held.wait()
    await world.server(named("free"))
    ready = world.registry.alive

    async def both() -> bool:
        states = (await client.get("/health/ready")).json()["servers"]
        return len(states) == len(await ready()) == 2

    await until(both)
    assert [(await client.get("/open-account/v1/x")).text for _ in range(4)] == ["free"] * 4
    go.set()
    assert (await waiting).text == "slow"


async def test_one_that_drains_finishes_what_it_has_and_gets_nothing_new(world: World) -> None:
    held, go = asyncio.Event(), asyncio.Event()

    async def old(scope: Scope, receive: Any, send: Any) -> None:
        held.set()
        await go.wait()
        await answer(send, b"old")

    draining = await world.server(old)
    client = await world.client()
    waiting = asyncio.create_task(client.post("/open-account/v1/x"))
    await held.wait()

    # When it drains while there is no other one
    await draining.drain()

    async def refused() -> bool:
        return (await client.get("/health/ready")).status_code == 503

    await until(refused)

    # Then new requests are told to come later, and what it holds is answered
    assert (await client.post("/open-account/v1/x")).status_code == 503
    await world.server(named("new"))

    async def served() -> bool:
        return (await client.post("/open-account/v1/x")).text == "new"

    await until(served)
    go.set()
    assert (await waiting).text == "old"


async def test_two_processes_behind_one_url_are_one_server_until_both_drain(world: World) -> None:
    first = await world.server(named("shared"))
    (found,) = await world.registry.alive()
    assert found.url is not None
    second = await world.announce(found.url)
    client = await world.client()

    await first.drain()
    await world.gateway()  # another one, which sees that from its start
    assert (await client.get("/open-account/v1/x")).text == "shared"

    await second.drain()

    async def refused() -> bool:
        return (await client.get("/open-account/v1/x")).status_code == 503

    await until(refused)


async def test_without_the_registry_routes_stay_as_they_were(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.server(named("one"))
    gateway = await world.gateway()

    async def away(*_: object) -> None:
        raise StorageError("the database is away")

    with monkeypatch.context() as patch:
        patch.setattr(Registry, "known", away)
        await until(lambda: not gateway.readiness().ready)
        async with client_of(gateway) as client:
            assert (await client.get("/open-account/v1/x")).text == "one"
            found = await client.get("/health/ready")
        assert (found.status_code, found.json()["registry"]) == (200, "away")

    await until(lambda: gateway.readiness().ready)


async def test_servers_that_could_not_renew_their_leases_meanwhile_are_kept_for_a_while(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a server whose lease ends while the registry is away
    await world.server(named("one"))
    gateway = await world.gateway()
    lost = [structs.replace(one, standing=Standing.LOST) for one in await world.registry.known()]

    async def away(*_: object) -> None:
        raise StorageError("the database is away")

    async def back(*_: object) -> list[Registration]:
        return lost

    monkeypatch.setattr(Registry, "known", away)
    await until(lambda: not gateway.readiness().ready)
    async with client_of(gateway) as client:
        # When the registry is back, then it still gets requests
        monkeypatch.setattr(Registry, "known", back)
        await until(lambda: gateway.readiness().ready)
        assert (await client.get("/open-account/v1/x")).text == "one"

        # but not for long
        monkeypatch.setattr(watching, "FORGIVING_SECONDS", 0.0)
        while (found := await client.get("/open-account/v1/x")).status_code == 200:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        assert found.status_code == 503
