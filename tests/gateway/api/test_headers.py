"""What is added to a request, and what goes no further than one connection."""

from __future__ import annotations

import asyncio
from typing import Any

from .world import Recorder, Scope, World, answer, read

SPOOFED = {
    "X-Forwarded-For": "10.1.1.1",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "bank.example",
    "Forwarded": "for=10.1.1.1",
    "X-Real-IP": "10.1.1.1",
}
PATH = "/open-account/v1/x"


async def test_the_server_learns_who_asks_and_by_what_name(world: World) -> None:
    server = Recorder()
    await world.server(server)
    client = await world.client()

    await client.get(PATH, headers={"Host": "shop.example", **SPOOFED})

    assert server.header("host") == ["shop.example"]
    assert server.header("x-forwarded-for") == ["127.0.0.1"]
    assert server.header("x-forwarded-proto") == ["http"]
    assert server.header("x-forwarded-host") == ["shop.example"]
    assert server.header("forwarded") == server.header("x-real-ip") == []


async def test_what_a_trusted_proxy_says_is_kept_and_made_longer(world: World) -> None:
    server = Recorder()
    await world.server(server)
    client = await world.client(trust_forwarded=True)

    await client.get(PATH, headers=SPOOFED)

    assert server.header("x-forwarded-for") == ["10.1.1.1, 127.0.0.1"]
    assert server.header("x-forwarded-proto") == ["https"]
    assert server.header("x-forwarded-host") == ["bank.example"]
    assert server.header("x-real-ip") == ["10.1.1.1"]


async def test_headers_of_a_connection_end_with_it(world: World) -> None:
    async def app(scope: Scope, receive: Any, send: Any) -> None:
        recorder.scopes.append(scope)
        await read(receive)
        own = (b"connection", b"x-hop"), (b"x-hop", b"1"), (b"keep-alive", b"timeout=5"), (b"x-end", b"2")
        await answer(send, b"done", *own)

    recorder = Recorder()
    await world.server(app)
    client = await world.client()
    sent = {"Connection": "x-gone, keep-alive", "X-Gone": "1", "TE": "trailers", "Proxy-Authorization": "p"}

    response = await client.get(PATH, headers=sent | {"X-Stays": "2", "Upgrade": "websocket"})

    for name in ("x-gone", "te", "proxy-authorization", "upgrade", "connection"):
        assert recorder.header(name) == []
    assert recorder.header("x-stays") == ["2"]
    assert "x-hop" not in response.headers
    assert "keep-alive" not in response.headers
    assert (response.headers["x-end"], response.text) == ("2", "done")


async def test_several_headers_of_one_name_stay_several_both_ways(world: World) -> None:
    async def app(scope: Scope, receive: Any, send: Any) -> None:
        recorder.scopes.append(scope)
        await answer(send, b"", (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"))

    recorder = Recorder()
    await world.server(app)
    client = await world.client()

    response = await client.get(PATH, headers=[("X-Many", "1"), ("X-Many", "2")])

    assert recorder.header("x-many") == ["1", "2"]
    assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
    client.cookies.clear()
    await client.get(PATH)
    assert recorder.header("cookie") == []  # the gateway keeps none


async def test_a_request_with_two_lengths_is_passed_on_with_one(world: World) -> None:
    server = Recorder()
    await world.server(server)
    gateway = await world.gateway()

    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n"
    writer.write(f"{head}Connection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n".encode())
    await reader.read()
    writer.close()

    # Then either it was refused, or it came with the one length that counts
    assert server.bodies in ([], [b"hello"])
    if server.scopes:
        assert (server.header("content-length"), server.header("transfer-encoding")) == ([], ["chunked"])


async def test_statuses_and_empty_answers_come_back_as_they_are(world: World) -> None:
    async def app(scope: Scope, receive: Any, send: Any) -> None:
        status = int(scope["query_string"])
        length = () if status == 204 else ((b"content-length", b"7"),)
        body = b"" if scope["method"] == "HEAD" or status in (204, 304) else b"content"
        await answer(send, body, *length, status=status)

    await world.server(app)
    client = await world.client()

    assert (await client.get(f"{PATH}?201")).text == "content"
    assert (await client.get(f"{PATH}?204")).status_code == 204
    assert (await client.get(f"{PATH}?304")).status_code == 304
    assert (await client.get(f"{PATH}?500")).status_code == 500
    head = await client.head(f"{PATH}?200")
    assert (head.headers["content-length"], head.content) == ("7", b"")
