"""The gateway's own paths, its end, and TLS."""

from __future__ import annotations

import asyncio
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from procession.errors import InvalidInput, ProcessionError, StorageError
from procession.gateway.api.server import ApiGateway
from procession.gateway.listen import Listen

from .world import HOST, PATIENCE, Scope, World, answer, client_of, named

PATH = "/open-account/v1/x"


async def test_health_tells_how_the_servers_do_but_not_where_they_are(world: World) -> None:
    client = await world.client()
    assert (await client.get("/health/ready")).status_code == 503
    assert (await client.get("/health/live")).status_code == 200
    assert (await client.get("/health")).json() == {"live": True}

    await world.server(named("one"))
    await client.get(PATH)

    ready = await client.get("/health/ready")
    assert ready.status_code == 200
    assert ready.json() == {
        "ready": True,
        "registry": "ok",
        "servers": [{"serves": ["open-account.v1"], "up": True, "in_flight": 0}],
    }


async def test_metrics_count_answers_by_case_api_and_status(world: World) -> None:
    await world.server(named("one"))
    client = await world.client()
    for path in (PATH, PATH, "/open-account/v9/x", "/other/v1"):
        await client.get(path)

    lines = (await client.get("/metrics")).text.splitlines()

    assert 'procession_gateway_requests_total{case="open-account",api="v1",status="200"} 2' in lines
    assert 'procession_gateway_requests_total{case="",api="",status="404"} 2' in lines
    assert "procession_gateway_in_flight 0" in lines
    assert "procession_gateway_upstreams 1" in lines


async def test_the_end_waits_for_requests_under_way_and_takes_no_new_ones(world: World) -> None:
    held, go = asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Any, send: Any) -> None:
        held.set()
        await go.wait()
        await answer(send, b"done")

    await world.server(slow)
    gateway = ApiGateway(world.url, Listen(host=HOST, port=0))
    await gateway.__aenter__()
    async with client_of(gateway) as client:
        waiting = asyncio.create_task(client.get(PATH))
        await held.wait()

        leaving = asyncio.create_task(gateway.__aexit__(None, None, None))
        async with asyncio.timeout(PATIENCE):
            while await _accepts(gateway.port):  # noqa: ASYNC110 - nothing else tells
                await asyncio.sleep(0.02)
        assert not leaving.done()
        go.set()

        assert (await waiting).text == "done"
        await asyncio.wait_for(leaving, PATIENCE)


async def _accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except ConnectionError:
        return False
    writer.close()
    return True


async def test_requests_that_take_longer_than_the_grace_are_cut_off(world: World) -> None:
    held, left = asyncio.Event(), asyncio.Event()

    async def hang(scope: Scope, receive: Any, send: Any) -> None:
        held.set()
        while (await receive())["type"] != "http.disconnect":
            pass
        left.set()

    await world.server(hang)
    async with ApiGateway(world.url, Listen(host=HOST, port=0), grace=timedelta(seconds=1)) as gateway:
        client = await world.stack.enter_async_context(client_of(gateway))
        waiting = asyncio.create_task(client.get(PATH))
        await held.wait()

    assert (await asyncio.gather(waiting, return_exceptions=True))[0] is not None
    await asyncio.wait_for(left.wait(), PATIENCE)


async def test_no_more_requests_are_accepted_than_there_are_connections_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("procession.gateway.api.server._limit", lambda: 1)
    held, go = asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Any, send: Any) -> None:
        held.set()
        await go.wait()
        await answer(send, b"done")

    await world.server(slow)
    client = await world.client()
    waiting = asyncio.create_task(client.get(PATH))
    await held.wait()

    refused = await client.get(PATH)
    go.set()

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    assert (await waiting).text == "done"
    assert (await client.get("/health/live")).status_code == 200


async def test_tls(world: World, tmp_path: Path, authority: trustme.CA) -> None:
    issued = authority.issue_cert(HOST)
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    await world.server(named("one"))
    listen = Listen(host=HOST, port=0, certificate=tmp_path / "cert.pem", key=tmp_path / "key.pem")
    gateway = await world.gateway(listen=listen)

    trust = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    async with httpx.AsyncClient(verify=trust, timeout=PATIENCE) as client:
        response = await client.get(f"https://{HOST}:{gateway.port}{PATH}")

    assert response.text == "one"


async def test_a_certificate_that_cannot_be_used_is_named(world: World, tmp_path: Path) -> None:
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("nothing")
    both = Listen(host=HOST, port=0, certificate=tmp_path / "cert.pem", key=tmp_path / "key.pem")
    one = Listen(host=HOST, port=0, certificate=tmp_path / "cert.pem")

    with pytest.raises(InvalidInput, match="cannot be used"):
        await ApiGateway(world.url, both).__aenter__()
    with pytest.raises(InvalidInput, match="both a certificate and its key"):
        await ApiGateway(world.url, one).__aenter__()


async def test_a_port_that_is_taken_is_named(world: World) -> None:
    gateway = await world.gateway()

    with pytest.raises(ProcessionError, match=f"nothing can listen on 127.0.0.1:{gateway.port}"):
        await ApiGateway(world.url, Listen(host=HOST, port=gateway.port)).__aenter__()


async def test_a_gateway_does_not_begin_without_its_registry(tmp_path: Path) -> None:
    gateway = ApiGateway(f"sqlite:///{tmp_path}/missing/x.db", Listen(host=HOST, port=0))

    with pytest.raises(StorageError):
        await gateway.__aenter__()
