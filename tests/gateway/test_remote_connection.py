"""Connections that are not there yet, break, and come again."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent import futures
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from pyzeebe.proto import gateway_pb2 as pb
from pyzeebe.proto import gateway_pb2_grpc as stubs

from procession import BearerCredentials, NotAllowed, NotReady, Procession
from procession.client.credentials import Credentials
from procession.workflow import WorkflowBuilder
from tests.building import bpmn, end, job, start
from tests.chaos.proxy import Proxy
from tests.gateway.clients import unique

LONG = timedelta(seconds=60)


@pytest.fixture
def id() -> str:
    """A job type, and the id of a process with one such job."""
    return unique("work")


@pytest.fixture
def proxy(server: str) -> Iterator[Proxy]:
    proxy = Proxy(int(server.rpartition(":")[2]))
    yield proxy
    proxy.close()


@pytest.fixture
def away() -> int:
    """A port where nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def one_task(id: str) -> bytes:
    return bpmn(start() + job("t", type=id) + end(), "s>t t>e", id=id)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(LONG.total_seconds()):
        while not condition():  # noqa: ASYNC110  # it may be about another process
            await asyncio.sleep(0.02)


async def test_entering_says_when_the_server_is_away(away: int) -> None:
    app = Procession(f"grpc://127.0.0.1:{away}", connect_timeout=timedelta(milliseconds=300))
    with pytest.raises(NotReady, match="could not be reached within"):
        await app.__aenter__()
    assert not app.readiness().ready


async def test_in_the_background_it_enters_at_once_and_says_that_it_is_not_ready(away: int) -> None:
    async with Procession(f"grpc://127.0.0.1:{away}", connect_timeout=None) as app:
        with pytest.raises(NotReady, match=r"no connection|cannot be reached"):
            await app.start("any")
        assert not app.readiness().ready


async def test_in_the_background_it_deploys_and_works_when_the_server_is_there(
    server: str, id: str, tmp_path: Path
) -> None:
    file = tmp_path / f"{id}.bpmn"
    file.write_bytes(one_task(id))
    app = Procession(f"grpc://{server}", connect_timeout=None)
    app.deploy(file)
    app.task(id)(lambda: {"done": True})
    async with app:
        await until(lambda: app.readiness().ready)
        assert await app.run(id, timeout=LONG) == {"done": True}


async def test_workers_and_calls_go_on_after_the_connection_was_cut(proxy: Proxy, id: str) -> None:
    app = Procession(f"grpc://127.0.0.1:{proxy.port}", connect_timeout=LONG)
    seen: set[int] = set()

    @app.task(id)
    async def work(n: int) -> None:
        if n not in seen and n % 2:
            proxy.cut(1, n)  # the answer has to find another connection
        seen.add(n)

    async with app:
        await app.deploy_files({f"{id}.bpmn": one_task(id)})
        for n in range(4):
            await start_once(app, id, n)
            await until(lambda n=n: n in seen)  # type: ignore[misc]  # a default in a lambda
        await until(lambda: app.readiness().ready)


async def start_once(app: Procession, id: str, n: int) -> None:
    """A start is not repeated by the client; what failed to connect may be."""
    async with asyncio.timeout(LONG.total_seconds()):
        while True:
            try:
                await app.start(id, {"n": n})
            except NotReady:
                await asyncio.sleep(0.05)
            else:
                return


async def test_an_answer_that_was_lost_is_given_again(proxy: Proxy, server: str, id: str) -> None:
    app = Procession(f"grpc://127.0.0.1:{proxy.port}", connect_timeout=LONG)
    calls = 0

    @app.task(id, timeout=timedelta(seconds=30))
    async def work() -> None:
        nonlocal calls
        calls += 1
        proxy.cut(1, 0)

    direct = Procession(f"grpc://{server}", connect_timeout=LONG)
    async with direct, app:
        await direct.deploy_files({f"{id}.bpmn": one_task(id)})
        assert await direct.run(id, timeout=timedelta(seconds=25)) == {}
    assert calls == 1


# --- credentials ----------------------------------------------------------------------------------


class Guarded(stubs.GatewayServicer):
    """Knows one token, and forgets it when told to."""

    def __init__(self) -> None:
        self.token = "token-1"
        self.seen: list[str] = []

    def Topology(self, request: pb.TopologyRequest, context: grpc.ServicerContext) -> pb.TopologyResponse:  # noqa: N802
        self._check(context)
        return pb.TopologyResponse()

    def PublishMessage(  # noqa: N802
        self, request: pb.PublishMessageRequest, context: grpc.ServicerContext
    ) -> pb.PublishMessageResponse:
        self._check(context)
        return pb.PublishMessageResponse(key=1)

    def _check(self, context: grpc.ServicerContext) -> None:
        sent = dict(context.invocation_metadata()).get("authorization", "")
        self.seen.append(str(sent))
        if sent != f"Bearer {self.token}":
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you?")


@pytest.fixture
async def guarded() -> AsyncIterator[tuple[Guarded, str]]:
    servicer = Guarded()
    server = grpc.server(futures.ThreadPoolExecutor(2))
    stubs.add_GatewayServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]  # generated
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield servicer, f"grpc://127.0.0.1:{port}"
    server.stop(None).wait()


async def test_a_server_that_refuses_the_credentials_is_named(guarded: tuple[Guarded, str]) -> None:
    _, url = guarded
    with pytest.raises(NotAllowed, match="who are you"):
        await Procession(url, credentials=BearerCredentials("wrong"), connect_timeout=LONG).__aenter__()


async def test_the_right_token_is_let_in(guarded: tuple[Guarded, str]) -> None:
    servicer, url = guarded
    async with Procession(url, credentials=BearerCredentials("token-1"), connect_timeout=LONG) as app:
        assert app.readiness().ready
    assert servicer.seen == ["Bearer token-1"]


async def test_it_is_not_ready_while_the_server_refuses_its_credentials(guarded: tuple[Guarded, str]) -> None:
    servicer, url = guarded
    app = Procession(url, credentials=BearerCredentials("wrong"), connect_timeout=None)
    async with app:
        await until(lambda: "who are you" in str(app.readiness().reason))
        assert not app.readiness().ready
        servicer.token = "wrong"
        await until(lambda: app.readiness().ready)


async def test_it_is_not_ready_any_more_when_the_server_forgets_it(guarded: tuple[Guarded, str]) -> None:
    servicer, url = guarded
    async with Procession(url, credentials=BearerCredentials("token-1"), connect_timeout=LONG) as app:
        servicer.token = "another"
        with pytest.raises(NotAllowed):
            await app.publish("message")
        assert "refuses the credentials" in str(app.readiness().reason)
        servicer.token = "token-1"
        await app.publish("message")
        assert app.readiness().ready


async def test_a_component_says_that_its_credentials_are_refused(
    guarded: tuple[Guarded, str], caplog: pytest.LogCaptureFixture
) -> None:
    _, url = guarded
    async with WorkflowBuilder("shop", url, credentials=BearerCredentials("wrong")).run() as workflow:
        with pytest.raises(NotAllowed, match="who are you"):
            await workflow.wait_until_ready(LONG)
        assert "refuses the credentials" in str(workflow.readiness().reason)
        with pytest.raises(NotReady, match="refuses the credentials"):
            await workflow.start("any")
    (record,) = (one for one in caplog.records if one.name == "procession.workflow")
    assert (record.levelname, "see to its credentials" in record.getMessage()) == ("ERROR", True)


class Renewed(Credentials):
    """A token that the server has forgotten, and then the right one."""

    allow_plaintext = False

    def __init__(self) -> None:
        self.tokens = ["Bearer forgotten", "Bearer token-1"]

    async def authorization(self) -> str:
        return self.tokens[0]

    def refused(self, authorization: str) -> bool:
        self.tokens.remove(authorization)
        return True


async def test_a_token_that_the_server_forgot_is_replaced_within_the_call(
    guarded: tuple[Guarded, str],
) -> None:
    servicer, url = guarded
    async with Procession(url, credentials=Renewed(), connect_timeout=LONG):
        pass
    assert servicer.seen == ["Bearer forgotten", "Bearer token-1"]
