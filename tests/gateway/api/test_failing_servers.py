"""What happens to a request whose server is not there, or is lost."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from procession.gateway.api.body import KEPT_BYTES
from tests.servers import free_port

from .world import Recorder, Scope, World, named

PATH = "/open-account/v1/x"
KEY = {"Idempotency-Key": "k-1"}


class Dying:
    """Loses every connection once a request has come."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(x.split(b":")[1]) for x in head.split(b"\r\n") if b"ontent-length" in x.lower()), 0
        )
        self.requests.append(head + await reader.readexactly(length))
        writer.transport.abort()


async def test_where_nobody_listens_another_server_is_tried_whatever_the_request(world: World) -> None:
    for _ in range(3):
        await world.announce(f"http://127.0.0.1:{free_port()}")
    server = Recorder()
    await world.server(server)
    client = await world.client()

    for number in range(6):
        response = await client.post(PATH, content=b"%d" % number)
        assert response.text == "done"

    assert server.bodies == [b"%d" % number for number in range(6)]


async def test_where_nobody_listens_anywhere_the_client_is_to_try_again_later(world: World) -> None:
    await world.announce(f"http://127.0.0.1:{free_port()}")
    client = await world.client()

    response = await client.post(PATH)

    assert (response.status_code, response.headers["retry-after"]) == (503, "2")


@pytest.mark.parametrize(
    ("method", "headers"), [("GET", {}), ("PUT", {}), ("DELETE", {}), ("POST", KEY)], ids=str
)
async def test_what_may_be_repeated_goes_to_another_server(
    world: World, method: str, headers: dict[str, str]
) -> None:
    dying, server = Dying(), Recorder()
    await world.raw_server(dying.talk)
    await world.server(server)
    client = await world.client()

    for _ in range(2):  # one of them begins at the one that dies
        response = await client.request(method, PATH, content=b"body", headers=headers)
        assert response.text == "done"

    assert len(dying.requests) == 1
    assert dying.requests[0].endswith(b"body")
    assert server.bodies == [b"body", b"body"]


async def test_what_may_not_be_repeated_is_sent_once(world: World) -> None:
    dying, server = Dying(), Recorder()
    await world.raw_server(dying.talk)
    await world.server(server)
    client = await world.client()

    statuses = sorted([(await client.post(PATH, content=b"body")).status_code for _ in range(2)])

    assert statuses == [200, 502]
    assert (len(dying.requests), len(server.bodies)) == (1, 1)


async def test_a_long_body_is_not_kept_to_be_sent_again(world: World) -> None:
    dying = Dying()
    await world.raw_server(dying.talk)
    client = await world.client()

    response = await client.post(PATH, content=bytes(KEPT_BYTES + 1), headers=KEY)

    assert response.status_code == 502
    assert len(dying.requests) == 1


async def test_a_request_that_kills_servers_is_sent_three_times(world: World) -> None:
    dying = [Dying() for _ in range(5)]
    for one in dying:
        await world.raw_server(one.talk)
    client = await world.client()

    response = await client.get(PATH)

    assert response.status_code == 502
    assert sum(len(one.requests) for one in dying) == 3


async def test_the_only_server_is_tried_again_where_that_may_be(world: World) -> None:
    requests = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        await reader.readuntil(b"\r\n\r\n")
        requests += 1
        if requests > 1:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndone")
            await writer.drain()
        writer.close()

    await world.raw_server(talk)
    client = await world.client()

    assert (await client.get(PATH)).text == "done"


async def test_a_server_that_failed_is_tried_last_for_a_while(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("procession.gateway.api.upstream.DOWN_SECONDS", 3600.0)
    dying = Dying()
    await world.raw_server(dying.talk)
    await world.server(named("other"))
    client = await world.client()

    assert [(await client.get(PATH)).text for _ in range(10)] == ["other"] * 10
    assert len(dying.requests) == 1


async def test_a_server_that_does_not_answer_in_time_is_given_up_and_not_repeated(world: World) -> None:
    asked = 0

    async def hang(scope: Scope, receive: Any, send: Any) -> None:
        nonlocal asked
        asked += 1
        while (await receive())["type"] != "http.disconnect":
            pass

    await world.server(hang)
    client = await world.client(patience=timedelta(seconds=0.2))

    response = await client.get(PATH)

    assert response.status_code == 504
    assert "may still be at it" in response.json()["detail"]
    assert asked == 1


async def test_where_all_refuse_a_server_that_was_just_announced_is_found(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("procession.gateway.api.watching.AT_MOST_EACH_SECONDS", 0.0)
    monkeypatch.setattr("procession.gateway.api.watching.REFRESH", timedelta(hours=1))
    await world.announce(f"http://127.0.0.1:{free_port()}")
    client = await world.client()
    await world.server(named("new"))

    assert (await client.post(PATH)).text == "new"
