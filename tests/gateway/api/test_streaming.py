"""Bodies pass in pieces, both ways, and nobody waits for one who has left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from .world import PATIENCE, Scope, World, answer, read

PATH = "/open-account/v1/x"
START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}


async def test_a_piece_of_an_upload_arrives_before_the_next_is_sent(world: World) -> None:
    pieces: asyncio.Queue[bytes] = asyncio.Queue()

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        more = True
        while more:
            message = await receive()
            more = message["more_body"]
            if message["body"]:
                pieces.put_nowait(message["body"])
        await answer(send, b"done")

    await world.server(app)
    client = await world.client()
    arrived = []

    async def upload() -> AsyncIterator[bytes]:
        for piece in (b"one", b"two", b"three"):
            yield piece
            arrived.append(await asyncio.wait_for(pieces.get(), PATIENCE))

    response = await client.post(PATH, content=upload())

    assert (response.text, arrived) == ("done", [b"one", b"two", b"three"])


async def test_a_piece_of_an_answer_arrives_before_the_next_is_made(world: World) -> None:
    wanted: asyncio.Queue[bytes] = asyncio.Queue()

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        await send(START)
        for _ in range(3):
            body = b"data: %b\n\n" % await wanted.get()
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    await world.server(app)
    client = await world.client()
    seen = []

    async with asyncio.timeout(PATIENCE), client.stream("GET", PATH) as response:
        wanted.put_nowait(b"0")
        async for piece in response.aiter_raw():
            seen.append(piece)
            wanted.put_nowait(b"%d" % len(seen))

    assert seen == [b"data: 0\n\n", b"data: 1\n\n", b"data: 2\n\n"]


async def test_large_bodies_pass_unchanged(world: World) -> None:
    async def echo(scope: Scope, receive: Any, send: Any) -> None:
        await answer(send, await read(receive))

    await world.server(echo)
    client = await world.client()
    content = bytes(range(256)) * 16_384  # 4 MiB

    assert (await client.put(PATH, content=content)).content == content


@pytest.mark.parametrize("begins", [False, True], ids=["waiting", "streaming"])
async def test_a_client_that_leaves_ends_the_request_at_the_server(world: World, begins: bool) -> None:
    held, left = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        await read(receive)
        if begins:
            await send(START)
            await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        held.set()
        while (await receive())["type"] != "http.disconnect":
            pass
        left.set()

    await world.server(app)
    client = await world.client()

    async def ask() -> None:
        async with client.stream("POST", PATH, content=b"{}") as response:
            await response.aread()

    asking = asyncio.create_task(ask())
    await asyncio.wait_for(held.wait(), PATIENCE)
    asking.cancel()

    await asyncio.wait_for(left.wait(), PATIENCE)


async def test_a_client_that_leaves_within_its_upload_ends_the_request_at_the_server(world: World) -> None:
    begun, left = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        while (message := await receive())["type"] != "http.disconnect":
            assert message["more_body"]
            begun.set()
        left.set()

    await world.server(app)
    client = await world.client()

    async def upload() -> AsyncIterator[bytes]:
        yield b"one"
        await asyncio.Event().wait()

    asking = asyncio.create_task(client.post(PATH, content=upload()))
    await asyncio.wait_for(begun.wait(), PATIENCE)
    asking.cancel()

    await asyncio.wait_for(left.wait(), PATIENCE)


async def test_a_server_makes_no_more_than_the_client_takes(world: World) -> None:
    whole, piece = 512 * 1024 * 1024, bytes(64 * 1024)
    made = 0

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        nonlocal made
        await send(START)
        while made < whole:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            made += len(piece)

    await world.server(app)
    client = await world.client()

    async with client.stream("GET", PATH) as response:
        # Given a client that has read the first piece and takes no more
        pieces = response.aiter_raw()
        await anext(pieces)

        # When the server has made nothing for a while
        before = -1
        while made != before:
            before = made
            await asyncio.sleep(0.5)

        # Then there is far more that it has not made
        assert made < whole // 4
        await pieces.aclose()  # type: ignore[attr-defined] # an async generator


async def test_an_answer_that_ends_in_the_middle_does_so_for_the_client(world: World) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        await writer.drain()
        writer.close()

    await world.raw_server(talk)
    client = await world.client()

    with pytest.raises(httpx.RemoteProtocolError):
        await client.get(PATH)

    assert "procession_gateway_broken_answers_total 1" in (await client.get("/metrics")).text


async def test_an_answer_before_the_end_of_the_upload_is_passed_back(world: World) -> None:
    async def refuse(scope: Scope, receive: Any, send: Any) -> None:
        await answer(send, b"too large", status=413)

    await world.server(refuse)
    client = await world.client()

    response = await client.post(PATH, content=bytes(32 * 1024 * 1024))

    assert (response.status_code, response.text) == (413, "too large")


async def test_a_slow_upload_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("procession.gateway.api.body.RECEIVE_SECONDS", 0.2)
    left = asyncio.Event()

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        left.set()

    await world.server(app)
    gateway = await world.gateway()

    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf".encode())
    status = await asyncio.wait_for(reader.readline(), PATIENCE)
    writer.close()

    assert status.startswith(b"HTTP/1.1 408 ")
    await asyncio.wait_for(left.wait(), PATIENCE)


async def test_a_connection_that_brings_no_request_is_closed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("procession.gateway.api.connections.HEAD_SECONDS", 0.2)
    gateway = await world.gateway()

    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(b"GET / HTTP/1.1\r\nHost:")

    assert await asyncio.wait_for(reader.read(), PATIENCE) == b""
    writer.close()


async def test_an_answer_may_take_longer_than_the_head_of_a_request(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("procession.gateway.api.connections.HEAD_SECONDS", 0.1)

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.5)
        await answer(send, b"done")

    await world.server(app)
    client = await world.client()

    assert (await client.get(PATH)).text == "done"
