"""Business cases over HTTP, with a real client on a real socket."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from procession import Procession
from procession.errors import InvalidInput, ProcessionError
from procession.gateway.cases.server import CaseServer
from procession.gateway.listen import Listen
from procession.process.cases import BusinessCase, CaseManager, Context, stage

from .scene import AT_ONCE, KEYS


class Greet(BusinessCase, api="v1"):
    """GREET SOMEBODY"""

    HIDDEN = frozenset({"password"})
    retry = AT_ONCE

    @stage(first=True)
    async def wait(self, ctx: Context) -> Any:
        ctx.data["name"] = ctx.payload["name"]
        return ctx.next(delay=timedelta(seconds=ctx.payload.get("delay", 0)))

    @stage
    async def greet(self, ctx: Context) -> Any:
        return ctx.finish({"said": f"Hello {ctx.data['name']}", "password": ctx.payload.get("password")})


class GreetAgain(Greet, api="v2"):
    case_id = "greet"


@pytest.fixture
async def server(sqlite_url: str) -> AsyncIterator[CaseServer]:
    manager = CaseManager(Procession(sqlite_url), keys=KEYS)
    manager.register(Greet, GreetAgain)
    async with CaseServer(manager, Listen()) as serving:
        yield serving


@pytest.fixture
async def client(server: CaseServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=60) as http:
        yield http


async def test_a_client_starts_a_case_and_reads_its_result(client: httpx.AsyncClient) -> None:
    # When a client starts a case
    started = await client.post("/greet/v1", json={"name": "Ada", "password": "secret"})
    # Then it gets its id at once
    assert started.status_code == 202
    assert started.headers["location"] == started.json()["href"]
    # And the result when it is there, without what is hidden
    shown = (await client.get(started.json()["href"], params={"wait": 60})).json()
    assert (shown["status"], shown["stage"]) == ("FINISHED", None)
    assert shown["result"] == {"said": "Hello Ada", "password": "***"}
    stages = (await client.get(f"{started.json()['href']}/stages")).json()["stages"]
    assert [run["stage"] for run in stages] == ["wait", "greet"]


async def test_the_same_idempotency_key_starts_one_case(client: httpx.AsyncClient) -> None:
    requests = [
        client.post("/greet/v1", json={"name": "Ada"}, headers={"Idempotency-Key": "k"}) for _ in range(5)
    ]
    answers = [answer.json() for answer in await asyncio.gather(*requests)]
    assert len({answer["id"] for answer in answers}) == 1
    assert sorted(answer["created"] for answer in answers) == [False] * 4 + [True]


async def test_a_long_poll_answers_what_is_known_when_its_time_is_over(client: httpx.AsyncClient) -> None:
    started = (await client.post("/greet/v1", json={"name": "Ada", "delay": 3600})).json()
    shown = (await client.get(f"/cases/{started['id']}", params={"wait": 0.2})).json()
    assert (shown["status"], shown["stage"]) == ("WAITING", "greet")


async def test_events_come_until_the_case_has_ended(client: httpx.AsyncClient) -> None:
    started = (await client.post("/greet/v1", json={"name": "Ada", "delay": 0.3})).json()
    events: list[tuple[str, Any]] = []
    async with client.stream("GET", f"{started['href']}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        kind = ""
        async for line in stream.aiter_lines():
            name, _, value = line.partition(": ")
            if name == "event":
                kind = value
            elif name == "data":
                events.append((kind, json.loads(value)))
    assert events[-1] == ("end", {})
    assert events[-2][1]["status"] == "FINISHED"
    assert {kind for kind, _ in events[:-1]} == {"case"}


async def test_apis_are_separate(client: httpx.AsyncClient) -> None:
    started = (await client.post("/greet/v2", json={"name": "Ada"})).json()
    assert (await client.get(f"/greet/v1/cases/{started['id']}")).status_code == 404
    assert (await client.get(f"/greet/v2/cases/{started['id']}")).status_code == 200
    assert [one["id"] for one in (await client.get("/greet/v2/cases")).json()] == [started["id"]]
    assert (await client.get("/greet/v1/cases")).json() == []


@pytest.mark.parametrize(
    ("method", "path", "content", "status", "words"),
    [
        ("POST", "/greet/v9", b"{}", 404, "it has v1, v2"),
        ("POST", "/unknown/v1", b"{}", 404, "knows no such case"),
        ("POST", "/greet/v1", b"{bad", 400, "malformed"),
        ("POST", "/greet/v1", b'"' + b"x" * 5_000_000 + b'"', 413, ""),
        ("GET", "/cases/abc", None, 400, "is no id"),
        ("GET", "/cases/99999999999999999999999", None, 400, "is no id"),
        ("GET", "/cases/7", None, 404, "no case with key 7"),
        ("GET", "/cases/7/events", None, 404, "no case with key 7"),
        ("GET", "/cases/7?wait=-1", None, 400, "wait"),
        ("GET", "/cases/7?wait=1e9", None, 400, "wait"),
        ("GET", "/greet/v1/cases?status=NONE", None, 400, "status"),
        ("GET", "/greet/v1/cases?limit=0", None, 400, "limit"),
        ("DELETE", "/greet/v1", None, 405, ""),
        ("GET", "/nothing", None, 404, ""),
    ],
)
async def test_wrong_requests_are_told_what_is_wrong(
    client: httpx.AsyncClient, method: str, path: str, content: bytes | None, status: int, words: str
) -> None:
    answer = await client.request(
        method, path, content=content, headers={"Content-Type": "application/json"} if content else {}
    )
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert words in problem["detail"]


async def test_its_health_says_what_it_serves(client: httpx.AsyncClient) -> None:
    answer = await client.get("/health")
    assert answer.status_code == 200
    assert answer.json()["cases"] == ["greet/v1", "greet/v2"]


async def test_openapi_describes_it(client: httpx.AsyncClient) -> None:
    described = (await client.get("/schema/openapi.json")).json()
    assert set(described["paths"]["/{case}/{api}"]) == {"post"}
    assert "/{case}/{api}/cases/{id}/events" in described["paths"]


async def test_stopping_answers_who_waits(server: CaseServer, client: httpx.AsyncClient) -> None:
    # Given a long poll and a stream of events of a case that goes on for an hour
    started = (await client.post("/greet/v1", json={"name": "Ada", "delay": 3600})).json()
    poll = asyncio.create_task(client.get(started["href"], params={"wait": 300}))

    told = asyncio.Event()

    async def read_events() -> None:
        async with client.stream("GET", f"{started['href']}/events") as stream:
            async for line in stream.aiter_lines():
                if line == "event: case":
                    told.set()

    events = asyncio.create_task(read_events())
    await told.wait()
    watch = server.manager._watching()
    while watch.waiting < 2:  # noqa: ASYNC110  # the server counts them, in tasks of its own
        await asyncio.sleep(0.01)
    # When the server stops
    await server.__aexit__(None, None, None)
    # Then both are answered, and the stream is at its end
    assert (await poll).json()["status"] == "WAITING"
    await events
    # And nothing is accepted any more
    with pytest.raises(httpx.ConnectError):
        await client.get("/health")
    await server.__aenter__()  # for the fixture, which leaves it


async def test_it_serves_tls(sqlite_url: str, tmp_path: Path) -> None:
    authority = trustme.CA()
    pair = authority.issue_cert("127.0.0.1")
    pair.private_key_pem.write_to_path(tmp_path / "key.pem")
    pair.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    manager = CaseManager(Procession(sqlite_url), keys=KEYS)
    manager.register(Greet)
    listen = Listen(certificate=tmp_path / "cert.pem", key=tmp_path / "key.pem")
    context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    async with CaseServer(manager, listen) as server, httpx.AsyncClient(verify=context) as https:
        assert (await https.get(f"https://127.0.0.1:{server.port}/health")).status_code == 200


async def test_what_cannot_be_served_is_told_at_once(server: CaseServer, sqlite_url: str) -> None:
    manager = CaseManager(Procession(sqlite_url), keys=KEYS)
    manager.register(Greet)
    with pytest.raises(ProcessionError, match="nothing can listen"):
        await CaseServer(manager, Listen(port=server.port)).__aenter__()
    with pytest.raises(InvalidInput, match="both a certificate and its key"):
        await CaseServer(manager, Listen(key=Path("x"))).__aenter__()
